import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../client/mod.ts";
import { getInt } from "../../core/wire/jute.ts";
import * as frames from "../core/server/frames.ts";
import { SlowClient, startServer } from "./slow_reader.ts";

const MIB = 1024 * 1024;
/** Of a session that says nothing for longer. */
const TIMEOUT_MS = 1_000;

test("a client that pipelines 1 GB of replies and does not read costs bounded memory", async () => {
  const { server, connections } = await startServer();
  const zk = await connect({ servers: server.addresses });
  const data = new Uint8Array(500_000).fill(7);
  await zk.create("/large", data);
  const slow = await SlowClient.connect(server.port);
  const before = process.memoryUsage().rss;

  const COUNT = 2_000;
  for (let xid = 1; xid <= COUNT; xid++) slow.socket.write(frames.getData(xid, "/large"));
  // Large requests behind them: more than lies between the two ends must stay with the client.
  const behind = frames.exists(COUNT + 1, `/${"x".repeat(MIB / 2)}`);
  for (let i = 0; i < 40; i++) slow.socket.write(behind);
  let worst = 0;
  for (let i = 0; i < 200; i++) {
    assert.is((await zk.getData("/large")).data?.length, data.length);
    worst = Math.max(worst, connections[1]?.connection.bufferedBytes ?? 0);
  }
  assert.ok(worst > 0 && worst < 4 * MIB, `${worst} bytes wait for the client`);
  assert.ok(slow.socket.writableLength > 0, "the server reads on though its replies pile up");
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 200 * MIB, `grew by ${grown} bytes`);

  let expected = 0;
  await slow.frames(COUNT + 40, (reply) => {
    expected += 1;
    assert.is(getInt(reply, 0), Math.min(expected, COUNT + 1));
    assert.is(getInt(reply, 12), expected <= COUNT ? 0 : -101);
    if (expected <= COUNT) assert.is(getInt(reply, 16), data.length);
  });
  slow.socket.destroy();
  await zk.close();
  await server.stop();
});

test("a client that does not read its events is closed at the bound; others live on", async () => {
  const { server, connections } = await startServer({ unsentBytesMax: MIB });
  const zk = await connect({ servers: server.addresses });
  const path = `/${"p".repeat(200_000)}`;
  await zk.create(path, "");
  const slow = await SlowClient.connect(server.port);
  slow.socket.write(frames.addWatch(1, "/", 1));
  await slow.frames(1);

  let isClosed = false;
  void connections[1]?.closed.then(() => {
    isClosed = true;
  });
  let worst = 0;
  let version = 0;
  while (!isClosed && version < 1_000) {
    ({ version } = await zk.setData(path, String(version)));
    worst = Math.max(worst, connections[1]?.connection.bufferedBytes ?? 0);
  }
  assert.ok(isClosed, `not closed with ${worst} bytes unsent`);
  assert.ok(worst < 2 * MIB, `${worst} bytes were kept for it`);
  assert.ok(await zk.exists(path));
  slow.socket.destroy();
  await zk.close();
  await server.stop();
});

test("a client that pauses beyond its time-out while replies wait keeps its session", async () => {
  const { server } = await startServer({
    tickTimeMs: 50,
    minSessionTimeoutMs: 100,
    maxSessionTimeoutMs: 60_000,
  });
  const zk = await connect({ servers: server.addresses });
  await zk.create("/large", new Uint8Array(500_000));
  const slow = await SlowClient.connect(server.port, TIMEOUT_MS);
  const COUNT = 100;
  slow.socket.write(frames.create(1, "/alive", { flags: 1 }));
  await slow.frames(1);
  for (let xid = 2; xid <= COUNT; xid++) slow.socket.write(frames.getData(xid, "/large"));
  // Three times its time-out, in which another client's session goes on.
  const until = performance.now() + 3 * TIMEOUT_MS;
  while (performance.now() < until) await zk.exists("/alive");
  assert.ok(await zk.exists("/alive"));
  let last = 0;
  await slow.frames(COUNT - 1, (reply) => {
    last = getInt(reply, 0);
  });
  assert.is(last, COUNT);
  slow.socket.destroy();
  await zk.close();
  await server.stop();
});

test.run();
