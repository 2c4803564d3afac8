/** Runs in a worker thread: one SQLite file through what the runtime brings. */
import process from "node:process";
import { parentPort } from "node:worker_threads";
import type { Row, Statement, Value } from "./connection.ts";
import type { WorkerReply, WorkerRequest } from "./worker_binding.ts";

/** What `node:sqlite` and `bun:sqlite` have in common. */
interface Prepared {
  all(...values: Value[]): Row[];
}
interface Database {
  prepare(sql: string): Prepared;
  close(): void;
}
type Constructor = new (path: string) => Database;

const prepared = new Map<string, Prepared>();
let database: Database | undefined;

function load(): Constructor {
  // Not an import: a runtime without one of the two would look for it.
  const isBun = "Bun" in globalThis;
  const module = process.getBuiltinModule(isBun ? "bun:sqlite" : "node:sqlite");
  return (module as unknown as Readonly<Record<string, Constructor>>)[
    isBun ? "Database" : "DatabaseSync"
  ]!;
}

function all([sql, values]: Statement): Row[] {
  let statement = prepared.get(sql);
  if (statement === undefined) prepared.set(sql, (statement = database!.prepare(sql)));
  return statement.all(...values);
}

function transact(statements: readonly Statement[]): void {
  all(["BEGIN IMMEDIATE", []]);
  try {
    for (const statement of statements) all(statement);
    all(["COMMIT", []]);
  } catch (error) {
    try {
      all(["ROLLBACK", []]);
    } catch {
      // SQLite has rolled back by itself; the first failure is the one to tell.
    }
    throw error;
  }
}

async function perform(request: WorkerRequest): Promise<Row[]> {
  switch (request.kind) {
    case "open":
      database = new (load())(request.path);
      return [];
    case "all":
      return all(request.statement);
    case "transact":
      transact(request.statements);
      return [];
    case "close":
      prepared.clear();
      database?.close();
      return [];
  }
}

async function answer(request: WorkerRequest): Promise<WorkerReply> {
  try {
    return { kind: "done", rows: await perform(request) };
  } catch (error) {
    // Node and Deno say `errcode`, Bun `errno`.
    const { errcode, errno, message } = error as Error & Readonly<Record<string, number>>;
    return { kind: "failed", code: errcode ?? errno ?? 0, message };
  }
}

parentPort?.on("message", (request: WorkerRequest) => {
  void answer(request).then((reply) => parentPort?.postMessage(reply));
});
