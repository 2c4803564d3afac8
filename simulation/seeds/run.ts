/**
 * Runs seeds and says what they covered: `npm run simulate -- --seeds 1000 --from 1`.
 *
 * `--servers N` runs all of them with so many servers, `--jobs N` in so many processes at once, by
 * default one for each processor. Ends at the first seed that fails, prints what happened last
 * (`--trace` prints it all), and exits 1; also when one does not count, or when too few of 300
 * seeds or more have seen what they should.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runSeeds } from "./jobs.ts";
import type { SeedOutcome } from "./seed_outcome.ts";
import { Tally } from "./tally.ts";

/** Seeds after which a long run says how far it is. */
const SEEDS_TOLD = 1_000;
const LINES_SHOWN = 60;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    servers: { type: "string" },
    jobs: { type: "string", default: String(availableParallelism()) },
    trace: { type: "boolean", default: false },
  },
});

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new RangeError(`--${name} ${text}`);
  return value;
}

const from = wholeNumber("from", values.from);
const seeds = wholeNumber("seeds", values.seeds);
const jobs = Math.max(1, wholeNumber("jobs", values.jobs));
const servers = values.servers === undefined ? undefined : wholeNumber("servers", values.servers);

const beganMs = performance.now();
const tally = new Tally();
await runSeeds({ from, seeds, jobs, servers }, (outcome) => {
  tally.take(outcome);
  const isTold = tally.passed % SEEDS_TOLD === 0 && tally.passed < seeds;
  if (isTold && outcome.failure === undefined) console.log(progress());
});
report();

function secondsSoFar(): number {
  return (performance.now() - beganMs) / 1_000;
}

function progress(): string {
  const seconds = secondsSoFar();
  const rate = (tally.passed / seconds).toFixed(1);
  return `${tally.passed} of ${seeds} seeds passed in ${seconds.toFixed(0)} s, ${rate} a second`;
}

function report(): void {
  const seconds = secondsSoFar();
  const { failed, coverage, passed, uncounted, acknowledged } = tally;
  if (failed !== undefined) showFailure(failed);
  console.log(`\n${coverage.table()}\n`);
  console.log(`${passed} seeds passed, ${coverage.seeds} of them count`);
  for (const seed of uncounted) {
    console.log(`seed ${seed} does not count: too little has happened`);
  }
  const rare = coverage.tooRare();
  for (const name of rare) console.log(`fewer than 1 % of the seeds have seen: ${name}`);
  const virtual = tally.virtualMs / 1_000;
  console.log(`${acknowledged} acknowledged writes, ${virtual.toFixed(0)} s of virtual time`);
  const rate = `${(passed / seconds).toFixed(1)} seeds a second, ${jobs} at a time`;
  console.log(
    `${seconds.toFixed(1)} s: ${(virtual / seconds).toFixed(0)} times real time, ${rate}`,
  );
  console.log(`hash of seeds ${from} to ${from + seeds - 1}: ${tally.hash}`);
  const problems = (failed === undefined ? 0 : 1) + rare.length + uncounted.length;
  if (problems > 0) process.exitCode = 1;
  console.log(`${coverage.seeds} passed, ${problems} failed`);
}

function showFailure({ seed, failure }: SeedOutcome): void {
  const { message = "", trace = [] } = failure ?? {};
  console.log((values.trace ? trace : trace.slice(-LINES_SHOWN)).join("\n"));
  console.log(message);
  console.log(`to run it again: npm run simulate -- --from ${seed} --seeds 1 --trace`);
}
