import { test } from "uvu";
import * as assert from "uvu/assert";
import { CONSENSUS, type Consensus } from "../../../core/contracts/consensus.ts";
import { SERVICE } from "../../../core/contracts/service.ts";
import {
  type Snapshot,
  type SnapshotSlice,
  StorageError,
} from "../../../core/contracts/storage.ts";
import type { Plugin } from "../../../core/kernel/plugin.ts";
import { sessionPassword } from "../../../core/server/session_ids.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { SessionId } from "../../../core/wire/session_id.ts";
import { EPOCH_2, sliceOf, snapshotOf, utf8 } from "../../conformance/storage_data.ts";
import { GatedStorage } from "../../core/gated_storage.ts";
import { settle } from "../../core/manual_clock.ts";
import { type Fixture, type FixtureOptions, startServer } from "../../core/server/fixture.ts";
import * as frames from "../../core/server/frames.ts";
import { Line } from "../../core/server/line.ts";

const KNOWN = new SessionId(0x0100_0000, 7);
const KNOWN_WITH = { sessionId: KNOWN, password: sessionPassword(KNOWN) };

interface Restorable extends Fixture {
  restore(whole: Snapshot): Promise<void>;
}

async function start(given: FixtureOptions = {}): Promise<Restorable> {
  let consensus: Consensus | undefined;
  const probe: Plugin = {
    name: "probe",
    provides: [SERVICE],
    requires: [CONSENSUS],
    register: (container) => {
      container.provide(SERVICE, () => {
        consensus = container.get(CONSENSUS);
        return { name: "probe", start: async () => {}, stop: async () => {} };
      });
    },
  };
  const fixture = await startServer({ ...given, plugins: [probe] });
  return { ...fixture, restore: async (whole) => await consensus?.restore?.(whole) };
}

/** A tree with `/old` and one session of 4 s. */
function oldTree(zxid = 9): Snapshot {
  const nodes = [{ path: "/" }, { path: "/old", data: utf8("then") }];
  return snapshotOf(zxid, sliceOf(nodes, { sessions: [{ id: KNOWN, timeoutMs: 4_000 }] }));
}

const isClosed = (error: unknown): boolean =>
  error instanceof StorageError && error.kind === "closed";

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => assert.unreachable("it was not refused"),
    (error: unknown) => error,
  );
}

test("restore() leaves clients unanswered and serves the new tree from its zxid on", async () => {
  const { server, disk, clock, restore } = await start();
  const { line } = await Line.open(server);
  for (let xid = 1; xid <= 20; xid++) await line.ask(frames.create(xid, `/n${xid}`));
  disk.shut();
  line.send(frames.create(21, "/under-way"));
  await settle();
  line.send(frames.create(22, "/gathered"), frames.sync(23));
  const restoring = restore(oldTree());
  assert.ok(line.isDestroyed);
  await settle();
  assert.is(await new Line(server).connect(), undefined, "nobody comes in meanwhile");
  disk.open();
  await restoring;
  assert.equal(line.takeShort(), []);
  assert.is(disk.storage.lastZxid, 9);

  const { line: next } = await Line.open(server);
  const gone = [1, 21, 22].map((n) => frames.exists(n, n === 1 ? "/n1" : "/under-way"));
  assert.equal(await next.ask(...gone), ["1:-101", "21:-101", "22:-101"]);
  next.send(frames.getData(3, "/old"), frames.create(4, "/new"));
  await settle();
  const [read, made] = next.take();
  assert.is(frames.dataOf(read!), "then");
  assert.is(made?.zxid, 11, "10 was the session's");
  assert.is(await new Line(server).connect({ lastZxidSeen: 21 }), undefined, "has seen more");
  await server.stop();

  const { server: later } = await startServer({ disk, clock });
  const { line: again } = await Line.open(later);
  assert.equal(await again.ask(frames.exists(1, "/new"), frames.exists(2, "/n1")), [
    "1:0",
    "2:-101",
  ]);
  await later.stop();
});

