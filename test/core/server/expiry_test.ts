import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ManualClock, settle } from "../manual_clock.ts";
import { startServer, TICK_MS } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

/** Lets time pass in half ticks, with the work that it brings. */
async function pass(clock: ManualClock, ms: number, meanwhile?: () => void): Promise<void> {
  for (let passed = 0; passed < ms; passed += TICK_MS / 2) {
    meanwhile?.();
    clock.advance(TICK_MS / 2);
    await settle();
  }
}

test("a silent session expires within a tick of its time-out, with its ephemerals", async () => {
  const { server, clock, counter } = await startServer();
  const { line } = await Line.open(server, { timeoutMs: 4_000 });
  const { line: other } = await Line.open(server, { timeoutMs: 20_000 });
  await line.ask(frames.create(1, "/e", { flags: 1 }));
  await other.ask(frames.exists(1, "/e", true));
  await pass(clock, 4_000);
  assert.equal(other.takeShort(), []);
  await pass(clock, 1_500);
  assert.ok(line.isDestroyed);
  assert.is(counter("stale_sessions_expired"), 1);
  assert.equal(other.takeShort(), ["event 2 /e"]);
  await server.stop();
});

test("pings keep a session alive", async () => {
  const { server, clock } = await startServer();
  const { line } = await Line.open(server, { timeoutMs: 4_000 });
  await line.ask(frames.create(1, "/e", { flags: 1 }));
  await pass(clock, 20_000, () => line.send(frames.ping()));
  line.take();
  assert.equal(await line.ask(frames.exists(2, "/e")), ["2:0"]);
  await server.stop();
});

test("a session without a connection expires; one that comes back in time does not", async () => {
  const { server, clock } = await startServer();
  const { line: lost, session: gone } = await Line.open(server, { timeoutMs: 4_000 });
  const { line: cut, session } = await Line.open(server, { timeoutMs: 4_000 });
  lost.cut();
  cut.cut();
  await pass(clock, 3_500);
  const { line } = await Line.open(server, { ...session, timeoutMs: 4_000 });
  await pass(clock, 3_500);
  assert.ok(!line.isClosed);
  assert.is((await new Line(server).connect(gone))?.timeoutMs, 0);
  await server.stop();
});

test("a jump of the wall clock expires nobody, forwards or back", async () => {
  const { server, clock } = await startServer();
  const { line } = await Line.open(server, { timeoutMs: 4_000 });
  for (const jumpMs of [86_400_000, -172_800_000]) {
    clock.jumpWall(jumpMs);
    await pass(clock, 2_000);
    assert.equal(await line.ask(frames.ping()), ["-2:0"]);
  }
  await server.stop();
});

test("after a restart a session has its full time-out and its ephemerals", async () => {
  const first = await startServer();
  const { clock, disk } = first;
  const { line, session } = await Line.open(first.server, { timeoutMs: 4_000 });
  await line.ask(frames.create(1, "/e", { flags: 1 }));
  await pass(clock, 3_500);
  await first.server.stop();
  clock.advance(60_000);
  const { server } = await startServer({ disk, clock });
  await pass(clock, 4_000);
  const { line: again } = await Line.open(server, session);
  assert.equal(await again.ask(frames.exists(1, "/e")), ["1:0"]);
  await server.stop();
});

test("after a restart a session that stays away expires all the same", async () => {
  const first = await startServer();
  const { clock, disk } = first;
  const { line, session } = await Line.open(first.server, { timeoutMs: 4_000 });
  await line.ask(frames.create(1, "/e", { flags: 1 }));
  await first.server.stop();
  const { server } = await startServer({ disk, clock });
  await pass(clock, 5_500);
  assert.is((await new Line(server).connect(session))?.timeoutMs, 0);
  const { line: other } = await Line.open(server);
  assert.equal(await other.ask(frames.exists(1, "/e")), ["1:-101"]);
  await server.stop();
});

test("time in which the server reads no connection does not expire its session", async () => {
  const { server, clock } = await startServer();
  const { line } = await Line.open(server, { timeoutMs: 4_000 });
  await line.ask(frames.create(1, "/e", { flags: 1 }));
  line.takesMore = false;
  line.send(frames.exists(2, "/e"));
  line.send(frames.exists(3, "/e"));
  await settle();
  assert.ok(line.isPaused);
  await pass(clock, 4_500);
  line.drain();
  await settle();
  assert.equal(line.takeShort(), ["2:0", "3:0"]);
  await server.stop();
});

test("a connection that sends no handshake is closed after sessionlessTimeoutMs", async () => {
  const { server, clock, counter } = await startServer({ sessionlessTimeoutMs: 3_000 });
  const line = new Line(server);
  await pass(clock, 2_500);
  assert.ok(!line.isClosed);
  await pass(clock, 1_500);
  assert.ok(line.isDestroyed);
  assert.is(counter("sessionless_connections_expired"), 1);
  await server.stop();
});

test("closing a session removes what it still has under way, too", async () => {
  const { server, disk } = await startServer();
  const { line } = await Line.open(server);
  const { line: other } = await Line.open(server);
  disk.shut();
  line.send(frames.create(1, "/e", { flags: 1 }), frames.create(2, "/s", { flags: 3 }));
  line.send(frames.close(3));
  await settle();
  disk.open();
  await settle();
  assert.equal(line.takeShort(), ["1:0", "2:0", "3:0"]);
  assert.equal(await other.ask(frames.exists(1, "/e"), frames.exists(2, "/s0000000001")), [
    "1:-101",
    "2:-101",
  ]);
  await server.stop();
});

test.run();
