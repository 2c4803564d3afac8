import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ZnodeChange } from "../../../core/watch/changes.ts";
import { Delivery, QUEUE_EVENTS_MAX } from "../../../core/watch/delivery.ts";
import { SessionFeed } from "../../../core/watch/state.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { StreamOverflowError } from "../../../mod.ts";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import { ManualClock, settle } from "../manual_clock.ts";
import { compose, type Fixture, startServer } from "../server/fixture.ts";
import * as frames from "../server/frames.ts";
import { Line } from "../server/line.ts";

interface Running extends Fixture {
  readonly line: Line;
  readonly sessionId: bigint;
  /** Lets the streams have their turn. */
  deliver(): Promise<void>;
}

async function start(): Promise<Running> {
  const fixture = await startServer();
  const { line, session } = await Line.open(fixture.server);
  const deliver = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      fixture.clock.advance(0);
      await settle();
    }
  };
  return { ...fixture, line, sessionId: session.sessionId.toBigInt(), deliver };
}

function text(data: Uint8Array | null | undefined): string | null | undefined {
  return data && new TextDecoder().decode(data);
}

test("changes.at() tells each change with path, zxid, time, session, data and Stat", async () => {
  const { server, clock, line, sessionId, deliver } = await start();
  const changes: ZnodeChange[] = [];
  server.changes.at("/a").subscribe((change) => changes.push(change));
  line.send(
    frames.create(1, "/a", { data: "one" }),
    frames.setData(2, "/a", "two"),
    frames.create(3, "/b"),
    frames.remove(4, "/a"),
  );
  await settle();
  const zxids = line.take().map(({ zxid }) => zxid);
  await deliver();
  assert.equal(
    changes.map(({ type }) => type),
    ["created", "data", "deleted"],
  );
  assert.equal(
    changes.map(({ zxid }) => zxid),
    [zxids[0], zxids[1], zxids[3]],
  );
  assert.equal(
    changes.map(({ data }) => text(data)),
    ["one", "two", null],
  );
  assert.equal(
    changes.map(({ stat }) => stat?.version),
    [0, 1, undefined],
  );
  for (const change of changes) {
    assert.equal(
      [change.path, change.sessionId, change.timeMs, "previousData" in change],
      ["/a", sessionId, clock.wallTime(), false],
    );
  }
  await server.stop();
});

test("under() tells of a znode and all below it, not of paths that begin alike", async () => {
  const { server, line, deliver } = await start();
  const below: string[] = [];
  const all: string[] = [];
  server.changes.under("/a").subscribe(({ path }) => below.push(path));
  server.changes.under("/").subscribe(({ path }) => all.push(path));
  await line.ask(
    frames.create(1, "/a"),
    frames.create(2, "/ab"),
    frames.create(3, "/a/b"),
    frames.create(4, "/a/b/c"),
    frames.setData(5, "/", "x"),
  );
  await deliver();
  assert.equal(below, ["/a", "/a/b", "/a/b/c"]);
  assert.equal(all, ["/a", "/ab", "/a/b", "/a/b/c", "/"]);
  await server.stop();
});

test("previous data come to those who ask for them, as they were before each change", async () => {
  const { server, line, deliver } = await start();
  const asked: unknown[] = [];
  const unasked: boolean[] = [];
  const stream = server.changes.at("/a", { previous: true });
  stream.subscribe(({ previousData }) => asked.push(text(previousData)));
  server.changes.at("/a").subscribe((change) => unasked.push("previousData" in change));
  await line.ask(
    frames.create(1, "/a", { data: "one" }),
    frames.setData(2, "/a", "two"),
    frames.setData(3, "/a", "three"),
    frames.remove(4, "/a"),
  );
  await deliver();
  assert.equal(asked, [undefined, "one", "two", "three"]);
  assert.equal(unasked, [false, false, false, false]);
  await server.stop();
});

test("changes of a multi share its zxid, in the order of its operations", async () => {
  const { server, line, deliver } = await start();
  const seen: ZnodeChange[] = [];
  server.changes.under("/").subscribe((change) => seen.push(change));
  await line.ask(
    frames.multi(
      1,
      [OPCODES.create, (writer) => frames.createBody(writer, "/b", { data: "1" })],
      [OPCODES.create, (writer) => frames.createBody(writer, "/a")],
      [OPCODES.setData, (writer) => frames.setDataBody(writer, "/b", "2")],
    ),
    frames.multi(
      2,
      [OPCODES.create, (writer) => frames.createBody(writer, "/c")],
      [OPCODES.create, (writer) => frames.createBody(writer, "/a")],
    ),
  );
  await deliver();
  assert.equal(
    seen.map(({ path, data }) => `${path} ${text(data)}`),
    ["/b 1", "/a ", "/b 2"],
  );
  assert.is(new Set(seen.map(({ zxid }) => zxid)).size, 1);
  await server.stop();
});

test("ephemerals that go with their session are told as deleted by it", async () => {
  const { server, line, sessionId, deliver } = await start();
  const seen: ZnodeChange[] = [];
  await line.ask(frames.create(1, "/e", { flags: 1 }));
  server.changes.at("/e").subscribe((change) => seen.push(change));
  await line.ask(frames.close(2));
  await deliver();
  assert.equal(
    seen.map(({ type, sessionId: by }) => [type, by]),
    [["deleted", sessionId]],
  );
  await server.stop();
});

test("a reply leaves before any subscriber's code runs", async () => {
  const { server, clock, line } = await start();
  const order: string[] = [];
  server.changes.at("/a").subscribe(() => order.push("subscriber"));
  line.send(frames.create(1, "/a"));
  await settle();
  order.push(...line.takeShort());
  clock.advance(0);
  assert.equal(order, ["1:0", "subscriber"]);
  await server.stop();
});

