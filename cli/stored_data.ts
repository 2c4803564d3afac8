import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Storage, StorageError } from "../core/contracts/storage.ts";
import { ApacheStorage } from "../storage/apache/mod.ts";
import { SqliteStorage } from "../storage/sqlite/mod.ts";
import { EXIT_CODES } from "./exit_codes.ts";

/** The data of a stopped server. */
export interface StoredData {
  readonly format: "SQLite" | "Apache's files";
  readonly storage: Storage;
}

/** The data in a folder, by what lies in it; nothing is opened. Undefined when it is no data. */
export function findStoredData(folder: string, logFolder?: string): StoredData | undefined {
  if (existsSync(join(folder, "log.db"))) {
    return { format: "SQLite", storage: new SqliteStorage({ path: folder }) };
  }
  if (!existsSync(join(folder, "version-2"))) return undefined;
  const storage = new ApacheStorage({ dataDir: folder, dataLogDir: logFolder });
  return { format: "Apache's files", storage };
}

/**
 * Does something with the data in a folder, and closes it again. Failures of the storage go to
 * standard error.
 *
 * @returns what `use` returned, or another one of `EXIT_CODES`.
 */
export async function withStoredData(
  { folder, logFolder }: { readonly folder: string; readonly logFolder?: string | undefined },
  use: (data: StoredData) => Promise<number>,
): Promise<number> {
  const data = findStoredData(folder, logFolder);
  if (data === undefined) {
    console.error(`zookit: ${folder} has neither log.db nor version-2: is it a data folder?`);
    return EXIT_CODES.usage;
  }
  try {
    return await use(data);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    console.error(`zookit: ${error.message}`);
    if (error.kind === "locked") {
      console.error("zookit: stop that server, or look at a backup: zookit backup");
    }
    return EXIT_CODES.storage;
  } finally {
    await data.storage.close();
  }
}
