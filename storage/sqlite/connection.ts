import { StorageError } from "../../core/contracts/storage.ts";

/** What may be bound to a parameter. Numbers are safe integers. */
export type Value = string | number | Uint8Array;

/** A result row, by column name. */
export type Row = Readonly<Record<string, Value | null>>;

/** One statement with its parameters, bound to `?1`, `?2` and so on. */
export type Statement = readonly [sql: string, values: readonly Value[]];

/**
 * One connection to one SQLite file that works off the event loop. Calls are carried out one after
 * the other, in order. Statements are prepared once for each text.
 *
 * @throws {StorageError} from every method, with the kind that SQLite's result code means.
 */
export interface Connection {
  run(sql: string, values: readonly Value[]): Promise<void>;
  all(sql: string, values: readonly Value[]): Promise<Row[]>;
  /** All of them or none; nothing of another call comes between. */
  transact(statements: readonly Statement[]): Promise<void>;
  close(): Promise<void>;
}

/** A way to SQLite: a package or a runtime's own. */
export interface Binding {
  /** Opens or makes a file. */
  connect(path: string): Promise<Connection>;
}

const BUSY = 5;
const LOCKED = 6;
const CORRUPT = 11;
const FULL = 13;
const NOT_A_DATABASE = 26;

/** The {@link StorageError} for SQLite's result code; extended codes have the plain one below. */
export function sqliteError(code: number, message: string, cause: unknown): StorageError {
  const options = { cause };
  switch (code & 0xff) {
    case BUSY:
    case LOCKED:
      return new StorageError("locked", message, options);
    case CORRUPT:
    case NOT_A_DATABASE:
      return new StorageError("damaged", message, options);
    case FULL:
      return new StorageError("full", message, options);
    default:
      return new StorageError("io", message, options);
  }
}