test("restore() brings sessions with their full time-outs, and later ones are gone", async () => {
  const { server, clock, restore } = await start();
  const { session: later } = await Line.open(server);
  clock.advance(60_000);
  await settle();
  await restore(oldTree());
  const stranger = new Line(server);
  const { sessionId, password } = later;
  assert.is((await stranger.connect({ sessionId, password }))?.timeoutMs, 0);
  clock.advance(3_900);
  await settle();
  const back = await Line.open(server, { ...KNOWN_WITH, timeoutMs: 4_000 });
  assert.equal(await back.line.ask(frames.create(1, "/mine", { flags: 1 })), ["1:0"]);
  back.line.cut();
  clock.advance(6_000);
  await settle();
  assert.is((await new Line(server).connect(KNOWN_WITH))?.timeoutMs, 0, "it has expired");
  await server.stop();
});

test("restore() may come twice in a row, and waits for a checkpoint under way", async () => {
  const disk = new GatedStorage();
  const { checkpoint, install } = disk.storage;
  const done: string[] = [];
  let finish = (): void => {};
  disk.storage.checkpoint = async (changes) => {
    await new Promise<void>((resolve) => (finish = resolve));
    await checkpoint(changes);
    done.push("checkpoint");
  };
  disk.storage.install = async (whole, epoch) => {
    await install(whole, epoch);
    done.push("install");
  };
  const { server, restore } = await start({ disk, snapCount: 3 });
  const { line } = await Line.open(server);
  await line.ask(...[1, 2, 3].map((xid) => frames.create(xid, `/n${xid}`)));
  const restoring = restore(oldTree());
  await settle();
  assert.equal(done, []);
  finish();
  await restoring;
  await restore(oldTree(4));
  assert.equal(done, ["checkpoint", "install", "install"]);
  const { line: next } = await Line.open(server);
  next.send(frames.exists(1, "/old"));
  await settle();
  assert.is(next.take()[0]?.zxid, 5);
  finish();
  await server.stop();
});

test("restore() is refused while another is under way and once the server stops", async () => {
  const { server, disk, restore } = await start();
  const { line } = await Line.open(server);
  disk.shut();
  line.send(frames.create(1, "/a"));
  await settle();
  const first = restore(oldTree());
  assert.ok(isClosed(await refusal(restore(oldTree(4)))));
  disk.open();
  await first;
  assert.is(disk.storage.lastZxid, 9);
  const stopping = server.stop();
  await settle();
  assert.ok(isClosed(await refusal(restore(oldTree(4)))));
  await stopping;
});

test("a stop during restore() waits for it, and the next start has the new tree", async () => {
  const disk = new GatedStorage();
  const { install } = disk.storage;
  let finish = (): void => {};
  disk.storage.install = async (whole, epoch) => {
    await new Promise<void>((resolve) => (finish = resolve));
    await install(whole, epoch);
  };
  const { server, clock, restore, messages } = await start({ disk });
  const restoring = restore(oldTree());
  await settle();
  const stopping = server.stop();
  await settle();
  finish();
  await Promise.all([restoring, stopping]);
  assert.not.ok(messages.some((text) => text.startsWith("error")));
  const { server: next } = await startServer({ disk, clock });
  const { line } = await Line.open(next);
  assert.equal(await line.ask(frames.exists(1, "/old")), ["1:0"]);
  await next.stop();
});

test("a snapshot that breaks off leaves the former tree, which is served again", async () => {
  const { server, disk, restore, messages } = await start();
  const { line, session } = await Line.open(server);
  await line.ask(frames.create(1, "/kept"));
  const { lastZxid } = disk.storage;
  async function* slices(): AsyncGenerator<SnapshotSlice> {
    yield sliceOf([{ path: "/" }, { path: "/half" }]);
    throw new Error("the backup is gone");
  }
  assert.match(String(await refusal(restore({ zxid: 9, slices: slices() }))), "backup is gone");
  const back = await Line.open(server, { ...session, lastZxidSeen: lastZxid });
  assert.equal(await back.line.ask(frames.exists(1, "/kept"), frames.create(2, "/more")), [
    "1:0",
    "2:0",
  ]);
  assert.is(disk.storage.lastZxid, lastZxid + 1);
  assert.not.ok(messages.some((text) => text.startsWith("error")));
  await server.stop();
});

