import { test } from "uvu";
import * as assert from "uvu/assert";
import { ZooKeeperClient } from "../../client/mod.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import {
  closeBoth,
  closing,
  connected,
  dataBody,
  kindOf,
  ScriptedServer,
  statAt,
  turn,
} from "./scripted_server.ts";

for (const length of [-1, 0x7fff_ffff]) {
  test(`a frame length of ${length} ends the connection, and the session goes on`, async () => {
    const { zk, server, line } = await connected({ replyBytesMax: 1024 });
    const lost = zk.getData("/a");
    await line.next();
    line.sendBytes(new Uint8Array(new Int32Array([length]).buffer).reverse());
    assert.is(await kindOf(lost), "ConnectionLoss");
    assert.ok(line.isClosed);
    const next = server.answer();
    await server.clock.advance(1_000);
    assert.is((await (await next).hello()).sessionId.toBigInt(), 0x77n);
    (await next).welcome();
    await closeBoth(zk, await next);
  });
}

test("requests made without a connection go out in order after the handshake", async () => {
  const { zk, server, line } = await connected();
  line.hangUp();
  assert.is(zk.state.status, "suspended");
  const waiting = [zk.exists("/a"), zk.exists("/b")];
  const next = server.answer();
  await server.clock.advance(1_000);
  const again = await next;
  await again.hello();
  assert.is(again.pendingCount, 0);
  again.welcome();
  for (const path of ["/a", "/b"]) {
    const { xid, type, body } = await again.next();
    assert.is(type, OPCODES.exists);
    assert.is(body.text(), path);
    again.reply(xid, 3, -101);
  }
  assert.equal(await Promise.all(waiting), [null, null]);
  await closeBoth(zk, again);
});

test("with whileDisconnected fail, requests without a connection fail at once", async () => {
  const { zk, server, line } = await connected({ whileDisconnected: "fail" });
  line.hangUp();
  assert.is(await kindOf(zk.exists("/a")), "ConnectionLoss");
  await closing(zk, server);
});

test("the client presents its session, its password and the last zxid it has seen", async () => {
  const { zk, server, line } = await connected({ timeoutMs: 4_000 });
  const read = zk.getData("/a");
  line.reply((await line.next()).xid, 42, 0, dataBody("", statAt(42)));
  await read;
  line.hangUp();
  const next = server.answer();
  await server.clock.advance(1_000);
  const hello = await (await next).hello();
  assert.is(hello.sessionId.toBigInt(), 0x77n);
  assert.equal([...hello.password], new Array(16).fill(7));
  assert.is(hello.lastZxidSeen, 42);
  assert.is(hello.timeoutMs, 4_000);
  assert.is(hello.readOnly, false);
  (await next).welcome();
  await closeBoth(zk, await next);
});

test("an expired session fails what waits and is final", async () => {
  const { zk, server, line } = await connected();
  const states: string[] = [];
  zk.state$.subscribe({
    next: ({ status, sessionId }) => states.push(`${status} ${sessionId}`),
    complete: () => states.push("complete"),
  });
  line.hangUp();
  const waiting = zk.exists("/a");
  const next = server.answer();
  await server.clock.advance(1_000);
  await (await next).hello();
  (await next).refuse();
  assert.is(await kindOf(waiting), "SessionExpired");
  assert.is(await kindOf(zk.exists("/a")), "SessionExpired");
  assert.equal(states, ["connected 119", "suspended 119", "expired 119", "complete"]);
  assert.is(server.clock.timerCount, 0);
});

test("with renewSession an expired session is followed by a new one", async () => {
  const { zk, server, line } = await connected({ renewSession: true });
  line.hangUp();
  const waiting = zk.exists("/a");
  const refused = server.answer();
  await server.clock.advance(1_000);
  await (await refused).hello();
  const fresh = server.answer();
  (await refused).refuse();
  assert.is(await kindOf(waiting), "SessionExpired");
  await server.clock.advance(1_000);
  const hello = await (await fresh).hello();
  assert.ok(hello.sessionId.isZero);
  (await fresh).welcome(0x99n);
  await turn();
  assert.is(zk.state.sessionId, 0x99n);
  await closeBoth(zk, await fresh);
});

