/**
 * Storage in two SQLite files: a log that is synced before anything is acknowledged, and the tree
 * as of the last checkpoint, which `sqlite3 tree.db 'SELECT * FROM znode'` shows. See docs/storage.md.
 *
 * ```ts
 * import { sqliteStorage } from "zookit/storage/sqlite";
 *
 * console.log(sqliteStorage({ path: "zookit-data" }).name); // storage-sqlite
 * ```
 */
import { STORAGE } from "../../core/contracts/storage.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { type SqliteOptions, SqliteStorage } from "./sqlite_storage.ts";

export { type SqliteOptions, SqliteStorage } from "./sqlite_storage.ts";

/** Keeps log, tree and epochs in a directory. Nothing is opened before the server starts. */
export function sqliteStorage(options: SqliteOptions): Plugin {
  return {
    name: "storage-sqlite",
    provides: [STORAGE],
    requires: [],
    register: (container) => container.provide(STORAGE, () => new SqliteStorage(options)),
  };
}