test("restore() ends the streams, which tell those who come back what follows", async () => {
  const { server, clock, restore } = await start();
  const { line } = await Line.open(server);
  const told: string[] = [];
  const listen = (): void => {
    server.changes.under("/").subscribe({
      next: ({ type, path, zxid }) => told.push(`${type} ${path} ${zxid}`),
      error: (error: Error) => {
        told.push(error.name);
        listen();
      },
    });
  };
  listen();
  const ofSessions: string[] = [];
  server.sessions.subscribe({ error: (error: Error) => ofSessions.push(error.name) });
  await line.ask(frames.create(1, "/before"));
  await restore(oldTree());
  const { line: next } = await Line.open(server);
  for (let i = 0; i < 3; i++) {
    clock.advance(0);
    await settle();
  }
  await next.ask(frames.create(1, "/after"));
  clock.advance(0);
  await settle();
  assert.equal(told, ["created /before 2", "StreamGapError", "created /after 11"]);
  assert.equal(ofSessions, ["StreamGapError"]);
  await server.stop();
});

test("after a restore() that fails, streams go on where they were", async () => {
  const { server, clock, restore } = await start();
  const seen: string[] = [];
  server.changes.under("/").subscribe(({ path }) => seen.push(path));
  server.sessions.subscribe(({ type }) => seen.push(type));
  const { line, session } = await Line.open(server);
  await line.ask(frames.create(1, "/a"));
  const whole = oldTree();
  const slices = (async function* (): AsyncGenerator<SnapshotSlice> {
    yield* whole.slices;
    throw new Error("the backup is gone");
  })();
  await refusal(restore({ zxid: 9, slices }));
  const { line: back } = await Line.open(server, session);
  assert.equal(await back.ask(frames.create(2, "/b"), frames.exists(3, "/a")), ["2:0", "3:0"]);
  clock.advance(1);
  await settle();
  assert.equal(seen, ["created", "/a", "/b"]);
  await server.stop();
});

test("a disk that fails during restore() stops the server", async () => {
  const disk = new GatedStorage();
  const failure = new StorageError("io", "the disk is gone");
  disk.storage.install = async () => {
    disk.storage.load = () => {
      throw failure;
    };
    throw failure;
  };
  const { server, restore } = await start({ disk });
  let state: unknown;
  server.state.subscribe({ error: (error) => (state = error) });
  assert.is(await refusal(restore(oldTree())), failure);
  await server.stop();
  assert.is(state, failure);
});

test("a znode whose container's name it has outlives restore()", async () => {
  const { server, clock, restore } = await start({
    containerCheckIntervalMs: 1_000,
    containerMaxPerMinute: 1,
  });
  const { line } = await Line.open(server);
  for (const name of ["/a", "/old"]) {
    const asContainer = { type: OPCODES.createContainer, flags: 4 };
    line.send(frames.create(1, name, asContainer), frames.create(2, `${name}/child`));
    assert.equal(await line.ask(frames.remove(3, `${name}/child`)), ["1:0", "2:0", "3:0"]);
  }
  clock.advance(1_000);
  await settle();
  assert.equal(await line.ask(frames.exists(4, "/a"), frames.exists(5, "/old")), ["4:-101", "5:0"]);
  await restore(oldTree());
  clock.advance(60_000);
  await settle();
  const { line: next } = await Line.open(server);
  assert.equal(await next.ask(frames.exists(1, "/old")), ["1:0"]);
  await server.stop();
});

test("a tree of a later epoch raises both, one before takes back only the current", async () => {
  const { server, disk, restore } = await start();
  await restore(oldTree(EPOCH_2 + 5));
  const { line } = await Line.open(server);
  line.send(frames.exists(1, "/old"));
  await settle();
  assert.is(line.take()[0]?.zxid, EPOCH_2 + 6);
  await restore(oldTree(9));
  await server.stop();
  const { acceptedEpoch, currentEpoch } = await disk.storage.open();
  assert.equal([acceptedEpoch, currentEpoch], [2, 0]);
});

test.run();
