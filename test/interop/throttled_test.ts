import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect, ZkError } from "../../client/mod.ts";
import { type ServerKind, startServer } from "./server.ts";

const WRITES = 1000;
const REFUSED_MIN = 5;
/** One write at a time, and the next ones may wait for a millisecond. */
const options = { request_throttle_max_requests: "1", throttled_op_wait_time: "1" };

/** Whether each of many writes sent at once was done; the others were refused as throttled. */
async function outcomes(kind: ServerKind): Promise<boolean[]> {
  const dataDir = await mkdtemp(join(tmpdir(), `throttled-${kind}-`));
  const server = await startServer({ kind, dataDir, options });
  try {
    await using client = await connect({ servers: server.hosts, timeoutMs: 60_000 });
    const indexes = Array.from({ length: WRITES }, (_, i) => i);
    const done = await Promise.all(
      indexes.map(async (i) => {
        try {
          await client.create(`/n${i}`);
          return true;
        } catch (error) {
          if (error instanceof ZkError && error.code === -127) return false;
          throw error;
        }
      }),
    );
    const { children } = await client.getChildren("/");
    const exists = indexes.map((i) => children.includes(`n${i}`));
    assert.equal(exists, done, "what was answered is what is there");
    return done;
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

for (const kind of ["apache", "zookit"] as const) {
  test(`writes that wait too long are refused with -127, and never done: ${kind}`, async () => {
    const done = await outcomes(kind);
    const refused = done.filter((isDone) => !isDone).length;
    assert.ok(refused >= REFUSED_MIN, `${refused} refused`);
  });
}

test.run();
