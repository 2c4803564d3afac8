import assert from "node:assert/strict";
import type { Entropy } from "../../core/contracts/entropy.ts";

/** What the suite needs to know of an implementation. */
export interface EntropyFixture {
  /** The runner's `test`. */
  readonly test: (name: string, run: () => Promise<void>) => void;
  readonly make: () => Entropy;
}

const DRAWS = 4_096;

/** Registers the tests that every {@link Entropy} passes. */
export function testEntropy({ test, make }: EntropyFixture): void {
  test("Entropy.uint32() gives integers below 2^32 that use every bit", async () => {
    const entropy = make();
    let [ones, zeros] = [0, 0];
    for (let i = 0; i < DRAWS; i++) {
      const value = entropy.uint32();
      assert.ok(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff);
      ones |= value;
      zeros |= ~value;
    }
    assert.deepEqual([ones, zeros], [-1, -1]);
  });

  test("Entropy.uint32() hardly ever repeats itself", async () => {
    const entropy = make();
    const values = new Set(Array.from({ length: DRAWS }, () => entropy.uint32()));
    assert.ok(values.size > DRAWS - 16);
  });

  test("Entropy.fill() fills any size and only what it is given", async () => {
    const entropy = make();
    entropy.fill(new Uint8Array(0));
    const whole = new Uint8Array(200_000);
    entropy.fill(whole.subarray(1, -1));
    assert.deepEqual([whole[0], whole.at(-1)], [0, 0]);
    const tail = whole.subarray(-1_001, -1);
    assert.ok(tail.some((byte) => byte !== 0));
    assert.ok(new Set(whole).size === 256);
  });
}
