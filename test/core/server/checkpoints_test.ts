import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Replica, SliceSource } from "../../../core/contracts/consensus.ts";
import { type Snapshot, type Storage, StorageError } from "../../../core/contracts/storage.ts";
import { Checkpoints } from "../../../core/server/checkpoints.ts";
import { PlainMetrics } from "../../../plugins/metrics/mod.ts";
import { sliceOf } from "../../conformance/storage_data.ts";
import { ManualClock, settle } from "../manual_clock.ts";

const SLICES = 3;
const SILENT = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT };

/** A storage that takes its time for each slice, and a tree of {@link SLICES}. */
function compose(storeMs: number, failure?: StorageError) {
  const clock = new ManualClock();
  const failures: unknown[] = [];
  const counts = { begun: 0, stored: 0 };
  const storage = {
    lastZxid: 1,
    traits: { durable: true },
    async checkpoint({ slices }: Snapshot) {
      counts.begun += 1;
      for await (const _ of slices) {
        if (failure !== undefined) throw failure;
        clock.spend(storeMs);
        counts.stored += 1;
      }
    },
    async trim() {},
  };
  let left = SLICES;
  const source: SliceSource = {
    zxid: 1,
    next: () => (left-- > 0 ? sliceOf([{ path: "/" }]) : undefined),
    close() {},
  };
  const replica = { lastApplied: 1, changes: () => source } as unknown as Replica;
  const checkpoints = new Checkpoints(
    {
      storage: storage as unknown as Storage,
      clock,
      logger: SILENT,
      metrics: new PlainMetrics(),
      failed: (error) => failures.push(error),
    },
    { snapCount: 2, keepsFormer: false },
  );
  return { checkpoints, replica, clock, counts, failures };
}

test("between slices clients have half of the time that storing took, at most 50 ms", async () => {
  for (const [storeMs, restMs] of [
    [8, 4],
    [1_000, 50],
  ] as const) {
    const { checkpoints, replica, clock, counts } = compose(storeMs);
    checkpoints.begin(replica);
    for (let slice = 1; slice <= SLICES; slice++) {
      await settle();
      assert.is(counts.stored, slice);
      clock.advance(restMs - 1);
      await settle();
      assert.is(counts.stored, slice, "they have their time");
      clock.advance(1);
    }
    await checkpoints.idle();
  }
});

test("one that somebody waits for does not rest", async () => {
  const { checkpoints, replica, clock, counts } = compose(8);
  checkpoints.begin(replica);
  await settle();
  assert.is(counts.stored, 1);
  await checkpoints.idle();
  assert.is(counts.stored, SLICES);
  assert.is(clock.timerCount, 0);
});

test("none begins after one that failed", async () => {
  const failure = new StorageError("io", "the disk is gone");
  const { checkpoints, replica, counts, failures } = compose(0, failure);
  checkpoints.begin(replica);
  await checkpoints.idle();
  checkpoints.count(2);
  checkpoints.beginIfDue(replica);
  await settle();
  assert.equal(failures, [failure]);
  assert.is(counts.begun, 1);
});

test.run();
