import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { settle } from "../manual_clock.ts";
import { startServer } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

test("pipelined frames are answered in their order, reads behind writes", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  const answers = await line.ask(
    frames.create(1, "/a", { data: "one" }),
    frames.getData(2, "/a"),
    frames.setData(3, "/a", "two"),
    frames.exists(4, "/none"),
    frames.create(5, "/a"),
    frames.sync(6),
    frames.ping(),
    frames.remove(7, "/a"),
    frames.getData(8, "/a"),
  );
  const expected = ["1:0", "2:0", "3:0", "4:-101", "5:-110", "6:0", "-2:0", "7:0", "8:-101"];
  assert.equal(answers, expected);
  await server.stop();
});

test("a read sees the connection's own earlier writes and not its later ones", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  line.send(
    frames.create(1, "/a", { data: "one" }),
    frames.getData(2, "/a"),
    frames.setData(3, "/a", "two"),
    frames.getData(4, "/a"),
  );
  await settle();
  const replies = line.take();
  assert.equal(
    [1, 3].map((index) => frames.dataOf(replies[index]!)),
    ["one", "two"],
  );
  await server.stop();
});

test("a read that waits for output to leave does not see the write behind it either", async () => {
  const { server, disk } = await startServer();
  const { line } = await Line.open(server);
  await line.ask(frames.create(1, "/a", { data: "one" }));
  disk.shut();
  line.send(frames.create(2, "/b"));
  await settle();
  line.send(
    frames.create(3, "/c"),
    frames.getData(4, "/a"),
    frames.setData(5, "/a", "two"),
    frames.getData(6, "/a"),
  );
  await settle();
  line.takesMore = false; // From the answer to 2 on.
  disk.open();
  await settle();
  const replies = line.take();
  line.takesMore = true;
  line.drain();
  await settle();
  replies.push(...line.take());
  assert.equal(
    [2, 4].map((index) => frames.dataOf(replies[index]!)),
    ["one", "two"],
  );
  assert.is(replies.length, 5);
  await server.stop();
});

test("a read waits for the connection's own write, not for another connection's", async () => {
  const { server, disk } = await startServer();
  const { line: writer } = await Line.open(server);
  const { line: reader } = await Line.open(server);
  disk.shut();
  writer.send(frames.create(1, "/a"), frames.exists(2, "/a"));
  await settle();
  assert.equal(await reader.ask(frames.exists(7, "/a")), ["7:-101"]);
  assert.equal(writer.takeShort(), []);
  disk.open();
  await settle();
  assert.equal(writer.takeShort(), ["1:0", "2:0"]);
  assert.equal(await reader.ask(frames.exists(8, "/a")), ["8:0"]);
  await server.stop();
});

test("nothing is answered before it is on disk", async () => {
  const { server, disk } = await startServer();
  const { line } = await Line.open(server);
  disk.shut();
  assert.equal(await line.ask(frames.create(1, "/a"), frames.sync(2), frames.ping()), []);
  disk.open();
  await settle();
  assert.equal(line.takeShort(), ["1:0", "2:0", "-2:0"]);
  await server.stop();
});

test("an event comes after the reply that set its watch, before one with the change", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  const answers = await line.ask(
    frames.create(1, "/a"),
    frames.getData(2, "/a", true),
    frames.setData(3, "/a", "new"),
    frames.getData(4, "/a"),
  );
  assert.equal(answers, ["1:0", "2:0", "event 3 /a", "3:0", "4:0"]);
  await server.stop();
});

test("an event of another's write waits for nothing and overtakes no reply", async () => {
  const { server, disk } = await startServer();
  const { line: watcher } = await Line.open(server);
  const { line: writer } = await Line.open(server);
  await writer.ask(frames.create(1, "/a"));
  await watcher.ask(frames.getData(1, "/a", true));
  disk.shut();
  writer.send(frames.setData(2, "/a", "new"));
  await settle();
  watcher.send(frames.create(2, "/b"), frames.getData(3, "/a"));
  await settle();
  disk.open();
  await settle();
  assert.equal(watcher.takeShort(), ["event 3 /a", "2:0", "3:0"]);
  await server.stop();
});

test("the zxid of a reply is the last one applied when it was executed", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  line.send(frames.create(1, "/a"), frames.exists(2, "/a"), frames.setData(3, "/a", "x"));
  await settle();
  const [made, seen, set] = line.take().map(({ zxid }) => zxid);
  assert.ok(made === seen && set === (seen ?? 0) + 1, `${made} ${seen} ${set}`);
  await server.stop();
});

