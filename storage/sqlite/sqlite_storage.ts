import type { Metrics } from "../../core/contracts/metrics.ts";
import { StorageError } from "../../core/contracts/storage.ts";
import type { Binding } from "./connection.ts";
import { loadPackageBinding } from "./package_binding.ts";
import { SqliteDisk } from "./sqlite_disk.ts";
import { StorageEngine } from "./storage_engine.ts";
import { HAS_RUNTIME_SQLITE, WORKER_BINDING } from "./worker_binding.ts";

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

  constructor({ path, sqlite }: SqliteOptions, metrics?: Metrics) {
    const disk = new SqliteDisk(path, () => loadBinding(sqlite));
    super(disk);
    this.#disk = disk;
    const help = "bytes of SQLite's write-ahead log";
    metrics?.gauge("log_wal_bytes", `${help} beside log.db`, () => this.walBytes.log);
    metrics?.gauge("tree_wal_bytes", `${help} beside tree.db`, () => this.walBytes.tree);
  }

  /** Bytes of the write-ahead logs of log.db and tree.db; bounded unless somebody reads tree.db. */
  get walBytes(): { readonly log: number; readonly tree: number } {
    return this.#disk.walBytes;
  }
}

async function loadBinding(sqlite: SqliteOptions["sqlite"]): Promise<Binding> {
  if (sqlite !== "runtime") {
    try {
      return await loadPackageBinding();
    } catch (cause) {
      if (sqlite === "package" || !HAS_RUNTIME_SQLITE) {
        throw new StorageError("io", "the npm package sqlite3 cannot be loaded", { cause });
      }
    }
  }
  if (HAS_RUNTIME_SQLITE) return WORKER_BINDING;
  throw new StorageError("io", "this runtime has no SQLite of its own; npm install sqlite3");
}
