import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "./random_run.ts";

function runMany(seeds: number, voters: number, observers: number): void {
  const modes = new Map<string, number>();
  let commits = 0;
  let epochs = 0;
  for (let seed = 0; seed < seeds; seed++) {
    try {
      const cluster = run(seed, voters, observers);
      for (const [mode, count] of cluster.modes) modes.set(mode, (modes.get(mode) ?? 0) + count);
      commits += cluster.history.length;
      epochs += cluster.leaders.size;
    } catch (error) {
      const what = error instanceof Error ? error.stack : error;
      throw new Error(`seed ${seed} with ${voters} voters and ${observers} observers: ${what}`);
    }
  }
  for (const mode of ["DIFF", "TRUNC", "SNAP"]) {
    assert.ok((modes.get(mode) ?? 0) > seeds / 40, `too few ${mode}`);
  }
  assert.ok(commits > 80 * seeds, `${commits} commits`);
  assert.ok(epochs > 1.5 * seeds, `${epochs} epochs`);
}

test("3 servers keep one history through crashes, cuts and lost writes, and serve again", () => {
  runMany(150, 3, 0);
});

test("5 servers do too", () => {
  runMany(40, 5, 0);
});

test("3 servers and an observer do too", () => {
  runMany(40, 3, 1);
});

test.run();
