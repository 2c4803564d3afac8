import { test } from "uvu";
import * as assert from "uvu/assert";
import { runSeed } from "../../simulation/seeds/run_seed.ts";

const SEEDS = [1, 2, 3];

test("the same seed gives the same trace hash twice, and no real clock is used", async () => {
  const first = await runSeed(7, { servers: 3 });
  const again = await runSeed(7, { servers: 3 });
  assert.is(first.report.hash, again.report.hash);
  assert.is(first.report.turns, again.report.turns);
  assert.equal(first.report.globalsUsed, []);
});

for (const seed of SEEDS) {
  test(`an ensemble keeps its promises to clients through the faults of seed ${seed}`, async () => {
    const { counts, acknowledged } = await runSeed(seed);
    assert.ok(counts, `${acknowledged} acknowledged writes`);
  });
}

test("a server alone keeps its promises through crashes and bad disks", async () => {
  for (let seed = 1; seed <= 2; seed++) assert.ok((await runSeed(seed, { servers: 1 })).counts);
});

test.run();
