/**
 * Storage in two SQLite files: a log that is synced before anything is acknowledged, and a tree as
 * of the last checkpoint, which `sqlite3 tree.db 'SELECT * FROM znode'` shows; see docs/storage.md.
 *
 * ```ts
 * import { sqliteStorage } from "zookit/storage/sqlite";
 *
 * console.log(sqliteStorage({ path: "zookit-data" }).name); // storage-sqlite
 * ```
 */
import { METRICS } from "../../core/contracts/metrics.ts";
import { STORAGE } from "../../core/contracts/storage.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { type SqliteOptions, SqliteStorage } from "./sqlite_storage.ts";

export { type SqliteOptions, SqliteStorage } from "./sqlite_storage.ts";

/** Keeps log, tree and epochs in a directory. Nothing is opened before the server starts. */
export function sqliteStorage(options: SqliteOptions): Plugin {
  return {
    name: "storage-sqlite",
    provides: [STORAGE],
    requires: [METRICS],
    register: (container) => {
      container.provide(STORAGE, () => new SqliteStorage(options, container.get(METRICS)));
    },
  };
}