test("a subscriber that throws ends its own subscription alone, and is logged", async () => {
  const { server, line, messages, deliver } = await start();
  let calls = 0;
  const others: string[] = [];
  server.changes.at("/a").subscribe(() => {
    calls += 1;
    throw new Error("a subscriber's bug");
  });
  server.changes.at("/a").subscribe(({ type }) => others.push(type));
  await line.ask(frames.create(1, "/a"));
  await deliver();
  assert.equal(await line.ask(frames.setData(2, "/a", "x")), ["2:0"]);
  await deliver();
  assert.equal([calls, others], [1, ["created", "data"]]);
  assert.ok(messages.some((message) => message.includes("a subscriber threw")));
  await server.stop();
});

test("a subscriber too far behind ends with StreamOverflowError, others go on", async () => {
  const { server, line, deliver } = await start();
  await line.ask(frames.create(1, "/slow"), frames.create(2, "/other"));
  let received = 0;
  let failure: unknown;
  const others: string[] = [];
  server.changes.at("/slow").subscribe({
    next: () => {
      received += 1;
    },
    error: (error) => {
      failure = error;
    },
  });
  server.changes.at("/other").subscribe(({ type }) => others.push(type));
  // Time stands still, so no subscriber's code runs meanwhile.
  for (let sent = 0; sent <= QUEUE_EVENTS_MAX; sent += 5_000) {
    line.send(...Array.from({ length: 5_000 }, () => frames.setData(1, "/slow", "x")));
    await settle();
    line.take();
  }
  assert.equal(await line.ask(frames.setData(2, "/other", "x")), ["2:0"]);
  while (failure === undefined) await deliver();
  assert.instance(failure, StreamOverflowError);
  assert.is(received, QUEUE_EVENTS_MAX);
  assert.equal(others, ["data"]);
  await server.stop();
});

test("a subscriber with slow code has its turn no more often than the others", async () => {
  const { server, clock, line, deliver } = await start();
  await line.ask(frames.create(1, "/a"));
  const order: string[] = [];
  server.changes.at("/a").subscribe(() => {
    order.push("slow");
    clock.spend(50);
  });
  server.changes.at("/a").subscribe(() => order.push("fast"));
  await line.ask(...[1, 2, 3].map((xid) => frames.setData(xid, "/a", "x")));
  await deliver();
  assert.equal(order, ["slow", "fast", "slow", "fast", "slow", "fast"]);
  await server.stop();
});

test("streams hand on what waits and complete when the server stops", async () => {
  const { server, line } = await start();
  const seen: string[] = [];
  server.changes.at("/a").subscribe({
    next: ({ type }) => seen.push(type),
    complete: () => seen.push("complete"),
  });
  server.sessions.subscribe({ complete: () => seen.push("sessions complete") });
  await line.ask(frames.create(1, "/a"));
  await server.stop();
  assert.equal(seen, ["created", "complete", "sessions complete"]);
});

test("what a start replays is not told, also to those who subscribed before it", async () => {
  const first = await start();
  await first.line.ask(frames.create(1, "/a"));
  await first.server.stop();
  const { server, clock } = compose({ disk: first.disk });
  const told: string[] = [];
  server.changes.under("/").subscribe(({ type, path }) => told.push(`${type} ${path}`));
  server.sessions.subscribe(({ type }) => told.push(type));
  await server.start();
  const { line } = await Line.open(server);
  assert.equal(await line.ask(frames.setData(1, "/a", "x")), ["1:0"]);
  for (let i = 0; i < 3; i++) {
    clock.advance(0);
    await settle();
  }
  assert.equal(told, ["created", "data /a"]);
  await server.stop();
});

test("while a tree is replaced nothing is told but a gap, to who was told before", async () => {
  const clock = new ManualClock();
  const delivery = new Delivery(clock, new ConsoleLogger("silent"));
  const feed = new SessionFeed(delivery);
  const told: string[] = [];
  const listen = (name: string): void => {
    const error = (gap: Error): void => void told.push(`${name} ${gap.name}`);
    feed.stream.subscribe({ next: ({ id }) => told.push(`${name} ${id}`), error });
  };
  const publish = (id: bigint): void => feed.publish({ type: "created", id, timeoutMs: 4_000 });
  listen("early");
  publish(1n); // Caught up on before the server serves.
  delivery.resume();
  publish(2n);
  delivery.silence();
  listen("late");
  publish(3n); // Caught up on behind the new tree.
  delivery.silence();
  delivery.resume();
  publish(4n);
  clock.advance(0);
  await settle();
  assert.equal(told, ["early 2", "late 4", "early StreamGapError"]);
});

test("who unsubscribes hears nothing more, not even what waits", async () => {
  const { server, line, deliver } = await start();
  const seen: string[] = [];
  const subscription = server.changes.under("/").subscribe(({ path }) => {
    seen.push(path);
    subscription.unsubscribe();
  });
  await line.ask(frames.create(1, "/a"), frames.create(2, "/b"));
  await deliver();
  assert.equal(seen, ["/a"]);
  await server.stop();
});

test("server.sessions tells of sessions that begin and end, with their time-outs", async () => {
  const { server, deliver } = await start();
  const seen: string[] = [];
  server.sessions.subscribe(({ type, id, timeoutMs }) => seen.push(`${type} ${id} ${timeoutMs}`));
  const { line, session } = await Line.open(server, { timeoutMs: 4_000 });
  await line.ask(frames.close(1));
  await deliver();
  const id = session.sessionId.toBigInt();
  assert.equal(seen, [`created ${id} 4000`, `closed ${id} 0`]);
  await server.stop();
});

test.run();
