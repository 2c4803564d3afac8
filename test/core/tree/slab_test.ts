import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Slab } from "../../../core/tree/slab.ts";

function read(slab: Slab, ref: number, size: number): Uint8Array {
  const at = slab.offsetOf(ref, size);
  return slab.arrayOf(ref, size).slice(at, at + size);
}

function pattern(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => seed + i * 7);
}

const SIZES = [0, 1, 16, 17, 100, 112, 113, 128, 129, 1_000, 16_384, 16_385, 50_000];
const size = fc.oneof(fc.constantFrom(...SIZES), fc.nat(300));

test("blocks keep their bytes through any storing, replacing and freeing of others", () => {
  const step = fc.record({ pick: fc.nat(), size, seed: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const slab = new Slab();
      const held: { ref: number; bytes: Uint8Array }[] = [];
      for (const { pick, size, seed } of steps) {
        const bytes = pattern(size, seed);
        const at = held.length === 0 ? 0 : pick % held.length;
        const victim = held[at];
        if (pick % 4 === 0 && victim !== undefined) {
          slab.free(victim.ref, victim.bytes.length);
          held.splice(at, 1);
        } else if (pick % 4 === 1 && victim !== undefined) {
          victim.ref = slab.replace(victim.ref, victim.bytes.length, bytes, 0, size);
          victim.bytes = bytes;
        } else held.push({ ref: slab.store(bytes, 0, size), bytes });
      }
      for (const { ref, bytes } of held) assert.equal(read(slab, ref, bytes.length), bytes);
      for (const { ref, bytes } of held) slab.free(ref, bytes.length);
      // At most one empty page stays for each of the 36 classes.
      assert.ok(slab.bytesHeld <= 36 * 65_536);
    }),
    { numRuns: 60 },
  );
});

test("replace() works in place while the size class stays", () => {
  const slab = new Slab();
  const ref = slab.store(pattern(100, 1), 0, 100);
  assert.is(slab.replace(ref, 100, pattern(112, 2), 0, 112), ref);
  assert.equal(read(slab, ref, 112), pattern(112, 2));
});

test("memory of many blocks is given back, and serves another size", () => {
  const slab = new Slab();
  const fill = (size: number): number[] =>
    Array.from({ length: 20_000 }, (_, i) => slab.store(pattern(size, i), 0, size));
  const small = fill(100);
  const held = slab.bytesHeld;
  assert.ok(held < 20_000 * 112 * 1.05);
  for (const [i, ref] of small.entries()) {
    assert.equal(read(slab, ref, 100), pattern(100, i));
    slab.free(ref, 100);
  }
  assert.ok(slab.bytesHeld <= 65_536);
  const other = fill(112 + 16);
  assert.ok(slab.bytesHeld < held * 1.3);
  assert.is(new Set(other).size, 20_000);
});

test("store() copies: the source may change afterwards", () => {
  const slab = new Slab();
  const source = pattern(200, 3);
  const ref = slab.store(source, 50, 150);
  source.fill(0);
  assert.equal(read(slab, ref, 100), pattern(200, 3).slice(50, 150));
});

test.run();