test("pings go out at a third of the time-out, and silence of two thirds ends it", async () => {
  const { zk, server, line } = await connected();
  await server.clock.advance(1_100);
  const ping = await line.next();
  assert.is(ping.xid, -2);
  assert.is(ping.type, OPCODES.ping);
  line.reply(-2, 1);
  await server.clock.advance(1_100);
  assert.is(zk.state.status, "connected");
  await server.clock.advance(1_200);
  assert.is(zk.state.status, "suspended");
  assert.ok(line.isClosed);
  await closing(zk, server);
});

test("a server that never answers the handshake is left for the next", async () => {
  const silent = new ScriptedServer();
  const good = new ScriptedServer(silent.clock);
  // An odd number leaves the order of two as it is.
  const entropy = { uint32: () => 1, fill(): void {} };
  const zk = new ZooKeeperClient({ servers: [silent, good], clock: silent.clock, entropy });
  const ready = zk.connect();
  await (await silent.answer()).hello();
  const answer = good.answer();
  await silent.clock.advance(4_000);
  const second = await answer;
  await second.hello();
  second.welcome();
  await ready;
  await closeBoth(zk, second);
});

test("pauses between attempts grow up to their bound", async () => {
  const server = new ScriptedServer();
  server.isDown = true;
  const { clock } = server;
  const zk = new ZooKeeperClient({ servers: [server], clock, reconnectDelayMaxMs: 1_000 });
  const ready = zk.connect();
  const settled = kindOf(ready);
  await clock.advance(2_000);
  const early = server.attempts;
  assert.ok(early >= 4 && early <= 8, `${early} attempts in the first 2 s`);
  await clock.advance(10_000);
  const later = server.attempts - early;
  assert.ok(later >= 9 && later <= 21, `${later} attempts in 10 s`);
  await zk.close();
  assert.is(await settled, "SessionExpired");
  assert.is(clock.timerCount, 0);
});

test("a request that is aborted while it waits is never sent", async () => {
  const { zk, server, line } = await connected();
  line.hangUp();
  const abort = new AbortController();
  const aborted = zk.create("/a", "", { signal: abort.signal });
  abort.abort(new Error("enough"));
  assert.is(await kindOf(aborted), "Error: enough");
  const kept = zk.exists("/b");
  const next = server.answer();
  await server.clock.advance(1_000);
  await (await next).hello();
  (await next).welcome();
  const { xid, type } = await (await next).next();
  assert.is(type, OPCODES.exists);
  (await next).reply(xid, 1, -101);
  assert.is(await kept, null);
  await closeBoth(zk, await next);
});

test("identities are proved again on every connection, before requests", async () => {
  const { zk, server, line } = await connected({ auth: [{ scheme: "digest", data: "a:b" }] });
  const first = await line.next();
  assert.is(first.xid, -4);
  assert.is(first.type, OPCODES.auth);
  line.reply(-4, 0);
  const added = zk.addAuth("digest", "c:d");
  await line.next();
  line.hangUp();
  const waiting = zk.exists("/a");
  const next = server.answer();
  await server.clock.advance(1_000);
  const again = await next;
  await again.hello();
  again.welcome();
  const types = [await again.next(), await again.next(), await again.next()];
  assert.equal(
    types.map(({ type }) => type),
    [OPCODES.auth, OPCODES.auth, OPCODES.exists],
  );
  again.reply(-4, 0);
  again.reply(-4, 0);
  await added;
  again.reply(types[2]?.xid ?? 0, 1, -101);
  await waiting;
  await closeBoth(zk, again);
});

test("a refused identity ends the client", async () => {
  const { zk, server, line } = await connected();
  const added = zk.addAuth("nonsense", "");
  const other = zk.exists("/a");
  await line.next();
  line.reply(-4, 0, -115);
  assert.is(await kindOf(added), "AuthFailed");
  assert.is(await kindOf(other), "AuthFailed");
  assert.is(zk.state.status, "auth-failed");
  assert.ok(line.isClosed);
  assert.is(server.clock.timerCount, 0);
});

test("connect() with a signal gives up waiting", async () => {
  const server = new ScriptedServer();
  server.isDown = true;
  const zk = new ZooKeeperClient({ servers: [server], clock: server.clock });
  const abort = new AbortController();
  const ready = zk.connect({ signal: abort.signal });
  abort.abort(new Error("too late"));
  assert.is(await kindOf(ready), "Error: too late");
  await zk.close();
});

test.run();
