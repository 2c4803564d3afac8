import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeZxid, type Zxid } from "../../../core/wire/zxid.ts";
import { LogTail, runsOf, zxidsOf } from "../../../plugins/zab/core/log_tail.ts";
import { batchOf } from "./node.ts";

const z = makeZxid;

function batch(...zxids: Zxid[]): ReturnType<typeof batchOf> {
  return batchOf(zxids.map((zxid) => ({ zxid, cxid: 1 })));
}

function contents(log: LogTail, after: Zxid, through: Zxid): Zxid[] {
  return log.between(after, through).flatMap((run) => [...zxidsOf(run)]);
}

test("between() gives what lies above one zxid up to another, also inside a batch", () => {
  const log = new LogTail(10);
  log.reset(z(1, 4));
  log.add(batch(z(1, 5), z(1, 6), z(1, 7)));
  log.add(batch(z(1, 8)));
  assert.equal(contents(log, z(1, 4), z(1, 8)), [z(1, 5), z(1, 6), z(1, 7), z(1, 8)]);
  assert.equal(contents(log, z(1, 5), z(1, 7)), [z(1, 6), z(1, 7)]);
  assert.equal(contents(log, z(1, 8), z(1, 9)), []);
  assert.throws(() => log.between(z(1, 3), z(1, 8)), /below the tail/);
});

test("add() refuses a zxid that is not above the last", () => {
  const log = new LogTail(10);
  log.add(batch(z(1, 1)));
  assert.throws(() => log.add(batch(z(1, 1))), /does not follow/);
});

test("lastUpTo() finds the highest zxid at or below another, over gaps between epochs", () => {
  const log = new LogTail(10);
  log.reset(z(1, 4));
  log.add(batch(z(1, 5), z(1, 6), z(3, 1)));
  assert.is(log.lastUpTo(z(1, 4)), z(1, 4));
  assert.is(log.lastUpTo(z(1, 6)), z(1, 6));
  assert.is(log.lastUpTo(z(2, 9)), z(1, 6));
  assert.is(log.lastUpTo(z(9, 0)), z(3, 1));
});

test("what is applied is forgotten when there is more than enough; what is not, never", () => {
  const log = new LogTail(4);
  for (let counter = 1; counter <= 20; counter++) log.add(batch(z(1, counter)));
  assert.is(log.floor, 0);
  log.markApplied(z(1, 18));
  assert.ok(log.count >= 4 && log.count < 8, `${log.count} are kept`);
  assert.is(log.count, z(1, 20) - log.floor);
  assert.equal(contents(log, z(1, 18), z(1, 20)), [z(1, 19), z(1, 20)]);
});

test("cut() forgets what is above, also from the middle of a batch, and goes on from there", () => {
  const log = new LogTail(10);
  log.add(batch(z(1, 1), z(1, 2), z(1, 3)));
  log.add(batch(z(1, 4)));
  log.cut(z(1, 2));
  assert.is(log.last, z(1, 2));
  assert.is(log.count, 2);
  log.add(batch(z(2, 1)));
  assert.equal(contents(log, 0, z(2, 1)), [z(1, 1), z(1, 2), z(2, 1)]);
});

test("cut() below the tail leaves nothing of it", () => {
  const log = new LogTail(10);
  log.reset(z(1, 4));
  log.add(batch(z(1, 5)));
  log.cut(z(1, 2));
  assert.is(log.count, 0);
  assert.is(log.floor, z(1, 2));
  assert.is(log.applied, z(1, 2));
});

test("runsOf() cuts a batch where the epoch changes or a zxid is left out", () => {
  const runs = runsOf(batch(z(1, 8), z(1, 9), z(2, 1), z(2, 3)));
  assert.equal(
    runs.map((run) => [...zxidsOf(run)]),
    [[z(1, 8), z(1, 9)], [z(2, 1)], [z(2, 3)]],
  );
  const whole = batch(z(1, 1), z(1, 2));
  assert.is(runsOf(whole)[0], whole);
});

test.run();
