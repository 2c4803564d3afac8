import assert from "node:assert/strict";
import { type LogBatch, type Storage, StorageError } from "../../core/contracts/storage.ts";
import { SessionId } from "../../core/wire/session_id.ts";
import type { Zxid } from "../../core/wire/zxid.ts";
import {
  batchOf,
  EPOCH_2,
  fill,
  readAll,
  readSnapshot,
  sliceOf,
  snapshotOf,
  utf8,
  zxidsOf,
} from "./storage_data.ts";
import { type Check, testInstall, testTree } from "./storage_tree.ts";

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
    // Where one batch ends and the next begins need not be kept.
    const bytesOf = (all: readonly LogBatch[]): string =>
      all.map(({ bytes }) => Buffer.from(bytes).toString("hex")).join("");
    assert.equal(bytesOf(read), bytesOf(batches));
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
    await checkTrim(storage, 3, 3);
    await storage.append(batchOf([EPOCH_2 + 1]));
    assert.equal(await storage.truncate(3), true);
    assert.equal(storage.lastZxid, 3);
  });

  check("trim() drops nothing above the checkpoint", async (storage) => {
    await fill(storage, batchOf([1, 2]), batchOf([3]), batchOf([4]), batchOf([5]));
    assert.equal(await storage.trim(5), 0);
    await storage.checkpoint(snapshotOf(4, sliceOf([{ path: "/" }])));
    await checkTrim(storage, 3, 3);
    assert.deepEqual(await readAll(storage, 3), [4, 5]);
    await checkTrim(storage, 5, 4);
    assert.deepEqual(await readAll(storage, 4), [5]);
    assert.equal(storage.lastZxid, 5);
  });

  check("trim() leaves a batch that begins below", async (storage) => {
    await fill(storage, batchOf([1]), batchOf([2, 3, 4]));
    await storage.checkpoint(snapshotOf(4, sliceOf([{ path: "/" }])));
    await checkTrim(storage, 3, 1);
    assert.deepEqual(await readAll(storage, 1), [2, 3, 4]);
  });
}

/** Trims, and looks at what it says is left: `floor`, or less where whole files are dropped. */
async function checkTrim(storage: Storage, before: Zxid, floor: Zxid): Promise<void> {
  const lowest = await storage.trim(before);
  if (storage.traits.coarseTrim === true) assert.ok(lowest <= floor, `${lowest}`);
  else assert.equal(lowest, floor);
  const zxids = await readAll(storage, lowest);
  assert.deepEqual(
    zxids.slice(-(storage.lastZxid - lowest)),
    Array.from({ length: storage.lastZxid - lowest }, (_, index) => lowest + 1 + index),
  );
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
    const slice = sliceOf([{ path: "/", data: utf8("r") }, { path: "/a" }], { sessions });
    await storage.checkpoint(snapshotOf(2, slice));
    const again = await remake(storage);
    assert.deepEqual(await again.open(), {
      lastZxid: EPOCH_2 + 2,
      checkpointZxid: 2,
      acceptedEpoch: 7,
      currentEpoch: 6,
    });
    assert.deepEqual(await readAll(again, 2), [3, EPOCH_2 + 1, EPOCH_2 + 2]);
    assert.deepEqual(await readSnapshot(again.load()), {
      zxid: 2,
      sessions: ["0x300000004 4000"],
      nodes: ["=r@0", "/a=null@0"],
    });
    return again;
  });

  check(
    "a checkpoint without any session survives, and forgets those before it",
    async (storage) => {
      await fill(storage, batchOf([1]), batchOf([2]));
      const sessions = [{ id: new SessionId(3, 4), timeoutMs: 4000 }];
      await storage.checkpoint(snapshotOf(1, sliceOf([{ path: "/" }], { sessions })));
      await storage.checkpoint(snapshotOf(2, sliceOf([], { sessions: [] })));
      const again = await remake(storage);
      assert.equal((await again.open()).checkpointZxid, 2);
      assert.deepEqual((await readSnapshot(again.load())).sessions, []);
      return again;
    },
  );

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
    await storage.setAcceptedEpoch(3);
    await storage.install(snapshotOf(5, sliceOf([{ path: "/" }, { path: "/n" }])), 3);
    let again = await remake(storage);
    assert.deepEqual(await again.open(), {
      lastZxid: 5,
      checkpointZxid: 5,
      acceptedEpoch: 3,
      currentEpoch: 3,
    });
    await again.append(batchOf([6]));
    again = await remake(again);
    assert.equal((await again.open()).lastZxid, 6);
    assert.deepEqual((await readSnapshot(again.load())).nodes, ["=null@0", "/n=null@0"]);
    return again;
  });

  check(
    "a crash in a checkpoint leaves the former zxid, and a later one succeeds",
    async (storage) => {
      if (storage.traits.wholeCheckpoints === true) return storage;
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
      const { nodes } = await readSnapshot(again.load());
      assert.match(nodes.join(" "), /^=null@0 \/a=null@(1|2 \/b=null@0)$/);
      const changes = sliceOf([{ path: "/a", mzxid: 2 }], { deleted: ["/b"] });
      await again.checkpoint(snapshotOf(2, changes));
      assert.deepEqual((await readSnapshot(again.load())).nodes, ["=null@0", "/a=null@2"]);
      return again;
    },
  );

  check("a crash in a whole checkpoint leaves the former one", async (storage) => {
    if (storage.traits.wholeCheckpoints !== true) return storage;
    await fill(storage, batchOf([1]), batchOf([2]));
    await storage.checkpoint(snapshotOf(1, sliceOf([{ path: "/" }, { path: "/a", mzxid: 1 }])));
    let again = storage;
    async function* slices() {
      yield sliceOf([{ path: "/" }, { path: "/b" }]);
      again = await remake(storage);
    }
    await assert.rejects(storage.checkpoint({ zxid: 2, slices: slices() }));
    const { checkpointZxid, lastZxid } = await again.open();
    assert.deepEqual([checkpointZxid, lastZxid], [1, 2]);
    assert.deepEqual((await readSnapshot(again.load())).nodes, ["=null@0", "/a=null@1"]);
    await again.checkpoint(snapshotOf(2, sliceOf([{ path: "/" }])));
    assert.deepEqual((await readSnapshot(again.load())).nodes, ["=null@0"]);
    return again;
  });

  check("a trimmed log opens again", async (storage) => {
    await fill(storage, batchOf([1]), batchOf([2]), batchOf([3]));
    await storage.checkpoint(snapshotOf(3, sliceOf([{ path: "/" }])));
    await storage.trim(3);
    const again = await remake(storage);
    assert.equal((await again.open()).lastZxid, 3);
    assert.deepEqual(await readAll(again, 3), []);
    await checkTrim(again, 3, 3);
    return again;
  });
}
