import type { Binding } from "./connection.ts";
import { loadPackageBinding } from "./package_binding.ts";
import { SqliteDisk } from "./sqlite_disk.ts";
import { StorageEngine } from "./storage_engine.ts";
import { WORKER_BINDING } from "./worker_binding.ts";

/** Where the files are, and which SQLite reads them. */
export interface SqliteOptions {
  /** The directory; made, with mode 0700, when it does not exist. */
  readonly path: string;
  /**
   * `package` is npm's `sqlite3`, `runtime` the runtime's own in worker threads (not on Node 20).
   * Left out: the package where it can be loaded, else the runtime's. The files are the same.
   */
  readonly sqlite?: "package" | "runtime";
}

/** A {@link Storage} in SQLite files. */
export class SqliteStorage extends StorageEngine {
  readonly #disk: SqliteDisk;

  constructor({ path, sqlite }: SqliteOptions) {
    const disk = new SqliteDisk(path, () => loadBinding(sqlite));
    super(disk);
    this.#disk = disk;
  }

  /** Bytes of the write-ahead logs of log.db and tree.db; bounded unless somebody reads tree.db. */
  get walBytes(): { readonly log: number; readonly tree: number } {
    return this.#disk.walBytes;
  }
}

async function loadBinding(sqlite: SqliteOptions["sqlite"]): Promise<Binding> {
  if (sqlite === "runtime") return WORKER_BINDING;
  try {
    return await loadPackageBinding();
  } catch (error) {
    if (sqlite === "package") throw error;
    return WORKER_BINDING;
  }
}
