import { test } from "uvu";
import * as assert from "uvu/assert";
import { sessionPassword } from "../../../core/server/session_ids.ts";
import { SessionId } from "../../../core/wire/session_id.ts";
import { settle } from "../manual_clock.ts";
import { startServer } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

const REFUSAL = { timeoutMs: 0, sessionId: new SessionId(0, 0), password: new Uint8Array(16) };

test("a new session gets an id of this server, a password and the time-out it asked", async () => {
  const { server } = await startServer();
  const { session: first } = await Line.open(server, { timeoutMs: 5_000 });
  const { session: second } = await Line.open(server);
  assert.is(first.timeoutMs, 5_000);
  assert.is(first.sessionId.high >>> 24, 1);
  assert.equal(first.password, sessionPassword(first.sessionId));
  assert.is(second.sessionId.toBigInt(), first.sessionId.toBigInt() + 1n);
  await server.stop();
});

test("time-outs are cut to 2 and 20 ticks, whatever was asked", async () => {
  const { server } = await startServer();
  for (const [wanted, granted] of [
    [0, 2_000],
    [-1, 2_000],
    [1_999, 2_000],
    [2_001, 2_001],
    [0x7fff_ffff, 20_000],
  ] as const) {
    const { session } = await Line.open(server, { timeoutMs: wanted });
    assert.is(session.timeoutMs, granted);
  }
  await server.stop();
});

test("the answer has the read-only byte if the request had it", async () => {
  const { server } = await startServer();
  for (const readOnly of [undefined, true, false]) {
    const { session } = await Line.open(server, { readOnly });
    assert.is(session.readOnly, readOnly === undefined ? undefined : false);
  }
  await server.stop();
});

test("a client that has seen a later state is closed without an answer", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  line.send(frames.create(1, "/a"));
  await settle();
  const zxid = line.take()[0]?.zxid ?? 0;
  const ahead = new Line(server);
  assert.is(await ahead.connect({ lastZxidSeen: zxid + 1 }), undefined);
  assert.ok(ahead.isDestroyed);
  assert.ok((await new Line(server).connect({ lastZxidSeen: zxid })) !== undefined);
  assert.ok((await new Line(server).connect({ lastZxidSeen: -7 })) !== undefined);
  await server.stop();
});

test("a handshake that is cut short is closed without an answer", async () => {
  const { server } = await startServer();
  const line = new Line(server);
  line.send(Uint8Array.of(0, 0, 0, 8), new Uint8Array(8));
  await settle();
  assert.ok(line.isDestroyed);
  assert.equal(line.take(), []);
  await server.stop();
});

test("a wrong password is refused and leaves the live connection alone", async () => {
  const { server } = await startServer();
  const { line, session } = await Line.open(server);
  const thief = new Line(server);
  const password = session.password.map((byte) => byte ^ 1);
  const {
    timeoutMs,
    sessionId,
    password: given,
  } = (await thief.connect({ ...session, password }))!;
  assert.equal({ timeoutMs, sessionId, password: given }, REFUSAL);
  assert.ok(thief.hasEnded && !line.isClosed);
  assert.equal(await line.ask(frames.exists(1, "/")), ["1:0"]);
  await server.stop();
});

test("an unknown session is refused, with the read-only byte if it was asked for", async () => {
  const { server } = await startServer();
  const sessionId = new SessionId(0x0100_0000, 77);
  const known = { sessionId, password: sessionPassword(sessionId) };
  for (const readOnly of [undefined, true]) {
    const line = new Line(server);
    const answer = await line.connect({ ...known, readOnly });
    assert.is(answer?.timeoutMs, 0);
    assert.ok(answer?.sessionId.isZero);
    assert.is(answer?.readOnly, readOnly === undefined ? undefined : false);
    assert.ok(line.hasEnded);
  }
  await server.stop();
});

test("a session that comes again keeps ephemerals; its older connection is closed", async () => {
  const { server } = await startServer();
  const { line, session } = await Line.open(server);
  await line.ask(frames.create(1, "/e", { flags: 1 }), frames.exists(2, "/e", true));
  const { line: again, session: taken } = await Line.open(server, { ...session, timeoutMs: 3_000 });
  assert.ok(line.isDestroyed);
  assert.equal(taken, { ...session, timeoutMs: 3_000 });
  // Watches and identities belong to the connection, so this one hears nothing.
  assert.equal(await again.ask(frames.remove(1, "/e")), ["1:0"]);
  await server.stop();
});

test("frames behind the handshake wait for the session and are answered after it", async () => {
  const { server, disk } = await startServer();
  disk.shut();
  const line = new Line(server);
  const connecting = line.connect();
  line.send(frames.exists(1, "/"));
  assert.is(await connecting, undefined);
  assert.ok(line.isPaused);
  disk.open();
  await settle();
  assert.ok(!line.isPaused);
  await server.stop();
});

test("a closed session cannot come again", async () => {
  const { server, disk } = await startServer();
  const { line, session } = await Line.open(server);
  disk.shut();
  line.send(frames.close(1));
  await settle();
  assert.is((await new Line(server).connect(session))?.timeoutMs, 0);
  disk.open();
  await settle();
  assert.equal(line.takeShort(), ["1:0"]);
  assert.is((await new Line(server).connect(session))?.timeoutMs, 0);
  await server.stop();
});

test("no id comes twice, though the clock went back and its session has ended", async () => {
  const first = await startServer();
  const { session } = await Line.open(first.server);
  const ended = await Line.open(first.server);
  ended.line.send(frames.close(1));
  await settle();
  await first.server.stop();
  const { disk, clock } = first;
  clock.jumpWall(-3_600_000);
  const { server } = await startServer({ disk, clock });
  const { session: next } = await Line.open(server);
  assert.ok(next.sessionId.toBigInt() > session.sessionId.toBigInt());
  assert.is.not(next.sessionId.toBigInt(), ended.session.sessionId.toBigInt());
  await server.stop();
});

test.run();
