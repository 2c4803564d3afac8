import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TreeEvent, WatchEvent, ZooKeeperClient } from "../../client/mod.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { writeStat } from "../../core/wire/records.ts";
import {
  childrenBody,
  closeBoth,
  connected,
  dataBody,
  type ReceivedRequest,
  type ScriptedServer,
  type ServerLine,
  statAt,
  turn,
} from "./scripted_server.ts";

/** Loses the connection and accepts the next one. */
async function reconnect(server: ScriptedServer, line: ServerLine): Promise<ServerLine> {
  line.hangUp();
  const next = server.answer();
  await server.clock.advance(1_000);
  const again = await next;
  await again.hello();
  again.welcome();
  return again;
}

function listsOf({ body }: ReceivedRequest, count: number): (string[] | null)[] {
  return Array.from({ length: count }, () => body.strings());
}

test("one-shot watches fire once, for what they were set on", async () => {
  const { zk, line } = await connected();
  const events: string[] = [];
  const note = (name: string) => (event: WatchEvent) =>
    events.push(`${name} ${event.type} ${event.path} ${event.zxid}`);
  const reads = [
    zk.getData("/a", { watch: note("data") }),
    zk.getChildren("/a", { watch: note("children") }),
    zk.exists("/none", { watch: note("exists") }),
  ];
  const { xid } = await line.next();
  line.reply(xid, 1, 0, dataBody("", statAt(1)));
  line.reply(xid + 1, 1, 0, childrenBody([], statAt(1)));
  line.reply(xid + 2, 1, -101);
  await Promise.all(reads);
  line.notify(4, "/a", 5);
  line.notify(3, "/a");
  line.notify(3, "/a");
  line.notify(1, "/none");
  await turn();
  assert.equal(events, [
    "children childrenChanged /a 5",
    "data dataChanged /a undefined",
    "exists created /none undefined",
  ]);
  await closeBoth(zk, line);
});

test("a refused read leaves no watch, and a listener that throws harms nobody", async () => {
  const { zk, line } = await connected();
  const events: string[] = [];
  const refused = zk.getData("/a", { watch: () => events.push("refused") });
  const first = zk.exists("/a", {
    watch: () => {
      throw new Error("careless");
    },
  });
  const second = zk.exists("/a", { watch: () => events.push("second") });
  const { xid } = await line.next();
  line.reply(xid, 1, -101);
  await refused.catch(() => {});
  line.reply(xid + 1, 1, -101);
  line.reply(xid + 2, 1, -101);
  await Promise.all([first, second]);
  line.notify(1, "/a");
  await turn();
  assert.equal(events, ["second"]);
  await closeBoth(zk, line);
});

test("a new connection gets all watches before requests, with the last zxid", async () => {
  const { zk, server, line } = await connected({ chroot: "/app" });
  const watch = (): void => {};
  const reads = [
    zk.getData("/d", { watch }),
    zk.exists("/e", { watch }),
    zk.getChildren("/c", { watch }),
    zk.addWatch("/p", watch),
    zk.addWatch("/r", watch, { recursive: true }),
  ];
  const { xid } = await line.next();
  line.reply(xid, 7, 0, dataBody("", statAt(1)));
  line.reply(xid + 1, 7, -101);
  line.reply(xid + 2, 7, 0, childrenBody([], statAt(1)));
  line.reply(xid + 3, 7, 0, (writer) => writer.int(0));
  line.reply(xid + 4, 7, 0, (writer) => writer.int(0));
  await Promise.all(reads);
  line.hangUp();
  const waiting = zk.exists("/");
  const again = await reconnect(server, line);
  const set = await again.next();
  assert.is(set.xid, -8);
  assert.is(set.type, OPCODES.setWatches2);
  assert.is(set.body.long(), 7);
  const lists = [["/app/d"], ["/app/e"], ["/app/c"], ["/app/p"], ["/app/r"]];
  assert.equal(listsOf(set, 5), lists);
  again.reply(-8, 7);
  const exists = await again.next();
  assert.is(exists.body.text(), "/app");
  again.reply(exists.xid, 7, -101);
  await waiting;
  await closeBoth(zk, again);
});

test("without persistent watches setWatches is sent, in bounded frames", async () => {
  const { zk, server, line } = await connected();
  const name = "n".repeat(1_000);
  const reads = Array.from({ length: 100 }, (_, i) =>
    zk.exists(`/${name}${i}`, { watch: () => {} }),
  );
  const { xid } = await line.next();
  for (let i = 0; i < 100; i++) line.reply(xid + i, 1, -101);
  await Promise.all(reads);
  const again = await reconnect(server, line);
  let count = 0;
  while (count < 100) {
    const set = await again.next();
    assert.is(set.type, OPCODES.setWatches);
    assert.ok(set.body.remaining < 128 * 1024);
    set.body.long();
    count += listsOf(set, 3)[1]?.length ?? 0;
    again.reply(-8, 1);
  }
  assert.is(count, 100);
  await closeBoth(zk, again);
});

