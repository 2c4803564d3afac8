/**
 * Power cuts: the page cache survives kill -9, so the server's calls are written down by a
 * preloaded library, and its files rebuilt as of the last syncs plus any part of what came later.
 * `ZOOKIT_POWER_ROUNDS` sets how many for each storage, `ZOOKIT_CRASH_SEED` repeats choices.
 */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { randomFrom } from "./history.ts";
import { buildLibrary, PowerRun } from "./power_run.ts";
import type { StorageKind } from "./server_process.ts";
import { closeClients } from "./writer.ts";

const ROUNDS = Number(process.env.ZOOKIT_POWER_ROUNDS ?? 5);
const ACKNOWLEDGED_MIN = 300;
const SEED = Number(process.env.ZOOKIT_CRASH_SEED ?? Date.now() % 1_000_000);
/** A mutant must be caught in one of so many short runs, each from an empty folder. */
const MUTANT_RUNS_MAX = 30;
const MUTANT_ROUNDS = 4;

const root = realpathSync(mkdtempSync(join(tmpdir(), "zookit-power-")));
const library = buildLibrary(root);
const runs: PowerRun[] = [];

test.after(async () => {
  for (const run of runs) await run.end();
  await closeClients();
  rmSync(root, { recursive: true, force: true });
});

async function run(
  storage: StorageKind,
  rounds: number,
  { seed = SEED, fault = "" } = {},
): Promise<PowerRun> {
  const folder = mkdtempSync(join(root, "run-"));
  const power = new PowerRun({ folder, library, storage }, randomFrom(seed));
  power.setFault(fault);
  runs.push(power);
  try {
    await power.rounds(rounds, ACKNOWLEDGED_MIN);
  } finally {
    await power.end();
    await closeClients();
    rmSync(folder, { recursive: true, force: true });
  }
  return power;
}

for (const storage of ["sqlite", "apache"] as const) {
  test(`a power cut loses no acknowledged write, and halves none: ${storage}`, async () => {
    const { totals } = await run(storage, ROUNDS);
    console.log(
      `${storage}, seed ${SEED}: ${totals.acknowledged} acknowledged writes in ${ROUNDS} rounds, ` +
        `${totals.syncs} syncs; of ${totals.pending} changes not synced ${totals.kept} were kept`,
    );
  });
}

/** Whose syncs the library leaves out: as if the code did not ask for them. */
const MUTANTS: readonly (readonly [storage: StorageKind, files: string])[] = [
  ["sqlite", "data/log.db-wal"],
  ["sqlite", "data/log.db"],
  ["sqlite", "data/tree.db-wal"],
  ["sqlite", "data/tree.db"],
  ["sqlite", "data"],
  ["apache", "data/version-2/log.*"],
  ["apache", "data/version-2/zookit.snapshot.tmp"],
  ["apache", "data/version-2"],
];

for (const [storage, files] of MUTANTS) {
  test(`a server that does not sync ${files} is caught: ${storage}`, async () => {
    const fault = `ignore:${files}:1`;
    let outcome = "";
    let runCount = 0;
    for (; runCount < MUTANT_RUNS_MAX && outcome === ""; runCount++) {
      outcome = await run(storage, MUTANT_ROUNDS, { seed: SEED + runCount, fault }).then(
        () => "",
        (error: Error) => error.message,
      );
    }
    assert.not.equal(outcome, "", `seed ${SEED}: nobody noticed`);
    console.log(`${files}, run ${runCount}: ${outcome.replaceAll(/\s+/g, " ").slice(0, 160)}`);
  });
}

test.run();
