import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeZxid, type Zxid } from "../../../core/wire/zxid.ts";
import { isLogShorter, planSync, type SyncPlan } from "../../../plugins/zab/core/leader_sync.ts";
import { LogTail } from "../../../plugins/zab/core/log_tail.ts";
import { batchOf } from "./node.ts";

const z = makeZxid;

/** A leader whose tail is 2:1 to 2:6, 4:1 to 4:3; the last two may be proposed only. */
function plan(last: Zxid, changes: { committed?: Zxid; historyEpoch?: number } = {}): SyncPlan {
  const log = new LogTail(100);
  log.reset(z(2, 0));
  for (const [epoch, count] of [
    [2, 6],
    [4, 3],
  ] as const) {
    const zxids = Array.from({ length: count }, (_, index) => z(epoch, index + 1));
    log.add(batchOf(zxids.map((zxid) => ({ zxid, cxid: 0 }))));
  }
  return planSync({ log, committed: z(4, 3), historyEpoch: 4, ...changes }, last);
}

test("a log that ends where the leader's does gets an empty DIFF", () => {
  assert.equal(plan(z(4, 3)), { mode: "diff", after: z(4, 3) });
});

test("a log that ends inside the tail gets a DIFF from there, over epochs too", () => {
  assert.equal(plan(z(4, 1)), { mode: "diff", after: z(4, 1) });
  assert.equal(plan(z(2, 3)), { mode: "diff", after: z(2, 3) });
  assert.equal(plan(z(2, 6)), { mode: "diff", after: z(2, 6) });
});

test("a log that ends at the floor, or at an epoch without transactions, gets a DIFF", () => {
  assert.equal(plan(z(2, 0)), { mode: "diff", after: z(2, 0) });
  assert.equal(plan(z(3, 0)), { mode: "diff", after: z(2, 6) });
  assert.equal(plan(z(4, 0)), { mode: "diff", after: z(2, 6) });
});

test("an epoch without transactions above the leader's last zxid needs a snapshot", () => {
  assert.equal(plan(z(5, 0)), { mode: "snap" });
});

test("a log that goes on after the leader's last zxid in its epoch is cut there", () => {
  assert.equal(plan(z(4, 9)), { mode: "trunc", after: z(4, 3) });
});

test("what is only proposed is cut from a log before it is sent again", () => {
  assert.equal(plan(z(4, 3), { committed: z(4, 2) }), { mode: "trunc", after: z(4, 2) });
});

test("a log with transactions that the leader left behind is cut where both agree", () => {
  assert.equal(plan(z(2, 8)), { mode: "trunc", after: z(2, 6) });
});

test("a log of an epoch whose beginning the leader does not know gets a snapshot", () => {
  assert.equal(plan(z(3, 5)), { mode: "snap" });
  assert.equal(plan(z(7, 5)), { mode: "snap" });
});

test("a log of an epoch whose beginning the leader had is cut at the end of that", () => {
  assert.equal(plan(z(3, 5), { historyEpoch: 3 }), { mode: "trunc", after: z(2, 6) });
});

test("a log below the tail is looked up on disk; an empty one gets a snapshot", () => {
  assert.equal(plan(z(1, 7)), { mode: "examine" });
  assert.equal(plan(0), { mode: "snap" });
});

test("nothing is cut at a floor that is no transaction (ZOOKEEPER-4352)", () => {
  const log = new LogTail(100);
  log.reset(z(2, 0));
  assert.equal(planSync({ log, committed: z(2, 0), historyEpoch: 2 }, z(2, 4)), { mode: "snap" });
});

test("two empty logs need nothing", () => {
  const view = { log: new LogTail(100), committed: 0, historyEpoch: 0 };
  assert.equal(planSync(view, 0), { mode: "diff", after: 0 });
});

test("the stored log is sent up to a third of a snapshot, and never with a factor below 0", () => {
  assert.is(isLogShorter(33, 100, 0.33), true);
  assert.is(isLogShorter(34, 100, 0.33), false);
  assert.is(isLogShorter(0, 100, -1), false);
});

test.run();
