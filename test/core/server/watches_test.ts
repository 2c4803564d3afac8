import { test } from "uvu";
import * as assert from "uvu/assert";
import { WATCH, type Watcher, WatchTable } from "../../../core/server/watches.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { settle } from "../manual_clock.ts";
import { startServer } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

class Named implements Watcher {
  readonly watched: Watcher["watched"] = new Map();
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

function told(table: WatchTable<Named>, path: string, withAncestors = false): string {
  const names: string[] = [];
  table.trigger(path, withAncestors, ({ name }) => names.push(name));
  return names.join();
}

test("a standard watch tells once, a persistent one as long as it is there", () => {
  const table = new WatchTable<Named>();
  const [ann, bob] = [new Named("ann"), new Named("bob")];
  table.add("/a", ann, WATCH.standard);
  table.add("/a", bob, WATCH.persistent);
  assert.equal([told(table, "/a"), told(table, "/a")], ["ann,bob", "bob"]);
  assert.ok(table.remove("/a", bob));
  assert.ok(!table.remove("/a", bob));
  assert.is(told(table, "/a"), "");
  assert.ok(table.isEmpty);
});

test("a recursive watch tells of every path below, and nobody is told twice of one change", () => {
  const table = new WatchTable<Named>();
  const ann = new Named("ann");
  for (const path of ["/", "/a", "/a/b"]) table.add(path, ann, WATCH.recursive);
  table.add("/a/b", ann, WATCH.standard);
  assert.equal([told(table, "/a/b", true), told(table, "/a/b", false)], ["ann", "ann"]);
  table.remove("/a", ann);
  table.remove("/a/b", ann);
  assert.equal([told(table, "/a/b/c", true), told(table, "/ab", true)], ["ann", "ann"]);
  table.remove("/", ann);
  assert.is(told(table, "/a/b/c", true), "");
});

test("a recursive watch does not tell of a path that only begins alike", () => {
  const table = new WatchTable<Named>();
  table.add("/a", new Named("ann"), WATCH.recursive);
  assert.equal([told(table, "/ab", true), told(table, "/a/b", true)], ["", "ann"]);
});

test("kinds coexist on one path and are counted and removed one by one", () => {
  const table = new WatchTable<Named>();
  const ann = new Named("ann");
  table.add("/a", ann, WATCH.standard);
  table.add("/a", ann, WATCH.persistent);
  table.add("/a", ann, WATCH.persistent);
  assert.equal([table.count, table.pathCount], [1, 1]);
  assert.ok(table.remove("/a", ann, WATCH.standard));
  assert.ok(!table.has("/a", ann, WATCH.standard) && table.has("/a", ann, WATCH.persistent));
  table.removeAll(ann);
  assert.equal([table.count, table.pathsOf(ann)], [0, []]);
});

test("a watcher that goes while others are told is told no more", () => {
  const table = new WatchTable<Named>();
  const [ann, bob] = [new Named("ann"), new Named("bob")];
  table.add("/a", ann, WATCH.persistent);
  table.add("/a", bob, WATCH.persistent);
  table.trigger("/a", false, () => {
    table.removeAll(ann);
    table.removeAll(bob);
  });
  assert.ok(table.isEmpty);
});

test("a watch that is used up is no watcher's any more, and may be set again at once", () => {
  const table = new WatchTable<Named>();
  const [ann, bob] = [new Named("ann"), new Named("bob")];
  for (const watcher of [ann, bob]) table.add("/a", watcher, WATCH.standard);
  table.add("/b", bob, WATCH.standard);
  assert.is(told(table, "/a"), "ann,bob");
  assert.equal([table.count, table.pathCount, table.has("/a", ann)], [1, 1, false]);
  table.add("/a", ann, WATCH.standard);
  assert.equal([table.pathsOf(ann), table.pathsOf(bob)], [["/a"], ["/b"]]);
  assert.is(told(table, "/a"), "ann");
  table.removeAll(ann);
  assert.ok(!table.remove("/a", bob));
  assert.is(told(table, "/a") + told(table, "/b"), "bob");
  assert.ok(table.isEmpty);
});

test("each kind of change tells those whom it concerns, in Apache's order", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  const children = OPCODES.getChildren2;
  const answers = await line.ask(
    frames.exists(1, "/a", true),
    frames.read(2, children, "/", true),
    frames.create(3, "/a"),
    frames.getData(4, "/a", true),
    frames.read(5, children, "/a", true),
    frames.setData(6, "/a", "x"),
    frames.create(7, "/a/c"),
    frames.getData(8, "/a", true),
    frames.read(9, children, "/a", true),
    frames.read(10, children, "/", true),
    frames.remove(11, "/a/c"),
    frames.remove(12, "/a"),
  );
  const events = answers.filter((answer) => answer.startsWith("event"));
  assert.equal(events, [
    "event 1 /a",
    "event 4 /",
    "event 3 /a",
    "event 4 /a",
    "event 4 /a",
    "event 2 /a",
    "event 4 /",
  ]);
  await server.stop();
});

