import assert from "node:assert/strict";
import { type LogBatch, type Storage, StorageError } from "../../core/contracts/storage.ts";
import { SessionId } from "../../core/wire/session_id.ts";
import { makeZxid, type Zxid } from "../../core/wire/zxid.ts";
import { batchOf, readSnapshot, sliceOf, snapshotOf, zxidsOf } from "./storage_data.ts";

/** What the suite needs to know of an implementation. */
export interface StorageFixture {
  /** The runner's `test`. */
  readonly test: (name: string, run: () => Promise<void>) => void;
  /** A storage on an empty place of its own, not opened yet. */
  readonly make: () => Promise<Storage>;
  /**
   * Ends a storage as a crash would, and gives another on the same place, not opened yet. Left out
   * when `traits.durable` is false.
   */
  readonly remake?: (storage: Storage) => Promise<Storage>;
}

/** Registers the tests that every {@link Storage} passes. */
export function testStorage({ test, make, remake }: StorageFixture): void {
  const check = (name: string, run: (storage: Storage) => Promise<void>): void =>
    test(name, async () => {
      const storage = await make();
      await storage.open();
      try {
        await run(storage);
      } finally {
        await storage.close();
      }
    });
  testLog(check);
  testTruncation(check);
  testTree(check);
  testInstall(check);
  testClosing(test, make);
  test("traits.durable agrees with the fixture", async () => {
    assert.equal((await make()).traits.durable, remake !== undefined);
  });
  if (remake !== undefined) testDurability(test, make, remake);
}

type Check = (name: string, run: (storage: Storage) => Promise<void>) => void;

const EPOCH_2 = makeZxid(2, 0);

async function readAll(storage: Storage, after: Zxid): Promise<Zxid[]> {
  const zxids: Zxid[] = [];
  for await (const batch of storage.read(after)) {
    const part = zxidsOf(batch);
    assert.equal(batch.count, part.length);
    assert.equal(batch.firstZxid, part[0]);
    assert.equal(batch.lastZxid, part.at(-1));
    zxids.push(...part);
  }
  return zxids;
}

async function fill(storage: Storage, ...batches: readonly LogBatch[]): Promise<void> {
  for (const batch of batches) await storage.append(batch);
}

function testLog(check: Check): void {
  check("open() finds an empty place empty", async (storage) => {
    assert.equal(storage.lastZxid, 0);
    assert.deepEqual(await readAll(storage, 0), []);
    assert.deepEqual(await readSnapshot(storage.load()), { zxid: 0, sessions: [], nodes: [] });
    assert.equal(await storage.sizeBetween(0, EPOCH_2), 0);
    assert.equal(await storage.trim(EPOCH_2), 0);
    assert.deepEqual(await storage.damage(), []);
  });

  check("append() keeps bytes as they are, and read() gives them in order", async (storage) => {
    const batches = [batchOf([1]), batchOf([2, 3, 4], 1000), batchOf([EPOCH_2 + 1])];
    await fill(storage, ...batches);
    assert.equal(storage.lastZxid, EPOCH_2 + 1);
    const read: LogBatch[] = [];
    for await (const batch of storage.read(0)) read.push(batch);
    assert.deepEqual(read.map((batch) => Buffer.from(batch.bytes).toString("hex")),
      batches.map((batch) => Buffer.from(batch.bytes).toString("hex")));
  });

  check("append() refuses a zxid that does not ascend, and writes nothing", async (storage) => {
    await storage.append(batchOf([2, 3]));
    await assert.rejects(storage.append(batchOf([3, 4])), { kind: "out-of-order" });
    await assert.rejects(storage.append(batchOf([1])), { kind: "out-of-order" });
    assert.equal(storage.lastZxid, 3);
    await storage.append(batchOf([4]));
    assert.deepEqual(await readAll(storage, 0), [2, 3, 4]);
  });

  check("append() takes a batch of four megabytes", async (storage) => {
    await fill(storage, batchOf([1], 4 << 20), batchOf([2]));
    assert.equal(await storage.sizeBetween(0, 1), (4 << 20) + 36);
    assert.deepEqual(await readAll(storage, 0), [1, 2]);
  });

  check("read() begins in the middle of a batch", async (storage) => {
    await fill(storage, batchOf([1, 2, 3]), batchOf([4]));
    assert.deepEqual(await readAll(storage, 1), [2, 3, 4]);
    assert.deepEqual(await readAll(storage, 3), [4]);
    assert.deepEqual(await readAll(storage, 4), []);
  });

  check("read() begins between epochs", async (storage) => {
    await fill(storage, batchOf([1, 2]), batchOf([EPOCH_2 + 1, EPOCH_2 + 2]));
    assert.deepEqual(await readAll(storage, EPOCH_2), [EPOCH_2 + 1, EPOCH_2 + 2]);
  });

  check("read() goes on with what is appended meanwhile", async (storage) => {
    await storage.append(batchOf([1]));
    const zxids: Zxid[] = [];
    for await (const batch of storage.read(0)) {
      if (batch.lastZxid === 1) await storage.append(batchOf([2]));
      zxids.push(...zxidsOf(batch));
    }
    assert.deepEqual(zxids, [1, 2]);
  });

  check("sizeBetween() counts whole transactions, also within batches", async (storage) => {
    await fill(storage, batchOf([1, 2, 3], 4), batchOf([4, 5], 64));
    assert.equal(await storage.sizeBetween(0, 5), 3 * 40 + 2 * 100);
    assert.equal(await storage.sizeBetween(1, 4), 2 * 40 + 100);
    assert.equal(await storage.sizeBetween(1, 2), 40);
    assert.equal(await storage.sizeBetween(4, 5), 100);
    assert.equal(await storage.sizeBetween(3, 3), 0);
  });
}

