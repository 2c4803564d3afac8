import { test } from "uvu";
import * as assert from "uvu/assert";
import { StorageError } from "../../core/contracts/storage.ts";
import type { Connection, Row, Statement } from "../../storage/sqlite/connection.ts";
import { FailStopConnection } from "../../storage/sqlite/fail_stop.ts";

/** Keeps what it is asked for, and ends each change as the test says. */
class FakeConnection implements Connection {
  readonly asked: string[] = [];
  readonly #ends: ((error?: StorageError) => void)[] = [];

  run(sql: string): Promise<void> {
    this.asked.push(sql);
    return new Promise((resolve, reject) => {
      this.#ends.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  async all(sql: string): Promise<Row[]> {
    this.asked.push(sql);
    return [];
  }

  transact(statements: readonly Statement[]): Promise<void> {
    return this.run(statements.map(([sql]) => sql).join("; "));
  }

  async close(): Promise<void> {
    this.asked.push("close");
  }

  /** Ends the change under way, and lets what waits for it go on. */
  async end(error?: StorageError): Promise<void> {
    this.#ends.shift()!(error);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const FAILED = new StorageError("io", "the sync failed");

async function outcomeOf(change: Promise<void>): Promise<unknown> {
  return change.then(
    () => "done",
    (error: unknown) => error,
  );
}

test("no change reaches SQLite after one that failed, nor one that waited for it", async () => {
  const sqlite = new FakeConnection();
  const connection = new FailStopConnection(sqlite);
  const outcomes = [
    outcomeOf(connection.run("a", [])),
    outcomeOf(connection.transact([["b", []]])),
    outcomeOf(connection.run("c", [])),
  ];
  await Promise.resolve();
  await sqlite.end();
  await sqlite.end(FAILED);
  assert.equal(await Promise.all(outcomes), ["done", FAILED, FAILED]);
  assert.is(await outcomeOf(connection.run("d", [])), FAILED);
  assert.equal(await connection.all("read", []), []);
  await connection.close();
  assert.equal(sqlite.asked, ["a", "b", "read", "close"]);
});

for (const kind of ["locked", "full"] as const) {
  test(`a change that found it ${kind} may be tried again`, async () => {
    const sqlite = new FakeConnection();
    const connection = new FailStopConnection(sqlite);
    const refused = new StorageError(kind, "not now");
    const first = outcomeOf(connection.run("a", []));
    await Promise.resolve();
    await sqlite.end(refused);
    assert.is(await first, refused);
    const second = outcomeOf(connection.run("a", []));
    await Promise.resolve();
    await sqlite.end();
    assert.is(await second, "done");
  });
}

test.run();
