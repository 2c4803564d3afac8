import type { Database, Statement as Prepared } from "sqlite3";
import { StorageError } from "../../core/contracts/storage.ts";
import {
  type Binding,
  type Connection,
  type Row,
  type Statement,
  sqliteError,
  type Value,
} from "./connection.ts";

type Sqlite3 = typeof import("sqlite3");
type Failure = (Error & { readonly errno?: number }) | null;

/** The npm package `sqlite3`, which works in libuv's threads. @throws when it is not installed. */
export async function loadPackageBinding(): Promise<Binding> {
  const module = (await import("sqlite3")) as unknown as { readonly default: Sqlite3 };
  return { connect: (path) => connect(module.default, path) };
}

function connect({ Database }: Sqlite3, path: string): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const database = new Database(path, (failure: Failure) => {
      if (failure === null) resolve(new PackageConnection(database));
      else reject(errorOf(failure, path));
    });
    database.serialize();
  });
}

class PackageConnection implements Connection {
  readonly #database: Database;
  readonly #prepared = new Map<string, Prepared>();
  /** Why a statement could not be prepared; its use says only that it is unusable. */
  readonly #failures = new Map<string, Error>();
  /** The transaction under way, which others wait for; undefined nearly always. */
  #transaction: Promise<void> | undefined;
  #isClosed = false;

  constructor(database: Database) {
    this.#database = database;
  }

  async run(sql: string, values: readonly Value[]): Promise<void> {
    while (this.#transaction !== undefined) await this.#transaction.catch(() => {});
    return this.#run(sql, values);
  }

  async all(sql: string, values: readonly Value[]): Promise<Row[]> {
    while (this.#transaction !== undefined) await this.#transaction.catch(() => {});
    const statement = this.#prepare(sql);
    return new Promise((resolve, reject) => {
      statement.all(...values.map(bindable), (failure: Failure, rows: Row[]) => {
        if (failure === null) resolve(rows);
        else reject(this.#errorOf(failure, sql));
      });
    });
  }

  async transact(statements: readonly Statement[]): Promise<void> {
    const [first] = statements;
    // One statement is atomic by itself; three calls would wake a thread three times.
    if (first !== undefined && statements.length === 1) return this.run(...first);
    while (this.#transaction !== undefined) await this.#transaction.catch(() => {});
    this.#transaction = this.#transact(statements);
    try {
      await this.#transaction;
    } finally {
      this.#transaction = undefined;
    }
  }

  async #transact(statements: readonly Statement[]): Promise<void> {
    await this.#run("BEGIN IMMEDIATE", []);
    try {
      for (const [sql, values] of statements) await this.#run(sql, values);
      await this.#run("COMMIT", []);
    } catch (error) {
      // SQLite may have rolled back by itself; the first failure is the one to tell.
      await this.#run("ROLLBACK", []).catch(() => {});
      throw error;
    }
  }

  #run(sql: string, values: readonly Value[]): Promise<void> {
    const statement = this.#prepare(sql);
    return new Promise((resolve, reject) => {
      statement.run(...values.map(bindable), (failure: Failure) => {
        if (failure === null) resolve();
        else reject(this.#errorOf(failure, sql));
      });
    });
  }

  #prepare(sql: string): Prepared {
    if (this.#isClosed) throw new StorageError("closed", "the connection is closed");
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql, (failure: Failure) => {
        if (failure !== null) this.#failures.set(sql, failure);
      });
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  #errorOf(failure: Error, sql: string): StorageError {
    const cause = this.#failures.get(sql) ?? failure;
    if (this.#failures.delete(sql)) this.#prepared.delete(sql); // The next use may succeed.
    return errorOf(cause, sql);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    while (this.#transaction !== undefined) await this.#transaction.catch(() => {});
    this.#isClosed = true;
    for (const statement of this.#prepared.values()) {
      await new Promise<void>((resolve) => statement.finalize(() => resolve()));
    }
    await new Promise<void>((resolve, reject) => {
      this.#database.close((failure: Failure) => {
        if (failure === null) resolve();
        else reject(errorOf(failure, "close"));
      });
    });
  }
}

/** The package takes bytes as `Buffer` only. */
function bindable(value: Value): string | number | Buffer {
  if (!(value instanceof Uint8Array)) return value;
  return Buffer.from(value.buffer, value.byteOffset, value.length);
}

function errorOf(failure: Error & { readonly errno?: number }, during: string): StorageError {
  return sqliteError(failure.errno ?? 0, `${failure.message} (${during})`, failure);
}
