/**
 * A server inside a test: no port, no files, nothing to install, a fresh tree for each test.
 * Code that talks to ZooKeeper is tested against the real protocol.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ZkError, type ZooKeeperClient } from "../client/mod.ts";
import { createServer, essentials, memoryStorage, type Server } from "../mod.ts";

/** The code under test: a counter that several processes may increment at once. */
async function increment(zk: ZooKeeperClient, path: string): Promise<number> {
  for (;;) {
    const { data, stat } = await zk.getData(path);
    const next = Number(new TextDecoder().decode(data ?? undefined)) + 1;
    try {
      await zk.setData(path, String(next), { version: stat.version });
      return next;
    } catch (error) {
      // Somebody else was faster: look again.
      if (!(error instanceof ZkError && error.kind === "BadVersion")) throw error;
    }
  }
}

let server: Server;

test.before.each(async () => {
  server = createServer({ plugins: [...essentials({ logLevel: "warn" }), memoryStorage()] });
  await server.start();
});

test.after.each(async () => {
  await server.stop();
});

test("increment() counts every call of several clients once", async () => {
  await using left = await server.connect();
  await using right = await server.connect();
  await left.create("/counter", "0");
  const counts = await Promise.all(
    Array.from({ length: 10 }, (_, index) => increment(index % 2 === 0 ? left : right, "/counter")),
  );
  assert.equal(
    counts.toSorted((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
});

test("increment() tells when there is no counter", async () => {
  await using zk = await server.connect();
  try {
    await increment(zk, "/counter");
    assert.unreachable();
  } catch (error) {
    assert.is((error as ZkError).kind, "NoNode");
  }
});

test.run();
