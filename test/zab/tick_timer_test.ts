import { test } from "uvu";
import * as assert from "uvu/assert";
import { TickTimer } from "../../plugins/zab/tick_timer.ts";
import { ManualClock } from "../core/manual_clock.ts";

function setUp() {
  const clock = new ManualClock();
  const found: number[] = [];
  const startMs = clock.now();
  const timer = new TickTimer(clock, () => found.push(clock.now() - startMs));
  return { clock, found, startMs, timer };
}

test("TickTimer comes at the time set, once", () => {
  const { clock, found, startMs, timer } = setUp();
  timer.set(startMs + 50);
  clock.advance(200);
  assert.equal(found, [50]);
});

test("TickTimer comes no later than an earlier time that is set after a later one", () => {
  const { clock, found, startMs, timer } = setUp();
  timer.set(startMs + 500);
  timer.set(startMs + 50);
  clock.advance(50);
  assert.equal(found, [50]);
});

test("TickTimer keeps its timer while the time moves on, and can be set again when it came", () => {
  const { clock, found, startMs, timer } = setUp();
  for (let i = 0; i < 10; i++) {
    timer.set(startMs + 50 + i);
    clock.advance(5);
  }
  assert.equal(found, [50]);
  timer.set(startMs + 59);
  clock.advance(9);
  assert.equal(found, [50, 59]);
});

test("TickTimer comes at once for a time that is over, and can be set again", () => {
  const { clock, found, startMs, timer } = setUp();
  timer.set(startMs + 500);
  timer.set(startMs);
  assert.equal(found, [0]);
  timer.set(startMs + 20);
  clock.advance(600);
  assert.equal(found, [0, 20]);
});

test("TickTimer.stop() and a time of never leave nothing behind", () => {
  const { clock, found, startMs, timer } = setUp();
  timer.set(Number.POSITIVE_INFINITY);
  timer.set(startMs + 50);
  timer.stop();
  clock.advance(1_000);
  assert.equal(found, []);
});

test.run();