test("the end of the session tells one-shot watches that they are lost", async () => {
  const { zk, server, line } = await connected();
  const events: string[] = [];
  const read = zk.exists("/a", { watch: ({ type }) => events.push(type) });
  line.reply((await line.next()).xid, 1, -101);
  await read;
  line.hangUp();
  const next = server.answer();
  await server.clock.advance(1_000);
  await (await next).hello();
  (await next).refuse();
  await turn();
  assert.is(zk.state.status, "expired");
  assert.equal(events, ["lost"]);
});

test("a path watched in both modes still tells of children", async () => {
  const { zk, line } = await connected();
  const events: string[] = [];
  const ok = async () => {
    const request = await line.next();
    line.reply(request.xid, 1, 0, (writer) => writer.int(0));
    return request;
  };
  const plain = zk.addWatch("/a", ({ type }) => events.push(`plain ${type}`));
  await ok();
  const both = zk.addWatch("/a", ({ type }) => events.push(`all ${type}`), { recursive: true });
  assert.is((await ok()).type, OPCODES.addWatch);
  const removed = await ok();
  assert.is(removed.type, OPCODES.removeWatches);
  removed.body.text();
  assert.is(removed.body.int(), 4);
  line.notify(1, "/a/b");
  await turn();
  assert.equal(events, ["all created", "plain childrenChanged"]);
  const released = (await both).release();
  const again = await ok();
  assert.is(again.type, OPCODES.addWatch);
  again.body.text();
  assert.is(again.body.int(), 0);
  await ok();
  await released;
  const last = (await plain).release();
  assert.is((await ok()).type, OPCODES.removeWatches);
  await last;
  await closeBoth(zk, line);
});

/** Answers addWatch and removeWatches by itself; hands on the rest. */
async function nextRead(line: ServerLine): Promise<ReceivedRequest> {
  for (;;) {
    const request = await line.next();
    const isWatch = request.type === OPCODES.addWatch || request.type === OPCODES.removeWatches;
    if (!isWatch && request.xid !== -8) return request;
    line.reply(request.xid, 1, 0, (writer) => writer.int(0));
  }
}

function follow(zk: ZooKeeperClient): string[] {
  const seen: string[] = [];
  zk.data$("/a").subscribe({
    next: (result) => {
      const text = new TextDecoder().decode(result?.data ?? undefined);
      seen.push(result === null ? "null" : `${text}@${result.stat.mzxid}`);
    },
    error: (error) => seen.push(`error ${error.kind}`),
    complete: () => seen.push("complete"),
  });
  return seen;
}

test("data$ registers first and reads then; events during a read cause one more read", async () => {
  const { zk, line } = await connected();
  const seen = follow(zk);
  const added = await line.next();
  assert.is(added.type, OPCODES.addWatch);
  line.reply(added.xid, 1, 0, (writer) => writer.int(0));
  const first = await line.next();
  for (let i = 0; i < 3; i++) line.notify(3, "/a");
  await turn();
  line.reply(first.xid, 1, 0, dataBody("old", statAt(1)));
  const second = await line.next();
  await turn();
  assert.is(line.pendingCount, 0);
  line.reply(second.xid, 4, 0, dataBody("new", statAt(1, 4)));
  await turn();
  assert.equal(seen, ["old@1", "new@4"]);
  await closeBoth(zk, line);
  assert.equal(seen.at(-1), "complete");
});

test("data$ says null at a deletion, and does not show a late read of the dead znode", async () => {
  const { zk, line } = await connected();
  const seen = follow(zk);
  const first = await nextRead(line);
  line.reply(first.xid, 1, 0, dataBody("x", statAt(1)));
  line.notify(3, "/a");
  const late = await nextRead(line);
  line.notify(2, "/a");
  line.notify(1, "/a");
  await turn();
  line.reply(late.xid, 2, 0, dataBody("y", statAt(1, 2)));
  const fresh = await nextRead(line);
  line.reply(fresh.xid, 4, 0, dataBody("z", statAt(4)));
  await turn();
  assert.equal(seen, ["x@1", "null", "z@4"]);
  await closeBoth(zk, line);
});

