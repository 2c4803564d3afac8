import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "../core/kernel/plugin.ts";
import { apacheStorage } from "../storage/apache/mod.ts";
import { memoryStorage } from "../storage/memory/mod.ts";
import { sqliteStorage } from "../storage/sqlite/mod.ts";
import type { ServerConfig } from "./config/server_config.ts";

/**
 * SQLite, but for a data directory that an Apache server has left: its files are used as they are,
 * so that either server may come next.
 */
export function chooseStorage({ dataDir, dataLogDir }: ServerConfig): Plugin {
  if (dataDir === undefined) return memoryStorage();
  if (isApaches(dataDir)) return apacheStorage({ dataDir, dataLogDir });
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
