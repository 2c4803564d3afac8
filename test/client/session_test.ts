import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ErrorName, ZkError, ZooKeeperClient } from "../../client/mod.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { writeStat } from "../../core/wire/records.ts";
import {
  closeBoth,
  connected,
  dataBody,
  notificationFrame,
  replyFrame,
  ScriptedServer,
  statAt,
  turn,
} from "./scripted_server.ts";

async function kindOf(promise: Promise<unknown>): Promise<ErrorName | string> {
  try {
    await promise;
    return "no error";
  } catch (error) {
    return error instanceof ZkError ? error.kind : String(error);
  }
}

test("requests of one turn leave in one write and settle in the order of the replies", async () => {
  const { zk, line } = await connected();
  const settled: string[] = [];
  const sizes = line.writeSizes.length;
  const all = ["/a", "/b", "/c"].map((path) =>
    zk.getData(path).then(({ data }) => settled.push(new TextDecoder().decode(data ?? undefined))),
  );
  const first = await line.next();
  assert.is(line.writeSizes.length, sizes + 1);
  for (const [index, text] of ["1", "2", "3"].entries()) {
    line.reply(first.xid + index, 5, 0, dataBody(text, statAt(5)));
  }
  await Promise.all(all);
  assert.equal(settled, ["1", "2", "3"]);
  await closeBoth(zk, line);
});

test("replies cut at every byte are understood", async () => {
  const { zk, line } = await connected();
  const pending = zk.getData("/a");
  const { xid } = await line.next();
  for (const byte of replyFrame(xid, 9, 0, dataBody("cut", statAt(9)))) {
    line.sendBytes(new Uint8Array([byte]));
  }
  const { data, zxid } = await pending;
  assert.is(new TextDecoder().decode(data ?? undefined), "cut");
  assert.is(zxid, 9);
  await closeBoth(zk, line);
});

test("an event comes after the reply before it and before the reply behind it", async () => {
  const { zk, line } = await connected();
  const seen: string[] = [];
  const first = zk.getData("/a", { watch: ({ type }) => seen.push(type) });
  const second = zk.getData("/a");
  void first.then(() => seen.push("first"));
  void second.then(() => seen.push("second"));
  const { xid } = await line.next();
  const chunk = [
    replyFrame(xid, 1, 0, dataBody("1", statAt(1))),
    notificationFrame(3, "/a"),
    replyFrame(xid + 1, 2, 0, dataBody("2", statAt(1, 2))),
  ];
  line.sendBytes(new Uint8Array(chunk.flatMap((bytes) => [...bytes])));
  await second;
  await turn();
  assert.equal(seen, ["first", "dataChanged", "second"]);
  await closeBoth(zk, line);
});

test("a refusal carries the path, an unknown code its number", async () => {
  const { zk, line } = await connected();
  const refused = zk.setData("/missing", "x");
  line.reply((await line.next()).xid, 1, -101);
  const error = await refused.catch((reason) => reason);
  assert.instance(error, ZkError);
  assert.is(error.kind, "NoNode");
  assert.is(error.path, "/missing");
  const odd = zk.sync("/");
  line.reply((await line.next()).xid, 1, -999);
  const unknown = await odd.catch((reason) => reason);
  assert.is(unknown.kind, "SystemError");
  assert.match(String(unknown.cause), "-999");
  await closeBoth(zk, line);
});

test("a reply body that ends early fails its request and no other", async () => {
  const { zk, line } = await connected();
  const bad = zk.getData("/a");
  const good = zk.exists("/b");
  const { xid } = await line.next();
  line.reply(xid, 1, 0, (writer) => writer.int(1_000_000));
  line.reply(xid + 1, 1, 0, (writer) => writeStat(writer, statAt(1)));
  assert.is(await kindOf(bad), "MarshallingError");
  assert.is((await good)?.czxid, 1);
  await closeBoth(zk, line);
});

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

