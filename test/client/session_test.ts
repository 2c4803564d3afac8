import { test } from "uvu";
import * as assert from "uvu/assert";
import { ZkError } from "../../client/mod.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { writeStat } from "../../core/wire/records.ts";
import {
  closeBoth,
  closing,
  connected,
  dataBody,
  kindOf,
  notificationFrame,
  replyFrame,
  statAt,
  turn,
} from "./scripted_server.ts";

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

test("an event comes between the replies around it", async () => {
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

test("a reply out of order ends the connection", async () => {
  const { zk, server, line } = await connected();
  const requests = [zk.getData("/a"), zk.getData("/b")];
  const { xid } = await line.next();
  line.reply(xid + 1, 1, 0, dataBody("b", statAt(1)));
  for (const request of requests) assert.is(await kindOf(request), "ConnectionLoss");
  assert.ok(line.isClosed);
  await closing(zk, server);
});

test("an abort rejects at once, and its late reply settles nothing else", async () => {
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

test.run();