test("a recursive watch tells of all below, each by its own path", async () => {
  const { server, counter } = await startServer();
  const { line } = await Line.open(server);
  await line.ask(frames.addWatch(1, "/", 1));
  const answers = await line.ask(
    frames.create(2, "/a"),
    frames.create(3, "/a/b"),
    frames.setData(4, "/a/b", "x"),
    frames.remove(5, "/a/b"),
  );
  const events = answers.filter((answer) => answer.startsWith("event"));
  assert.equal(events, ["event 1 /a", "event 1 /a/b", "event 3 /a/b", "event 2 /a/b"]);
  // Each a header of 16 bytes, type, state, and the path with its length.
  assert.is(counter("watch_bytes"), 4 * (16 + 12) + "/a".length + 3 * "/a/b".length);
  await server.stop();
});

test("setWatches tells what was missed before its reply, and watches the rest", async () => {
  const { server } = await startServer();
  const { line: first } = await Line.open(server);
  first.send(frames.create(1, "/same"), frames.create(2, "/set"), frames.create(3, "/gone"));
  await settle();
  const since = first.take().at(-1)?.zxid ?? 0;
  await first.ask(
    frames.setData(4, "/set", "x"),
    frames.remove(5, "/gone"),
    frames.create(6, "/came"),
    frames.create(7, "/set/child"),
  );
  const { line } = await Line.open(server);
  const answers = await line.ask(
    frames.setWatches(since, {
      data: ["/same", "/set", "/gone"],
      exist: ["/came", "/never"],
      child: ["/same", "/set"],
    }),
  );
  assert.equal(answers, ["event 3 /set", "event 2 /gone", "event 1 /came", "event 4 /set", "-8:0"]);
  const later = await line.ask(frames.setData(1, "/same", "y"), frames.create(2, "/never"));
  assert.equal(later, ["event 3 /same", "1:0", "event 1 /never", "2:0"]);
  await server.stop();
});

test("watches end with their connection, not with the session", async () => {
  const { server } = await startServer();
  const { line, session } = await Line.open(server);
  const { line: other } = await Line.open(server);
  await line.ask(frames.create(1, "/a"), frames.getData(2, "/a", true));
  line.cut();
  const { line: again } = await Line.open(server, session);
  await other.ask(frames.setData(1, "/a", "x"));
  assert.equal(again.takeShort(), []);
  await server.stop();
});

test("an event is kept from a watcher who may not read the znode", async () => {
  const { server } = await startServer();
  const { line: ann } = await Line.open(server);
  const { line: bob } = await Line.open(server);
  const acl = [{ perms: 31, scheme: "auth", id: "" }];
  await bob.ask(frames.exists(1, "/secret", true), frames.addWatch(2, "/", 1));
  await ann.ask(frames.auth("digest", "ann:pw"), frames.create(1, "/secret", { acl }));
  await ann.ask(frames.setData(2, "/secret", "x"));
  assert.equal(bob.takeShort(), []);
  await server.stop();
});

test.run();
