import { test } from "uvu";
import * as assert from "uvu/assert";
import { type RunSettings, run } from "./random_run.ts";

function runMany(seeds: number, voters: number, settings: RunSettings): void {
  const modes = new Map<string, number>();
  let reconfigs = 0;
  let commits = 0;
  let epochs = 0;
  for (let seed = 0; seed < seeds; seed++) {
    try {
      const cluster = run(seed, voters, settings);
      reconfigs += cluster.history.filter(({ members }) => members !== undefined).length;
      for (const [mode, count] of cluster.modes) modes.set(mode, (modes.get(mode) ?? 0) + count);
      commits += cluster.history.length;
      epochs += cluster.leaders.size;
    } catch (error) {
      const what = error instanceof Error ? error.stack : error;
      throw new Error(`seed ${seed}, ${voters} voters, ${JSON.stringify(settings)}: ${what}`);
    }
  }
  for (const mode of ["DIFF", "TRUNC", "SNAP"]) {
    assert.ok((modes.get(mode) ?? 0) > seeds / 40, `too few ${mode}`);
  }
  assert.ok(commits > 80 * seeds, `${commits} commits`);
  assert.ok(epochs > 1.5 * seeds, `${epochs} epochs`);
  if (settings.joiners !== undefined) assert.ok(reconfigs > seeds, `${reconfigs} reconfigurations`);
}

test("3 servers keep one history through crashes, cuts and lost writes, and serve again", () => {
  runMany(150, 3, {});
});

test("5 servers do too", () => {
  runMany(40, 5, {});
});

test("3 servers and an observer do too", () => {
  runMany(40, 3, { observers: 1 });
});

test("servers keep one history while members come and go", () => {
  runMany(100, 3, { joiners: 2 });
});

test.run();