test("a reply out of order ends the connection", async () => {
  const { zk, server, line } = await connected();
  const requests = [zk.getData("/a"), zk.getData("/b")];
  const { xid } = await line.next();
  line.reply(xid + 1, 1, 0, dataBody("b", statAt(1)));
  for (const request of requests) assert.is(await kindOf(request), "ConnectionLoss");
  assert.ok(line.isClosed);
  await closing(zk, server);
});

test("requests made without a connection wait, and go out in order after the handshake", async () => {
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

test("pings go out at a third of the time-out, and silence of two thirds ends the connection", async () => {
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

test("an abort rejects at once, and the reply that comes later settles its own request", async () => {
  const { zk, line } = await connected();
  const abort = new AbortController();
  const aborted = zk.getData("/a", { signal: abort.signal });
  const other = zk.getData("/b");
  const { xid } = await line.next();
  abort.abort(new Error("enough"));
  assert.is(await kindOf(aborted), "Error: enough");
  line.reply(xid, 1, 0, dataBody("a", statAt(1)));
  line.reply(xid + 1, 1, 0, dataBody("b", statAt(1)));
  assert.is(new TextDecoder().decode((await other).data ?? undefined), "b");
  assert.is(await kindOf(zk.getData("/a", { signal: abort.signal })), "Error: enough");
  await closeBoth(zk, line);
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

test("at most outstandingMax requests are on their way, and what waits is bounded", async () => {
  const { zk, line } = await connected({ outstandingMax: 2, waitingBytesMax: 40 });
  const requests = [zk.exists("/1"), zk.exists("/2"), zk.exists("/3")];
  const tooMuch = zk.exists("/4-and-a-rather-long-name");
  assert.is(await kindOf(tooMuch), "ThrottledOp");
  const { xid } = await line.next();
  await turn();
  assert.is(line.pendingCount, 1);
  line.reply(xid, 1, -101);
  await turn();
  assert.is(line.pendingCount, 2);
  line.reply(xid + 1, 1, -101);
  line.reply(xid + 2, 1, -101);
  assert.equal(await Promise.all(requests), [null, null, null]);
  await closeBoth(zk, line);
});

test("a server that does not read is not sent more", async () => {
  const { zk, line } = await connected();
  line.takesMore = false;
  const first = zk.exists("/1");
  const { xid } = await line.next();
  const second = zk.exists("/2");
  await turn();
  assert.is(line.pendingCount, 0);
  line.takesMore = true;
  line.drained();
  await line.next();
  line.reply(xid, 1, -101);
  line.reply(xid + 1, 1, -101);
  assert.equal(await Promise.all([first, second]), [null, null]);
  await closeBoth(zk, line);
});

test("a request above the server's limit is refused here", async () => {
  const { zk, line } = await connected();
  assert.is(await kindOf(zk.setData("/a", new Uint8Array(1_048_575))), "BadArguments");
  assert.ok(!line.isClosed);
  await closeBoth(zk, line);
});

test("paths that are none are refused here", async () => {
  const { zk, line } = await connected();
  for (const path of ["", "a", "/a/", "//", "/a//b", "/.", "/a/../b", "/a\0"]) {
    assert.is(await kindOf(zk.getData(path)), "BadArguments", JSON.stringify(path));
  }
  await turn();
  assert.is(line.pendingCount, 0);
  await closeBoth(zk, line);
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

test("close() lets earlier requests finish and refuses later ones", async () => {
  const { zk, server, line } = await connected();
  const early = zk.exists("/a");
  const closed = zk.close();
  const late = zk.exists("/b");
  assert.is(await kindOf(late), "SessionExpired");
  line.reply((await line.next()).xid, 1, -101);
  assert.is(await early, null);
  const close = await line.next();
  assert.is(close.type, OPCODES.closeSession);
  line.reply(close.xid, 2);
  await closed;
  assert.is(zk.state.status, "closed");
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

async function closing(zk: ZooKeeperClient, server: ScriptedServer): Promise<void> {
  await zk.close();
  assert.is(server.clock.timerCount, 0);
}

test.run();
