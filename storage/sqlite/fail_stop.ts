import type { StorageError } from "../../core/contracts/storage.ts";
import type { Connection, Row, Statement, Value } from "./connection.ts";
import { mayBeTriedAgain } from "./disk.ts";

/**
 * Makes one change after the other, and none after one that failed: SQLite would write the next
 * commit over what the failed one left in the write-ahead log, and of two commits that were never
 * synced a power cut leaves a mixture that looks like damage. See {@link mayBeTriedAgain} for those
 * that are no such failure.
 */
export class FailStopConnection implements Connection {
  readonly #connection: Connection;
  /** Settles when no change is under way. */
  #settled: Promise<void> = Promise.resolve();
  #failure: StorageError | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  run(sql: string, values: readonly Value[]): Promise<void> {
    return this.#change(() => this.#connection.run(sql, values));
  }

  async all(sql: string, values: readonly Value[]): Promise<Row[]> {
    await this.#settled;
    return this.#connection.all(sql, values);
  }

  transact(statements: readonly Statement[]): Promise<void> {
    return this.#change(() => this.#connection.transact(statements));
  }

  async close(): Promise<void> {
    await this.#settled;
    await this.#connection.close();
  }

  #change(make: () => Promise<void>): Promise<void> {
    const changing = this.#settled.then(() => {
      if (this.#failure !== undefined) throw this.#failure;
      return make();
    });
    this.#settled = changing.catch((error: StorageError) => {
      if (!mayBeTriedAgain(error)) this.#failure ??= error;
    });
    return changing;
  }
}
