import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { settle } from "../manual_clock.ts";
import { startServer, TICK_MS } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

test("maxClientCnxns bounds the connections of one address; one that ends makes room", async () => {
  const { server, counter } = await startServer({ maxClientCnxns: 2 });
  const lines = [1, 2, 3].map(() => new Line(server, "10.0.0.7"));
  assert.equal(
    lines.map(({ isRefused }) => isRefused),
    [false, false, true],
  );
  assert.ok(!new Line(server, "10.0.0.8").isRefused);
  assert.is(counter("connection_rejected"), 1);
  lines[0]?.cut();
  assert.ok(!new Line(server, "10.0.0.7").isRefused);
  assert.ok(new Line(server, "10.0.0.7").isRefused);
  await server.stop();
});

test("maxCnxns bounds all connections; 0 bounds none", async () => {
  const { server } = await startServer({ maxCnxns: 2, maxClientCnxns: 0 });
  const open = (): boolean => !new Line(server).isRefused;
  assert.equal([open(), open(), open()], [true, true, false]);
  await server.stop();
  const { server: other } = await startServer({ maxClientCnxns: 0 });
  for (let i = 0; i < 200; i++) assert.ok(!new Line(other).isRefused);
  await other.stop();
});

test("at globalOutstandingLimit, connections with requests under way are not read on", async () => {
  const { server, disk } = await startServer({ globalOutstandingLimit: 4 });
  const { line } = await Line.open(server);
  const { line: other } = await Line.open(server);
  disk.shut();
  line.send(...[1, 2, 3, 4].map((xid) => frames.create(xid, `/n${xid}`)));
  await settle();
  assert.ok(line.isPaused);
  // A connection that has nothing under way is heard, so nobody starves.
  assert.equal(await other.ask(frames.exists(1, "/")), ["1:0"]);
  disk.open();
  await settle();
  assert.ok(!line.isPaused);
  assert.equal(line.takeShort(), ["1:0", "2:0", "3:0", "4:0"]);
  await server.stop();
});

test("a chunk with more requests than are let in is answered whole, in order", async () => {
  const { server } = await startServer({ globalOutstandingLimit: 3 });
  const { line } = await Line.open(server);
  const xids = Array.from({ length: 50 }, (_, index) => index + 1);
  line.send(...xids.map((xid) => frames.create(xid, `/n${xid}`)));
  assert.equal(
    await line.takeMore(),
    xids.map((xid) => `${xid}:0`),
  );
  await server.stop();
});

test("a client that does not read its replies is read no further until it does", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  line.takesMore = false;
  line.send(frames.exists(1, "/"));
  line.send(frames.exists(2, "/"), frames.exists(3, "/"));
  await settle();
  assert.ok(line.isPaused);
  assert.equal(line.takeShort(), ["1:0"]);
  line.drain();
  await settle();
  assert.ok(!line.isPaused);
  assert.equal(line.takeShort(), ["2:0", "3:0"]);
  await server.stop();
});

test("a client that does not read its events is closed at unsentBytesMax, others not", async () => {
  const { server } = await startServer({ unsentBytesMax: 1_000 });
  const { line: slow } = await Line.open(server);
  const { line: writer } = await Line.open(server);
  await slow.ask(frames.addWatch(1, "/", 1));
  slow.takesMore = false;
  slow.bufferedBytes = 990;
  assert.equal(await writer.ask(frames.create(1, "/a")), ["1:0"]);
  assert.ok(!slow.isDestroyed);
  slow.bufferedBytes = 1_050;
  assert.equal(await writer.ask(frames.create(2, "/b")), ["2:0"]);
  assert.ok(slow.isDestroyed);
  assert.equal(await writer.ask(frames.create(3, "/c")), ["3:0"]);
  await server.stop();
});

test("a client that takes none of its answers is closed, and its session expires", async () => {
  const { server, clock } = await startServer();
  const { line } = await Line.open(server);
  const write = line.write.bind(line);
  line.write = (bytes) => {
    write(bytes);
    line.bufferedBytes = 1;
    return false;
  };
  await line.ask(frames.create(1, "/mine", { flags: 1 }));
  await line.ask(frames.getData(2, "/mine"));
  for (let second = 0; second < 25; second++) clock.advance(1_000);
  assert.not(line.isDestroyed);
  for (let second = 0; second < 40; second++) clock.advance(1_000);
  assert.ok(line.isDestroyed);
  await settle();
  const { line: other } = await Line.open(server);
  assert.equal(await other.ask(frames.exists(1, "/mine")), ["1:-101"]);
  await server.stop();
});

test("output that the transport still holds is not written over by later replies", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  const { line: other } = await Line.open(server);
  const held: Uint8Array[] = [];
  const write = line.write.bind(line);
  line.write = (bytes) => {
    held.push(bytes);
    line.bufferedBytes += bytes.length;
    return write(bytes);
  };
  await line.ask(frames.create(1, "/a", { data: "mine" }), frames.getData(2, "/a"));
  const before = held.map((bytes) => bytes.join());
  await other.ask(frames.getData(1, "/a"), frames.getData(2, "/a"), frames.exists(3, "/none"));
  assert.equal(
    held.map((bytes) => bytes.join()),
    before,
  );
  await server.stop();
});

