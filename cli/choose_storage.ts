import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "../core/kernel/plugin.ts";
import type { ServerConfig } from "./config/server_config.ts";

/**
 * SQLite, but for a data directory that an Apache server has left: its files are used as they are,
 * so that either server may come next.
 */
export async function chooseStorage({ dataDir, dataLogDir }: ServerConfig): Promise<Plugin> {
  if (dataDir === undefined) {
    const { memoryStorage } = await import("../storage/memory/mod.ts");
    return memoryStorage();
  }
  if (isApaches(dataDir)) {
    const { apacheStorage } = await import("../storage/apache/mod.ts");
    return apacheStorage({ dataDir, dataLogDir });
  }
  const { sqliteStorage } = await import("../storage/sqlite/mod.ts");
  return sqliteStorage({ path: dataDir });
}

/** What an operator should hear about that choice; undefined when it is what everybody expects. */
export function storageNotice({ dataDir, dataLogDir }: ServerConfig): string | undefined {
  if (dataDir === undefined) return undefined;
  if (isApaches(dataDir)) {
    return (
      `${dataDir} holds the files of an Apache ZooKeeper server, which are used in place; ` +
      "zookit import makes a copy in SQLite"
    );
  }
  if (dataLogDir === undefined || dataLogDir === dataDir) return undefined;
  return `dataLogDir has no effect: SQLite's files are all in ${dataDir}`;
}

/** Whether a folder is the `dataDir` of an Apache server, and of none of ours. */
function isApaches(folder: string): boolean {
  return existsSync(join(folder, "version-2")) && !existsSync(join(folder, "log.db"));
}
