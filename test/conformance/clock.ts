import assert from "node:assert/strict";
import type { Clock } from "../../core/contracts/clock.ts";

/** What the suite needs to know of an implementation. */
export interface ClockFixture {
  /** The runner's `test`. */
  readonly test: (name: string, run: () => Promise<void>) => void;
  readonly make: () => Clock;
  /** Lets time pass for a simulated clock; left out where time passes by itself. */
  readonly advance?: (clock: Clock, ms: number) => void;
}

const DELAY_MS = 5;

/** Registers the tests that every {@link Clock} passes. */
export function testClock({ test, make, advance }: ClockFixture): void {
  /** Resolves when `begin` has called its argument. */
  const happens = (clock: Clock, begin: (done: () => void) => void): Promise<void> => {
    const promise = new Promise<void>((resolve) => begin(resolve));
    advance?.(clock, 4 * DELAY_MS);
    return promise;
  };

  test("Clock.now() never goes back, and wallTime() is whole ms since 1970", async () => {
    const clock = make();
    let last = clock.now();
    for (let i = 0; i < 1_000; i++) {
      const now = clock.now();
      assert.ok(now >= last);
      last = now;
    }
    assert.ok(Number.isInteger(clock.wallTime()));
  });

  test("Clock.after() runs its task once and not before the delay is over", async () => {
    const clock = make();
    const begin = clock.now();
    let runs = 0;
    await happens(clock, (done) => {
      clock.after(DELAY_MS, () => {
        runs += 1;
        done();
      });
    });
    assert.ok(clock.now() - begin >= DELAY_MS);
    await happens(clock, (done) => clock.after(DELAY_MS, done));
    assert.equal(runs, 1);
  });

  test("Clock.after() waits out a delay that is longer than timers hold", async () => {
    const clock = make();
    let hasRun = false;
    const cancel = clock.after(2 ** 40, () => {
      hasRun = true;
    });
    await happens(clock, (done) => clock.after(DELAY_MS, done));
    cancel();
    assert.equal(hasRun, false);
  });

  test("a cancelled Clock.after() never runs, and cancelling again does nothing", async () => {
    const clock = make();
    let hasRun = false;
    const cancel = clock.after(0, () => {
      hasRun = true;
    });
    cancel();
    cancel();
    await happens(clock, (done) => clock.after(DELAY_MS, done));
    assert.equal(hasRun, false);
  });

  test("Clock.every() runs until it is cancelled, also from within its task", async () => {
    const clock = make();
    let runs = 0;
    await happens(clock, (done) => {
      const cancel = clock.every(1, () => {
        runs += 1;
        if (runs < 3) return;
        cancel();
        done();
      });
    });
    await happens(clock, (done) => clock.after(DELAY_MS, done));
    assert.equal(runs, 3);
  });

  test("Clock.defer() runs tasks in order, after the caller and its microtasks", async () => {
    const clock = make();
    const order: string[] = [];
    await happens(clock, (done) => {
      clock.defer(() => order.push("first"));
      clock.defer(() => {
        order.push("second");
        done();
      });
      void Promise.resolve().then(() => order.push("microtask"));
      order.push("caller");
    });
    assert.deepEqual(order, ["caller", "microtask", "first", "second"]);
  });
}
