import { isBuiltin } from "node:module";
import { Worker } from "node:worker_threads";
import { StorageError } from "../../core/contracts/storage.ts";
import {
  type Binding,
  type Connection,
  type Row,
  type Statement,
  sqliteError,
  type Value,
} from "./connection.ts";

/** What a worker is asked. */
export type WorkerRequest =
  | { readonly kind: "open"; readonly path: string }
  | { readonly kind: "all"; readonly statement: Statement }
  | { readonly kind: "transact"; readonly statements: readonly Statement[] }
  | { readonly kind: "close" };

/** What it answers, in the order asked. */
export type WorkerReply =
  | { readonly kind: "done"; readonly rows: Row[] }
  | { readonly kind: "failed"; readonly code: number; readonly message: string };

interface Waiter {
  readonly resolve: (rows: Row[]) => void;
  readonly reject: (error: StorageError) => void;
}

/** Whether the runtime brings an SQLite of its own; Node 20 does not. */
export const HAS_RUNTIME_SQLITE: boolean = isBuiltin("node:sqlite") || isBuiltin("bun:sqlite");

/** The SQLite that the runtime brings, one worker thread for each file. */
export const WORKER_BINDING: Binding = {
  async connect(path: string): Promise<Connection> {
    const connection = new WorkerConnection();
    try {
      await connection.open(path);
    } catch (error) {
      await connection.close();
      throw error;
    }
    return connection;
  },
};

class WorkerConnection implements Connection {
  readonly #worker: Worker;
  #waiting: Waiter[] = [];
  #isClosed = false;

  constructor() {
    const file = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
    this.#worker = new Worker(new URL(file, import.meta.url));
    this.#worker.on("message", (reply: WorkerReply) => this.#settle(reply));
    this.#worker.on("error", (cause: Error) => this.#failAll(cause));
    this.#worker.on("exit", () => this.#failAll(undefined));
  }

  async open(path: string): Promise<void> {
    await this.#ask({ kind: "open", path });
  }

  async run(sql: string, values: readonly Value[]): Promise<void> {
    await this.#ask({ kind: "all", statement: [sql, values] });
  }

  all(sql: string, values: readonly Value[]): Promise<Row[]> {
    return this.#ask({ kind: "all", statement: [sql, values] });
  }

  async transact(statements: readonly Statement[]): Promise<void> {
    await this.#ask({ kind: "transact", statements });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    const closed = this.#ask({ kind: "close" });
    this.#isClosed = true;
    try {
      await closed;
    } finally {
      await this.#worker.terminate();
    }
  }

  #ask(request: WorkerRequest): Promise<Row[]> {
    if (this.#isClosed) {
      return Promise.reject(new StorageError("closed", "the connection is closed"));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(request);
    });
  }

  #settle(reply: WorkerReply): void {
    const waiter = this.#waiting.shift();
    if (reply.kind === "done") waiter?.resolve(reply.rows);
    else waiter?.reject(sqliteError(reply.code, reply.message, undefined));
  }

  #failAll(cause: Error | undefined): void {
    this.#isClosed = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) {
      reject(new StorageError("io", "the thread of SQLite has ended", { cause }));
    }
  }
}