test("a refused write takes its place in the order and a zxid of its own", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  line.send(frames.create(1, "/a"), frames.create(2, "/a"), frames.create(3, "/b"));
  await settle();
  const zxids = line.take().map(({ zxid }) => zxid);
  assert.equal(zxids, [zxids[0], zxids[0]! + 1, zxids[0]! + 2]);
  await server.stop();
});

test("writes with one xid are answered one by one, in order", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  const answers = await line.ask(
    frames.create(5, "/a"),
    frames.create(5, "/a"),
    frames.exists(5, "/a"),
    frames.remove(5, "/a"),
  );
  assert.equal(answers, ["5:0", "5:-110", "5:0", "5:0"]);
  await server.stop();
});

test("answers to writes of a connection that is gone do not answer the next one's", async () => {
  const { server, disk } = await startServer();
  const { line: first, session } = await Line.open(server);
  disk.shut();
  first.send(frames.create(1, "/a"), frames.create(2, "/a"));
  await settle();
  first.cut();
  const { line: second } = await Line.open(server, session);
  second.send(frames.create(1, "/b"), frames.create(2, "/b"));
  await settle();
  disk.open();
  await settle();
  assert.equal(second.takeShort(), ["1:0", "2:-110"]);
  assert.equal(await second.ask(frames.exists(3, "/a"), frames.exists(4, "/b")), ["3:0", "4:0"]);
  await server.stop();
});

test("a session that moves twice with writes under way loses count of none", async () => {
  const { server, disk } = await startServer();
  const { line: first, session } = await Line.open(server);
  disk.shut();
  first.send(frames.create(1, "/a"));
  const { line: second } = await Line.open(server, session);
  second.send(frames.create(1, "/a"));
  const { line: third } = await Line.open(server, session);
  third.send(frames.create(1, "/b"));
  await settle();
  assert.ok(first.isDestroyed && second.isDestroyed);
  disk.open();
  await settle();
  assert.equal(third.takeShort(), ["1:0"]);
  await server.stop();
});

test("sync is answered after the writes before it and before those after it", async () => {
  const { server, disk } = await startServer();
  const { line: writer } = await Line.open(server);
  const { line: other } = await Line.open(server);
  disk.shut();
  writer.send(frames.create(1, "/a"));
  await settle();
  other.send(frames.sync(1), frames.exists(2, "/a"), frames.exists(3, "/b"));
  await settle();
  writer.send(frames.create(2, "/b"));
  await settle();
  assert.equal(other.takeShort(), []);
  disk.open();
  await settle();
  assert.equal(other.takeShort(), ["1:0", "2:0", "3:-101"]);
  await server.stop();
});

test("an identity counts for frames behind its auth packet, not for those before", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  const acl = [{ perms: 31, scheme: "auth", id: "" }];
  const answers = await line.ask(
    frames.create(1, "/a", { acl }),
    frames.auth("digest", "ann:secret"),
    frames.create(2, "/a", { acl }),
    frames.getData(3, "/a"),
  );
  assert.equal(answers, ["1:-114", "-4:0", "2:0", "3:0"]);
  await server.stop();
});

test("closeSession is answered, nothing behind it is, and then the connection ends", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  const { line: other } = await Line.open(server);
  const answers = await line.ask(
    frames.create(1, "/e", { flags: 1 }),
    frames.close(2),
    frames.create(3, "/late"),
    frames.exists(4, "/"),
  );
  assert.equal(answers, ["1:0", "2:0"]);
  assert.ok(line.hasEnded);
  assert.equal(await other.ask(frames.exists(1, "/e"), frames.exists(2, "/late")), [
    "1:-101",
    "2:-101",
  ]);
  await server.stop();
});

test("a multi has one result for each operation, and is applied whole or not at all", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  const answers = await line.ask(
    frames.multi(
      1,
      [OPCODES.create, (writer) => frames.createBody(writer, "/a")],
      [OPCODES.setData, (writer) => frames.setDataBody(writer, "/none", "x")],
    ),
    frames.exists(2, "/a"),
    frames.multi(3, [OPCODES.create, (writer) => frames.createBody(writer, "/a")]),
    frames.exists(4, "/a"),
  );
  assert.equal(answers, ["1:0", "2:-101", "3:0", "4:0"]);
  await server.stop();
});

test.run();
