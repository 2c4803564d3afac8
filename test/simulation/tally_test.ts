import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SeedOutcome } from "../../simulation/seeds/seed_outcome.ts";
import { Tally } from "../../simulation/seeds/tally.ts";

function outcomeOf(seed: number, changes: Partial<SeedOutcome> = {}): SeedOutcome {
  const usual = { counts: true, acknowledged: 100, virtualMs: 20_000 };
  return { seed, hash: `hash${seed}`, ...usual, coverage: [["sync DIFF", 3]], ...changes };
}

test("a tally names each thing that fewer than 1 % of 300 seeds have seen", () => {
  const tally = new Tally();
  const rare: SeedOutcome["coverage"] = [["sync TRUNC", 1]];
  for (let seed = 1; seed <= 300; seed++) {
    if (seed === 300) assert.equal(tally.coverage.tooRare(), []);
    tally.take(outcomeOf(seed, seed <= 2 ? { coverage: rare } : {}));
  }
  assert.ok(tally.coverage.tooRare().includes("sync TRUNC"));
  assert.ok(tally.coverage.tooRare().includes("observer"));
  assert.not.ok(tally.coverage.tooRare().includes("sync DIFF"));
  assert.match(tally.coverage.table(), /^sync DIFF +298 +99\.3 % +894$/m);
});

test("a tally covers only seeds that count, and keeps the one that failed apart", () => {
  const tally = new Tally();
  tally.take(outcomeOf(1));
  tally.take(outcomeOf(2, { counts: false }));
  tally.take(outcomeOf(3, { failure: { message: "lost", trace: [] } }));
  assert.is(tally.passed, 2);
  assert.is(tally.coverage.seeds, 1);
  assert.equal(tally.uncounted, [2]);
  assert.is(tally.failed?.seed, 3);
});

test("the hash of all traces changes with each of them and with their order", () => {
  const hashOf = (...seeds: number[]): string => {
    const tally = new Tally();
    for (const seed of seeds) tally.take(outcomeOf(seed));
    return tally.hash;
  };
  assert.is(hashOf(1, 2), hashOf(1, 2));
  assert.is.not(hashOf(1, 2), hashOf(2, 1));
  assert.is.not(hashOf(1, 2), hashOf(1));
});

test.run();
