import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../../simulation/random.ts";
import { Scheduler } from "../../simulation/scheduler.ts";
import { testClock } from "../conformance/clock.ts";
import { testEntropy } from "../conformance/entropy.ts";
import { Pump } from "./pump.ts";

const pump = new Pump();
let made = 0;

testClock({ test, make: () => pump.machine(`clock${++made}`).clock });
testEntropy({ test, make: () => pump.machine(`entropy${++made}`).entropy });

test("Random gives the same numbers for a seed, and forks do not disturb it", () => {
  const first = new Random(7);
  const second = new Random(7);
  second.fork("other").uint32();
  const draw = (random: Random): number[] => [random.uint32(), random.below(10), random.uint32()];
  const drawn = draw(first);
  assert.equal(drawn, draw(second));
  assert.not.equal(drawn, draw(new Random(8)));
  assert.not.equal(new Random(7).fork("a").uint32(), new Random(7).fork("b").uint32());
});

test("Scheduler follows all that a task resolved before it begins the next", async () => {
  const scheduler = new Scheduler();
  const seen: string[] = [];
  const deep = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) await null;
    seen.push(`followed at ${scheduler.nowMs}`);
  };
  scheduler.after(20, () => seen.push("second"));
  scheduler.after(10, () => void deep());
  scheduler.after(10, () => seen.push("same time, asked later"));
  scheduler.after(15, () => seen.push("cancelled"))();
  await scheduler.run(() => scheduler.turns === 3);
  assert.equal(seen, ["followed at 10", "same time, asked later", "second"]);
});

test("Scheduler.run() fails with what a task throws, and when nothing is left", async () => {
  const scheduler = new Scheduler();
  scheduler.after(1, () => {
    throw new Error("thrown");
  });
  const message = (run: Promise<void>): Promise<string> =>
    run.then(
      () => "",
      (error) => error.message,
    );
  assert.is(await message(scheduler.run(() => false)), "thrown");
  assert.match(await message(scheduler.run(() => false)), /nothing is left/);
});

test("a machine's clocks drift and jump, and its timers wait while it is paused", async () => {
  const machine = pump.machine("drifting");
  const virtual = pump.scheduler;
  const [fromMs, localMs, wallMs] = [virtual.nowMs, machine.now(), machine.wallTime()];
  machine.drift(2);
  await new Promise<void>((resolve) => machine.clock.after(1_000, resolve));
  assert.ok(Math.abs(virtual.nowMs - fromMs - 500) < 1e-6);
  assert.ok(Math.abs(machine.now() - localMs - 1_000) < 1e-6);
  machine.jumpWall(-3_600_000);
  assert.ok(machine.wallTime() < wallMs && machine.now() > localMs);
  machine.pause();
  let ranMs = 0;
  machine.clock.after(10, () => {
    ranMs = virtual.nowMs;
  });
  await new Promise<void>((resolve) => virtual.after(5_000, resolve));
  assert.is(ranMs, 0);
  machine.resume();
  await new Promise<void>((resolve) => virtual.after(1, resolve));
  assert.ok(ranMs >= fromMs + 5_500);
});

test.after(() => pump.stop());
test.run();
