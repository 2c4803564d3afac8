import { test } from "uvu";
import * as assert from "uvu/assert";
import { FsyncTime } from "../../core/server/fsync_time.ts";
import { PlainMetrics } from "../../plugins/metrics/mod.ts";
import { ConsoleLogger } from "../../plugins/system/mod.ts";
import { DiskQueue } from "../../plugins/zab/disk_queue.ts";
import { batchOf, readAll } from "../conformance/storage_data.ts";
import { GatedStorage } from "../core/gated_storage.ts";
import { ManualClock } from "../core/manual_clock.ts";

/** A queue above a disk with a gate, and what the queue says. */
async function make(): Promise<{ queue: DiskQueue; disk: GatedStorage; said: unknown[] }> {
  const disk = new GatedStorage();
  await disk.storage.open();
  const clock = new ManualClock();
  const logger = new ConsoleLogger("silent");
  const fsyncTime = new FsyncTime({ clock, logger, metrics: new PlainMetrics() }, 0);
  const said: unknown[] = [];
  const queue = new DiskQueue(
    { storage: disk.storage, clock, fsyncTime },
    {
      durable: (zxid) => said.push(zxid),
      failed: (error) => said.push((error as { kind?: string }).kind),
    },
  );
  return { queue, disk, said };
}

/** Resolves once the queue has done what it can. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("what comes while the disk is busy is appended together, with one fsync", async () => {
  const { queue, disk, said } = await make();
  disk.shut();
  queue.append(batchOf([1]));
  await settled();
  for (const zxids of [[2, 3], [4], [5]]) queue.append(batchOf(zxids));
  await settled();
  assert.is(disk.appends, 1);
  assert.equal(said, []);
  disk.open();
  await settled();
  assert.is(disk.appends, 2);
  assert.equal(said, [1, 5]);
  assert.equal(await readAll(disk.storage, 0), [1, 2, 3, 4, 5]);
  assert.is(queue.waitingBytes, 0);
});

test("a task keeps its place among batches, and an error ends the queue", async () => {
  const { queue, disk, said } = await make();
  queue.append(batchOf([1]));
  queue.run(async () => void said.push("task"));
  queue.append(batchOf([2]));
  await settled();
  assert.equal(said, [1, "task", 2]);
  disk.fail();
  queue.append(batchOf([3]));
  queue.run(async () => void said.push("never"));
  await settled();
  assert.equal(said, [1, "task", 2, "full"]);
});

test.run();
