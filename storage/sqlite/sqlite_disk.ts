import { existsSync, statSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { closedError, StorageError } from "../../core/contracts/storage.ts";
import type { Binding, Connection } from "./connection.ts";
import type { Disk, LogFile, TreeFile } from "./disk.ts";
import { FailStopConnection } from "./fail_stop.ts";
import { requireSound } from "./log_check.ts";
import { LOG_SCHEMA, prepareSchema, TREE_SCHEMA } from "./schema.ts";
import { SqliteLog } from "./sqlite_log.ts";
import { SqliteTree } from "./sqlite_tree.ts";
import { checkWal } from "./wal.ts";

/**
 * A row of the log is one commit, tens of kilobytes under load: with larger pages it is written,
 * and moved into the file, in fewer pieces. A commit of one small write takes no longer.
 */
const LOG_PAGE_BYTES = 16_384;
/** Pages after which SQLite moves the write-ahead log into the file, while a commit waits. */
const LOG_WAL_PAGES = 250;
const TREE_WAL_PAGES = 4_000;
/** A write-ahead log is cut to this once it is empty; it grows while an operator reads tree.db. */
const WAL_BYTES_KEPT = 32 << 20;
/** How long a change of tree.db waits for an operator's command that holds it. */
const TREE_BUSY_MS = 10_000;
const LOCK_FILE = "lock.db";
const LOG_FILE = "log.db";
const TREE_FILE = "tree.db";
const SCHEMAS: Readonly<Record<string, readonly string[]>> = {
  [LOG_FILE]: LOG_SCHEMA,
  [TREE_FILE]: TREE_SCHEMA,
};

/** A directory with log.db, tree.db and the file that locks it. */
export class SqliteDisk implements Disk {
  readonly #path: string;
  readonly #loadBinding: () => Promise<Binding>;
  #connections: Connection[] = [];
  #log: SqliteLog | undefined;
  #tree: SqliteTree | undefined;

  /** @param path the directory; made, for its owner only, when it does not exist. */
  constructor(path: string, loadBinding: () => Promise<Binding>) {
    this.#path = path;
    this.#loadBinding = loadBinding;
  }

  get log(): LogFile {
    return required(this.#log);
  }

  get tree(): TreeFile {
    return required(this.#tree);
  }

  /** Bytes of the write-ahead logs; they stay bounded unless somebody holds tree.db open. */
  get walBytes(): { readonly log: number; readonly tree: number } {
    const size = (name: string): number =>
      statSync(join(this.#path, `${name}-wal`), { throwIfNoEntry: false })?.size ?? 0;
    return { log: size(LOG_FILE), tree: size(TREE_FILE) };
  }

  async open(): Promise<void> {
    try {
      const binding = await this.#loadBinding();
      await this.#makeDirectory();
      await this.#takeLock(binding);
      for (const name of [LOG_FILE, TREE_FILE]) {
        requireSound(await checkWal(join(this.#path, `${name}-wal`)));
      }
      this.#tree = new SqliteTree(
        await this.#connect(binding, TREE_FILE, [
          `PRAGMA busy_timeout = ${TREE_BUSY_MS}`,
          `PRAGMA wal_autocheckpoint = ${TREE_WAL_PAGES}`,
        ]),
      );
      // Nobody but the server looks into the log, which saves it the locks of each commit.
      const log = await this.#connect(binding, LOG_FILE, [
        "PRAGMA locking_mode = EXCLUSIVE",
        `PRAGMA wal_autocheckpoint = ${LOG_WAL_PAGES}`,
      ]);
      const [problem] = await checkFile(log, LOG_FILE);
      requireSound(problem);
      this.#log = new SqliteLog(log);
    } catch (error) {
      await this.close();
      if (error instanceof StorageError) throw error;
      const cause = error as Error;
      throw new StorageError("io", `${this.#path}: ${cause.message}`, { cause });
    }
  }

  async damage(): Promise<string[]> {
    const found: string[] = [];
    for (const [index, name] of [TREE_FILE, LOG_FILE].entries()) {
      found.push(...(await checkFile(this.#connections[index + 1]!, name)));
    }
    return found;
  }

  async close(): Promise<void> {
    this.#log = undefined;
    this.#tree = undefined;
    // The lock, which came first, goes last.
    for (const connection of this.#connections.splice(0).reverse()) await connection.close();
  }

  async #makeDirectory(): Promise<void> {
    const path = resolve(this.#path);
    await makeDirectory(path);
    for (const name of [LOCK_FILE, LOG_FILE, TREE_FILE]) await makeFile(join(path, name));
    await syncDirectory(path); // The names themselves must survive, too.
  }

  /** An open transaction on a file of its own: it ends with the process, however that ends. */
  async #takeLock(binding: Binding): Promise<void> {
    const lock = await binding.connect(join(this.#path, LOCK_FILE));
    this.#connections.push(lock);
    try {
      await lock.run("BEGIN EXCLUSIVE", []);
    } catch (cause) {
      if (!(cause instanceof StorageError) || cause.kind !== "locked") throw cause;
      throw new StorageError("locked", `${this.#path} is in use by another server`, { cause });
    }
  }

  async #connect(binding: Binding, name: string, pragmas: readonly string[]): Promise<Connection> {
    const connection = new FailStopConnection(await binding.connect(join(this.#path, name)));
    this.#connections.push(connection);
    for (const pragma of pragmas) await connection.all(pragma, []);
    const pageBytes = name === LOG_FILE ? [`PRAGMA page_size = ${LOG_PAGE_BYTES}`] : [];
    await prepareSchema(connection, join(this.#path, name), SCHEMAS[name]!, [
      ...pageBytes, // Before the journal's mode, which makes the file.
      "PRAGMA journal_mode = WAL",
      "PRAGMA synchronous = FULL",
      `PRAGMA journal_size_limit = ${WAL_BYTES_KEPT}`,
    ]);
    return connection;
  }
}

function required<T>(part: T | undefined): T {
  if (part === undefined) throw closedError();
  return part;
}

/** SQLite's own check of its pages. */
async function checkFile(connection: Connection, name: string): Promise<string[]> {
  const rows = await connection.all("PRAGMA quick_check", []);
  const lines = rows.map((row) => String(row["quick_check"]));
  return lines.filter((line) => line !== "ok").map((line) => `${name}: ${line}`);
}

/** Durably, with those above it. Node's own way to do so never ends below /proc. */
async function makeDirectory(path: string): Promise<void> {
  if (existsSync(path)) return;
  await makeDirectory(dirname(path));
  await mkdir(path, { mode: 0o700 }).catch((error) => {
    // Another one may have been as quick.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  });
  await syncDirectory(dirname(path));
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** For its owner only; SQLite gives the files beside it the same mode. */
async function makeFile(path: string): Promise<void> {
  try {
    await (await open(path, "ax", 0o600)).close();
  } catch (error) {
    if ((error as { readonly code?: string }).code !== "EEXIST") throw error;
  }
}