test("data$ reads again on a new connection and tells differences alone", async () => {
  const { zk, server, line } = await connected();
  const seen = follow(zk);
  line.reply((await nextRead(line)).xid, 1, 0, dataBody("x", statAt(1)));
  await turn();
  const second = await reconnect(server, line);
  second.reply((await nextRead(second)).xid, 9, 0, dataBody("x", statAt(1)));
  await turn();
  assert.equal(seen, ["x@1"]);
  const third = await reconnect(server, second);
  third.reply((await nextRead(third)).xid, 9, -101);
  await turn();
  assert.equal(seen, ["x@1", "null"]);
  await closeBoth(zk, third);
});

test("data$ fails with a refusal, and leaves other subscribers alone", async () => {
  const { zk, line } = await connected();
  const seen = follow(zk);
  line.reply((await nextRead(line)).xid, 1, -102);
  await turn();
  assert.equal(seen, ["error NoAuth"]);
  await closeBoth(zk, line);
});

test("the last of several subscribers removes the watch from the server", async () => {
  const { zk, line } = await connected();
  const first = zk.exists$("/a").subscribe();
  const second = zk.exists$("/a").subscribe();
  const added = await line.next();
  assert.is(added.type, OPCODES.addWatch);
  line.reply(added.xid, 1, 0, (writer) => writer.int(0));
  for (let i = 0; i < 2; i++) {
    const read = await line.next();
    assert.is(read.type, OPCODES.exists);
    line.reply(read.xid, 1, -101);
  }
  first.unsubscribe();
  await turn();
  assert.is(line.pendingCount, 0);
  second.unsubscribe();
  const removed = await line.next();
  assert.is(removed.type, OPCODES.removeWatches);
  line.reply(removed.xid, 1);
  await closeBoth(zk, line);
});

test("tree$ begins with a snapshot and then follows, parents before children", async () => {
  const { zk, line } = await connected();
  const seen: string[] = [];
  zk.tree$("/t").subscribe((event: TreeEvent) => {
    if (event.type === "snapshot") seen.push(`snapshot ${event.nodes.map(({ path }) => path)}`);
    else seen.push(`${event.type} ${event.path}`);
  });
  const znodes = new Map<string, number>([
    ["/t", 1],
    ["/t/a", 2],
  ]);
  await serve(line, znodes);
  assert.equal(seen, ["snapshot /t,/t/a"]);
  // The new parent changed after its child was created: it is the later of the two to be read.
  znodes.set("/t/b", 5);
  znodes.set("/t/b/c", 6);
  for (const [type, path] of [
    [1, "/t/b"],
    [1, "/t/b/c"],
    [3, "/t/b"],
  ] as const) {
    line.notify(type, path);
  }
  znodes.delete("/t/a");
  line.notify(2, "/t/a");
  await serve(line, znodes);
  assert.equal(seen.slice(1), ["created /t/b", "created /t/b/c", "deleted /t/a"]);
  await closeBoth(zk, line);
});

test("tree$ tells the differences after a lost connection, deletions included", async () => {
  const { zk, server, line } = await connected();
  const seen: string[] = [];
  zk.tree$("/t").subscribe((event: TreeEvent) => {
    if (event.type !== "snapshot") seen.push(`${event.type} ${event.path}`);
  });
  const znodes = new Map<string, number>([
    ["/t", 1],
    ["/t/a", 2],
    ["/t/a/x", 3],
    ["/t/b", 4],
  ]);
  await serve(line, znodes);
  line.hangUp();
  znodes.delete("/t/a");
  znodes.delete("/t/a/x");
  znodes.set("/t/b", 9);
  znodes.set("/t/c", 10);
  const again = await reconnect(server, line);
  await serve(again, znodes);
  assert.equal(seen, [
    "deleted /t/a/x",
    "deleted /t/a",
    "deleted /t/b",
    "created /t/b",
    "created /t/c",
  ]);
  await closeBoth(zk, again);
});

/** Answers reads from a map of paths to czxids until none are left. */
async function serve(line: ServerLine, znodes: ReadonlyMap<string, number>): Promise<void> {
  await turn();
  while (line.pendingCount > 0) {
    const { xid, type, body } = await line.next();
    if (xid === -8 || type === OPCODES.addWatch || type === OPCODES.removeWatches) {
      line.reply(xid, 20, 0, (writer) => writer.int(0));
    } else {
      const path = body.text();
      const stat = statAt(znodes.get(path) ?? 0);
      const names = [...znodes.keys()]
        .filter((other) => other.startsWith(`${path}/`))
        .map((other) => other.slice(path.length + 1))
        .filter((name) => !name.includes("/"));
      if (!znodes.has(path)) line.reply(xid, 20, -101);
      else if (type === OPCODES.getData) line.reply(xid, 20, 0, dataBody("", stat));
      else if (type === OPCODES.exists) line.reply(xid, 20, 0, (writer) => writeStat(writer, stat));
      else line.reply(xid, 20, 0, childrenBody(names, stat));
    }
    await turn();
  }
}

test.run();