test("enforceAuthSchemes answers -124 and closes until the scheme was proved", async () => {
  const { server } = await startServer({ enforceAuthSchemes: ["digest"] });
  for (const request of [
    frames.exists(1, "/"),
    frames.create(1, "/a"),
    frames.sync(1),
    frames.close(1),
    frames.ping(),
  ]) {
    const { line } = await Line.open(server);
    line.send(request);
    await settle();
    const [reply] = line.take();
    assert.equal([reply?.error, reply?.zxid], [-124, 0]);
    assert.ok(line.hasEnded);
  }
  const { line } = await Line.open(server);
  const answers = await line.ask(
    frames.auth("digest", "ann:secret"),
    frames.create(1, "/a"),
    frames.exists(2, "/a"),
  );
  assert.equal(answers, ["-4:0", "1:0", "2:0"]);
  await server.stop();
});

test("above treeBytesMax what grows the tree is refused and counted, no more", async () => {
  const { server, counter } = await startServer({ treeBytesMax: 1 });
  const { line } = await Line.open(server);
  const answers = await line.ask(
    frames.create(1, "/a"),
    frames.setData(2, "/", "longer"),
    frames.setData(3, "/", ""),
    frames.multi(4, [OPCODES.create, (writer) => frames.createBody(writer, "/b")]),
    frames.exists(5, "/b"),
  );
  assert.equal(answers, ["1:-125", "2:-125", "3:0", "4:0", "5:-101"]);
  assert.is(counter("creates_refused_count"), 3);
  await server.stop();
});

test("hard quotas refuse with enforceQuota and not without", async () => {
  for (const [enforceQuota, count, bytes] of [
    [true, "3:-125", "4:-125"],
    [false, "3:0", "4:0"],
  ] as const) {
    const { server } = await startServer({ enforceQuota });
    const { line } = await Line.open(server);
    await line.ask(
      frames.create(1, "/q"),
      frames.create(1, "/zookeeper/quota/q"),
      frames.create(1, "/zookeeper/quota/q/zookeeper_limits", {
        data: "count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=2",
      }),
      frames.create(1, "/zookeeper/quota/q/zookeeper_stats", { data: "count=0,bytes=0" }),
      frames.create(2, "/q/one"),
    );
    const answers = await line.ask(
      frames.create(3, "/q/two"),
      frames.setData(4, "/q", "longer than ten"),
      frames.setData(5, "/q", "short"),
    );
    assert.equal(answers, [count, bytes, "5:0"]);
    await server.stop();
  }
});

test("empty containers go, and TTL znodes once their time is over, within a look", async () => {
  const { server, clock } = await startServer({
    extendedTypesEnabled: true,
    containerCheckIntervalMs: 2 * TICK_MS,
    maxSessionTimeoutMs: 600_000,
  });
  const { line } = await Line.open(server, { timeoutMs: 600_000 });
  await line.ask(
    frames.create(1, "/used", { type: OPCODES.createContainer, flags: 4 }),
    frames.create(2, "/used/child"),
    frames.create(3, "/unused", { type: OPCODES.createContainer, flags: 4 }),
    frames.create(4, "/ttl", { type: OPCODES.createTtl, flags: 5, ttlMs: 5 * TICK_MS }),
    frames.remove(5, "/used/child"),
  );
  const there = (): Promise<string[]> =>
    line.ask(frames.exists(1, "/used"), frames.exists(2, "/unused"), frames.exists(3, "/ttl"));
  assert.equal(await there(), ["1:0", "2:0", "3:0"]);
  for (let i = 0; i < 3; i++) {
    clock.advance(TICK_MS);
    await settle();
  }
  assert.equal(await there(), ["1:-101", "2:0", "3:0"]);
  for (let i = 0; i < 6; i++) {
    clock.advance(TICK_MS);
    await settle();
  }
  assert.equal(await there(), ["1:-101", "2:0", "3:-101"]);
  await server.stop();
});

test("what clients left behind counts at globalOutstandingLimit as well", async () => {
  const { server, disk } = await startServer({ globalOutstandingLimit: 4 });
  const { line, session } = await Line.open(server);
  const { sessionId, password } = session;
  disk.shut();
  line.send(...[1, 2, 3, 4].map((xid) => frames.create(xid, `/a${xid}`)));
  line.cut();
  const again = new Line(server);
  assert.ok(await again.connect({ sessionId, password }));
  again.send(frames.create(5, "/b"), frames.exists(6, "/b"));
  await settle();
  assert.ok(again.isPaused);
  disk.open();
  assert.equal(await again.takeMore(), ["5:0", "6:0"]);
  assert.not(again.isPaused);
  // None of it counts any more.
  disk.shut();
  again.send(...[7, 8, 9].map((xid) => frames.create(xid, `/c${xid}`)));
  assert.not(again.isPaused);
  disk.open();
  await server.stop();
});

test("what an ended session left behind counts no more", async () => {
  const { server, disk } = await startServer({ globalOutstandingLimit: 4 });
  const { line } = await Line.open(server);
  const { line: other } = await Line.open(server);
  disk.shut();
  line.send(frames.create(1, "/a"), frames.close(2));
  line.cut();
  disk.open();
  await settle();
  disk.shut();
  other.send(...[1, 2, 3].map((xid) => frames.create(xid, `/b${xid}`)));
  assert.not(other.isPaused);
  disk.open();
  await server.stop();
});

test.run();
