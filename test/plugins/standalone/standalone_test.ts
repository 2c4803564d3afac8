import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Snapshot } from "../../../core/contracts/storage.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { GatedStorage } from "../../core/gated_storage.ts";
import { settle } from "../../core/manual_clock.ts";
import { startServer } from "../../core/server/fixture.ts";
import * as frames from "../../core/server/frames.ts";
import { Line } from "../../core/server/line.ts";

test("what comes while a batch is on its way to disk goes with the next, together", async () => {
  const { server, disk } = await startServer();
  const { line } = await Line.open(server);
  const before = disk.appends;
  disk.shut();
  line.send(frames.create(1, "/n1"));
  await settle();
  for (let xid = 2; xid <= 100; xid++) line.send(frames.create(xid, `/n${xid}`));
  await settle();
  disk.open();
  await settle();
  assert.is(line.takeShort().length, 100);
  assert.is(disk.appends - before, 2);
  await server.stop();
});

test("much that comes at once goes in batches, in larger ones on a disk slow to sync", async () => {
  const { server, disk, clock } = await startServer();
  const { line } = await Line.open(server);
  const data = "d".repeat(10_000);
  const sendMany = async (firstXid: number): Promise<number> => {
    const before = disk.appends;
    for (let xid = firstXid; xid < firstXid + 40; xid++) {
      line.send(frames.create(xid, `/n${xid}`, { data }));
    }
    await settle();
    assert.is(line.takeShort().length, 40);
    return disk.appends - before;
  };
  assert.ok((await sendMany(1)) >= 5);
  for (let xid = 100; xid < 110; xid++) {
    disk.shut();
    line.send(frames.create(xid, `/slow${xid}`));
    await settle();
    clock.advance(5);
    disk.open();
    await settle();
    assert.is(line.takeShort().length, 1);
  }
  assert.ok((await sendMany(200)) <= 2);
  await server.stop();
});

test("one batch at a time is on its way, also when the answers to syncs let more in", async () => {
  const { server, disk } = await startServer();
  const { line } = await Line.open(server);
  const before = disk.appends;
  disk.shut();
  // The syncs fill the connection's queue, so that the writes are read when they are answered.
  const long = `/${"x".repeat(1_000_000)}`;
  for (let xid = 1; xid <= 5; xid++)
    line.send(frames.frame(xid, OPCODES.sync, (w) => w.string(long)));
  const data = "d".repeat(70_000);
  for (let xid = 11; xid <= 13; xid++) line.send(frames.create(xid, `/n${xid}`, { data }));
  await settle();
  line.send(frames.create(20, "/n20"));
  await settle();
  assert.is(disk.appends - before, 1);
  disk.open();
  await settle();
  const xids = [1, 2, 3, 4, 5, 11, 12, 13, 20];
  assert.equal(
    line.takeShort(),
    xids.map((xid) => `${xid}:0`),
  );
  await server.stop();
});

test("a checkpoint follows snapCount transactions, and writes go on meanwhile", async () => {
  const disk = new GatedStorage();
  const { checkpoint } = disk.storage;
  const began: number[] = [];
  let finish = (): void => {};
  disk.storage.checkpoint = async (changes: Snapshot) => {
    began.push(changes.zxid);
    await new Promise<void>((resolve) => (finish = resolve));
    await checkpoint(changes);
  };
  const { server } = await startServer({ disk, snapCount: 5 });
  const { line } = await Line.open(server);
  for (let xid = 1; xid <= 20; xid++) {
    assert.equal(await line.ask(frames.create(xid, `/n${xid}`)), [`${xid}:0`]);
  }
  assert.is(began.length, 1, "one at a time");
  finish();
  await settle();
  await line.ask(frames.create(21, "/n21"));
  assert.is(began.length, 2);
  finish();
  await settle();
  const stopping = server.stop();
  await stopping;
});

test("what a start replayed is in the stored tree before the next one", async () => {
  const { server, disk, clock } = await startServer();
  const { line } = await Line.open(server);
  for (let xid = 1; xid <= 3; xid++) await line.ask(frames.create(xid, `/n${xid}`));
  const { lastZxid } = disk.storage;
  await server.stop();
  const { checkpoint } = disk.storage;
  const written: number[] = [];
  disk.storage.checkpoint = async (changes: Snapshot) => {
    written.push(changes.zxid);
    await checkpoint(changes);
  };
  for (let start = 1; start <= 2; start++) {
    const { server: next } = await startServer({ disk, clock });
    await next.stop();
    assert.equal(written, [lastZxid], `after start ${start}`);
  }
});

test("a checkpoint that fails stops the server and errors its state", async () => {
  const disk = new GatedStorage();
  disk.storage.checkpoint = () => Promise.reject(new Error("no room for a checkpoint"));
  const { server } = await startServer({ disk, snapCount: 3 });
  let failure: unknown;
  server.state.subscribe({ error: (error) => (failure = error) });
  const { line } = await Line.open(server);
  await line.ask(...[1, 2, 3].map((xid) => frames.create(xid, `/n${xid}`)));
  await settle();
  assert.match(String(failure), /no room for a checkpoint/);
  assert.ok(line.isDestroyed);
});

test("stop() waits for what is on its way to disk, and a restart has it", async () => {
  const { server, disk, clock } = await startServer();
  const { line } = await Line.open(server);
  disk.shut();
  line.send(frames.create(1, "/a"), frames.create(2, "/b"));
  await settle();
  const stopping = server.stop();
  await settle();
  disk.open();
  await stopping;
  const { server: next } = await startServer({ disk, clock });
  const { line: again } = await Line.open(next);
  assert.equal(await again.ask(frames.exists(1, "/a"), frames.exists(2, "/b")), ["1:0", "2:0"]);
  await next.stop();
});

test("stop() is bounded when the disk hangs", async () => {
  const { server, disk, clock } = await startServer();
  const { line } = await Line.open(server);
  disk.shut();
  line.send(frames.create(1, "/a"));
  await settle();
  const stopping = server.stop();
  await settle();
  clock.advance(15_000);
  await stopping;
  assert.equal(line.takeShort(), []);
});

test("zxids and sequence numbers go on after a restart", async () => {
  const { server, disk, clock } = await startServer();
  const { line } = await Line.open(server);
  line.send(frames.create(1, "/s", { flags: 2 }), frames.remove(2, "/s0000000000"));
  await settle();
  const last = line.take().at(-1)?.zxid ?? 0;
  await server.stop();
  const { server: next } = await startServer({ disk, clock });
  const { line: again } = await Line.open(next);
  again.send(frames.create(1, "/s", { flags: 2 }));
  await settle();
  const [made] = again.take();
  assert.ok((made?.zxid ?? 0) > last);
  assert.match(new TextDecoder().decode(made?.body), /s0000000001$/);
  await next.stop();
});

test.run();