function testTruncation(check: Check): void {
  check("truncate() cuts in the middle of a batch", async (storage) => {
    await fill(storage, batchOf([1, 2]), batchOf([3, 4, 5]), batchOf([6]));
    assert.equal(await storage.truncate(4), true);
    assert.equal(storage.lastZxid, 4);
    assert.deepEqual(await readAll(storage, 0), [1, 2, 3, 4]);
    await storage.append(batchOf([EPOCH_2 + 1]));
    assert.deepEqual(await readAll(storage, 2), [3, 4, EPOCH_2 + 1]);
    assert.deepEqual(await storage.damage(), []);
  });

  check("truncate() at the end of a batch, at the end of the log, to nothing", async (storage) => {
    await fill(storage, batchOf([1, 2]), batchOf([3, 4]));
    assert.equal(await storage.truncate(4), true);
    assert.equal(await storage.truncate(2), true);
    assert.deepEqual(await readAll(storage, 0), [1, 2]);
    assert.equal(await storage.truncate(0), true);
    assert.equal(storage.lastZxid, 0);
    assert.deepEqual(await readAll(storage, 0), []);
    await storage.append(batchOf([1]));
    assert.deepEqual(await readAll(storage, 0), [1]);
  });

  check("truncate() removes nothing when the zxid is not there", async (storage) => {
    await fill(storage, batchOf([1, 2]), batchOf([4, 6]));
    for (const absent of [3, 5, 7, EPOCH_2]) assert.equal(await storage.truncate(absent), false);
    assert.equal(storage.lastZxid, 6);
    assert.deepEqual(await readAll(storage, 0), [1, 2, 4, 6]);
  });

  check("truncate() goes down to the checkpoint, and not below it", async (storage) => {
    await fill(storage, batchOf([1, 2]), batchOf([3, 4]));
    await storage.checkpoint(snapshotOf(3, sliceOf([{ path: "/" }])));
    assert.equal(await storage.truncate(2), false);
    assert.equal(await storage.truncate(3), true);
    assert.deepEqual(await readAll(storage, 0), [1, 2, 3]);
    assert.equal(await storage.trim(3), 3);
    await storage.append(batchOf([EPOCH_2 + 1]));
    assert.equal(await storage.truncate(3), true);
    assert.equal(storage.lastZxid, 3);
  });

  check("trim() drops nothing above the checkpoint", async (storage) => {
    await fill(storage, batchOf([1, 2]), batchOf([3]), batchOf([4]), batchOf([5]));
    assert.equal(await storage.trim(5), 0);
    await storage.checkpoint(snapshotOf(4, sliceOf([{ path: "/" }])));
    assert.equal(await storage.trim(3), 3);
    assert.deepEqual(await readAll(storage, 3), [4, 5]);
    assert.equal(await storage.trim(5), 4);
    assert.deepEqual(await readAll(storage, 4), [5]);
    assert.equal(storage.lastZxid, 5);
  });

  check("trim() leaves a batch that begins below", async (storage) => {
    await fill(storage, batchOf([1]), batchOf([2, 3, 4]));
    await storage.checkpoint(snapshotOf(4, sliceOf([{ path: "/" }])));
    assert.equal(await storage.trim(3), 1);
    assert.deepEqual(await readAll(storage, 1), [2, 3, 4]);
  });
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const acl = (id: string): { perms: number; scheme: string; id: string }[] => [
  { perms: 31, scheme: "digest", id },
];

function testTree(check: Check): void {
  check("load() gives what checkpoint() took, parents first", async (storage) => {
    await storage.append(batchOf([1, 2]));
    const nodes = ["/", "/a-b", "/a", "/a/b", "/a/b/ä€😀"].map((path) => ({ path }));
    const sessions = [{ id: new SessionId(-5, 7), timeoutMs: 30_000 }];
    await storage.checkpoint(snapshotOf(2, sliceOf(nodes, { sessions })));
    const read = await readSnapshot(storage.load());
    assert.equal(read.zxid, 2);
    assert.deepEqual(read.sessions, [`${sessions[0]!.id} 30000`]);
    const order = read.nodes.map((node) => node.slice(0, node.indexOf("=")));
    assert.deepEqual([...order].sort(), ["", "/a", "/a-b", "/a/b", "/a/b/ä€😀"]);
    for (const [parent, child] of [["", "/a"], ["/a", "/a/b"], ["/a/b", "/a/b/ä€😀"]]) {
      assert.ok(order.indexOf(parent!) < order.indexOf(child!));
    }
  });

  check("checkpoint() tells null from empty, and takes a megabyte", async (storage) => {
    const big = "x".repeat(1 << 20);
    const nodes = [
      { path: "/" },
      { path: "/empty", data: text("") },
      { path: "/big", data: text(big), mzxid: EPOCH_2 },
    ];
    await storage.checkpoint(snapshotOf(1, sliceOf(nodes)));
    const read = await readSnapshot(storage.load());
    assert.deepEqual([...read.nodes].sort(), ["/big=" + big + `@${EPOCH_2}`, "/empty=@0", "=null@0"]);
  });

  check("checkpoint() replaces, adds and deletes, in slices", async (storage) => {
    const first = sliceOf([{ path: "/" }, { path: "/a" }, { path: "/b" }, { path: "/b/c" }]);
    await storage.checkpoint(snapshotOf(1, first));
    await storage.checkpoint(snapshotOf(2,
      sliceOf([{ path: "/a", data: text("1") }], { deleted: ["/b/c", "/b", "/never"] }),
      sliceOf([{ path: "/a", data: text("2") }, { path: "/d" }], { deleted: ["/d"] }),
    ));
    const read = await readSnapshot(storage.load());
    assert.deepEqual([...read.nodes].sort(), ["/a=2@0", "/d=null@0", "=null@0"]);
    assert.deepEqual(await storage.damage(), []);
  });

  check("checkpoint() with nothing changed moves the zxid", async (storage) => {
    await storage.append(batchOf([1, 2]));
    await storage.checkpoint(snapshotOf(1, sliceOf([{ path: "/" }])));
    await storage.checkpoint(snapshotOf(2));
    assert.deepEqual(await readSnapshot(storage.load()),
      { zxid: 2, sessions: [], nodes: ["=null@0"] });
  });

  check("checkpoint() keeps sessions that it is not given, and forgets closed ones", async (storage) => {
    const sessions = [{ id: new SessionId(1, 1), timeoutMs: 1 }, { id: new SessionId(1, 2), timeoutMs: 2 }];
    await storage.checkpoint(snapshotOf(1, sliceOf([{ path: "/" }], { sessions })));
    await storage.checkpoint(snapshotOf(2, sliceOf([{ path: "/a" }])));
    assert.equal((await readSnapshot(storage.load())).sessions.length, 2);
    await storage.checkpoint(snapshotOf(3, sliceOf([], { sessions: sessions.slice(1) })));
    assert.deepEqual((await readSnapshot(storage.load())).sessions, [`${sessions[1]!.id} 2`]);
  });

  check("ACL ids are the snapshot's own: two checkpoints may use one for two lists", async (storage) => {
    const first = sliceOf(
      [{ path: "/" }, { path: "/a", aclId: 1 }, { path: "/b", aclId: 2 }],
      { acls: [{ id: 1, acls: acl("one") }, { id: 2, acls: acl("two") }] },
    );
    await storage.checkpoint(snapshotOf(1, first));
    const second = sliceOf(
      [{ path: "/b", aclId: 1 }, { path: "/c", aclId: 2 }],
      { acls: [{ id: 1, acls: acl("three") }, { id: 2, acls: acl("one") }] },
    );
    await storage.checkpoint(snapshotOf(2, second));
    const read = await readSnapshot(storage.load());
    assert.deepEqual(read.nodes.slice(1), ["/a=null@0!one", "/b=null@0!three", "/c=null@0!one"]);
  });

  check("append() and trim() go on while a checkpoint is under way", async (storage) => {
    await fill(storage, batchOf([1]), batchOf([2]));
    async function* slices() {
      yield sliceOf([{ path: "/" }]);
      await storage.append(batchOf([3]));
      assert.equal(await storage.trim(2), 0);
      yield sliceOf([{ path: "/a" }]);
    }
    await storage.checkpoint({ zxid: 2, slices: slices() });
    assert.equal(await storage.trim(2), 2);
    assert.deepEqual(await readAll(storage, 2), [3]);
  });
}

function testInstall(check: Check): void {
  check("install() replaces tree and log and sets the epoch", async (storage) => {
    await fill(storage, batchOf([1, 2]));
    await storage.checkpoint(snapshotOf(1, sliceOf(
      [{ path: "/" }, { path: "/old", aclId: 1 }],
      { acls: [{ id: 1, acls: acl("old") }] },
    )));
    const whole = snapshotOf(EPOCH_2 + 5,
      sliceOf([{ path: "/" }], { sessions: [{ id: new SessionId(2, 3), timeoutMs: 9 }] }),
      sliceOf([{ path: "/new", aclId: 1 }], { acls: [{ id: 1, acls: acl("new") }] }),
    );
    await storage.install(whole, 2);
    assert.equal(storage.lastZxid, EPOCH_2 + 5);
    assert.deepEqual(await readSnapshot(storage.load()), {
      zxid: EPOCH_2 + 5,
      sessions: ["0x200000003 9"],
      nodes: ["=null@0", "/new=null@0!new"],
    });
    assert.deepEqual(await readAll(storage, 0), []);
    await assert.rejects(storage.append(batchOf([3])), { kind: "out-of-order" });
    await storage.append(batchOf([EPOCH_2 + 6]));
    assert.deepEqual(await readAll(storage, EPOCH_2 + 5), [EPOCH_2 + 6]);
    assert.equal(await storage.truncate(EPOCH_2 + 5), true);
    assert.deepEqual(await storage.damage(), []);
  });

  check("install() may go back, twice, and be followed by a checkpoint", async (storage) => {
    await fill(storage, batchOf([EPOCH_2 + 1, EPOCH_2 + 9]));
    for (const path of ["/x", "/y"]) {
      await storage.install(snapshotOf(EPOCH_2 + 3, sliceOf([{ path: "/" }, { path }])), 3);
    }
    await storage.append(batchOf([EPOCH_2 + 4]));
    await storage.checkpoint(snapshotOf(EPOCH_2 + 4, sliceOf([{ path: "/z" }])));
    const read = await readSnapshot(storage.load());
    assert.deepEqual(read.nodes, ["=null@0", "/y=null@0", "/z=null@0"]);
    assert.equal(read.zxid, EPOCH_2 + 4);
  });

  check("install() leaves everything as it was when its source fails", async (storage) => {
    await storage.append(batchOf([1, 2]));
    await storage.checkpoint(snapshotOf(1, sliceOf([{ path: "/" }, { path: "/kept" }])));
    async function* slices() {
      yield sliceOf([{ path: "/" }]);
      throw new Error("the leader is gone");
    }
    await assert.rejects(storage.install({ zxid: 9, slices: slices() }, 2), /the leader is gone/);
    assert.equal(storage.lastZxid, 2);
    assert.deepEqual((await readSnapshot(storage.load())).nodes, ["=null@0", "/kept=null@0"]);
    await storage.append(batchOf([3]));
    assert.deepEqual(await readAll(storage, 0), [1, 2, 3]);
  });
}

function testClosing(test: StorageFixture["test"], make: StorageFixture["make"]): void {
  test("every method fails with `closed` after close(), which may be called twice", async () => {
    const storage = await make();
    await storage.open();
    await storage.append(batchOf([1]));
    await storage.close();
    await storage.close();
    const isClosed = (error: unknown): boolean =>
      error instanceof StorageError && error.kind === "closed";
    await assert.rejects(storage.append(batchOf([2])), isClosed);
    await assert.rejects(readAll(storage, 0), isClosed);
    await assert.rejects(storage.sizeBetween(0, 1), isClosed);
    await assert.rejects(storage.truncate(1), isClosed);
    await assert.rejects(storage.setAcceptedEpoch(1), isClosed);
    await assert.rejects(storage.setCurrentEpoch(1), isClosed);
    await assert.rejects(storage.checkpoint(snapshotOf(1)), isClosed);
    await assert.rejects(storage.install(snapshotOf(1), 1), isClosed);
    await assert.rejects(storage.trim(1), isClosed);
    await assert.rejects(storage.damage(), isClosed);
    assert.throws(() => storage.load(), isClosed);
  });

  test("a storage that was never opened fails with `closed`", async () => {
    const storage = await make();
    await assert.rejects(storage.append(batchOf([1])), { kind: "closed" });
    await storage.close();
  });
}

function testDurability(
  test: StorageFixture["test"],
  make: StorageFixture["make"],
  remake: NonNullable<StorageFixture["remake"]>,
): void {
  const check = (name: string, run: (storage: Storage) => Promise<Storage>): void =>
    test(name, async () => {
      const storage = await make();
      await storage.open();
      const last = await run(storage);
      await last.close();
    });

  check("log, tree, sessions and both epochs survive a crash", async (storage) => {
    await fill(storage, batchOf([1, 2, 3]), batchOf([EPOCH_2 + 1, EPOCH_2 + 2]));
    await storage.setAcceptedEpoch(7);
    await storage.setCurrentEpoch(6);
    const sessions = [{ id: new SessionId(3, 4), timeoutMs: 4000 }];
    const slice = sliceOf([{ path: "/", data: text("r") }, { path: "/a" }], { sessions });
    await storage.checkpoint(snapshotOf(2, slice));
    const again = await remake(storage);
    assert.deepEqual(await again.open(),
      { lastZxid: EPOCH_2 + 2, checkpointZxid: 2, acceptedEpoch: 7, currentEpoch: 6 });
    assert.deepEqual(await readAll(again, 2), [3, EPOCH_2 + 1, EPOCH_2 + 2]);
    assert.deepEqual(await readSnapshot(again.load()),
      { zxid: 2, sessions: ["0x300000004 4000"], nodes: ["=r@0", "/a=null@0"] });
    return again;
  });

  check("a truncation in a batch, and what was appended behind it, survive", async (storage) => {
    await fill(storage, batchOf([1, 2, 3, 4]));
    await storage.truncate(2);
    await storage.append(batchOf([EPOCH_2 + 1]));
    const again = await remake(storage);
    assert.equal((await again.open()).lastZxid, EPOCH_2 + 1);
    assert.deepEqual(await readAll(again, 0), [1, 2, EPOCH_2 + 1]);
    assert.deepEqual(await again.damage(), []);
    return again;
  });

  check("an installed snapshot survives, alone and with a log behind it", async (storage) => {
    await storage.append(batchOf([EPOCH_2 + 9]));
    await storage.install(snapshotOf(5, sliceOf([{ path: "/" }, { path: "/n" }])), 3);
    let again = await remake(storage);
    assert.deepEqual(await again.open(),
      { lastZxid: 5, checkpointZxid: 5, acceptedEpoch: 0, currentEpoch: 3 });
    await again.append(batchOf([6]));
    again = await remake(again);
    assert.equal((await again.open()).lastZxid, 6);
    assert.deepEqual((await readSnapshot(again.load())).nodes, ["=null@0", "/n=null@0"]);
    return again;
  });

  check("a crash in a checkpoint leaves the former zxid, and a later one succeeds", async (storage) => {
    await fill(storage, batchOf([1]), batchOf([2]));
    await storage.checkpoint(snapshotOf(1, sliceOf([{ path: "/" }, { path: "/a", mzxid: 1 }])));
    let again = storage;
    async function* slices() {
      yield sliceOf([{ path: "/a", mzxid: 2 }, { path: "/b" }]);
      again = await remake(storage);
    }
    await assert.rejects(storage.checkpoint({ zxid: 2, slices: slices() }));
    const { checkpointZxid, lastZxid } = await again.open();
    assert.deepEqual([checkpointZxid, lastZxid], [1, 2]);
    assert.deepEqual((await readSnapshot(again.load())).nodes, ["=null@0", "/a=null@2", "/b=null@0"]);
    await again.checkpoint(snapshotOf(2, sliceOf([], { deleted: ["/b"] })));
    assert.deepEqual((await readSnapshot(again.load())).nodes, ["=null@0", "/a=null@2"]);
    return again;
  });

  check("a trimmed log opens again", async (storage) => {
    await fill(storage, batchOf([1]), batchOf([2]), batchOf([3]));
    await storage.checkpoint(snapshotOf(3, sliceOf([{ path: "/" }])));
    await storage.trim(3);
    const again = await remake(storage);
    assert.equal((await again.open()).lastZxid, 3);
    assert.deepEqual(await readAll(again, 3), []);
    assert.equal(await again.trim(3), 3);
    return again;
  });
}
