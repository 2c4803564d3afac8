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
import { coverageTable, tooRare } from "./coverage.ts";
import { runSeeds } from "./jobs.ts";
import type { SeedOutcome } from "./seed_outcome.ts";

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
const outcomes = await runSeeds({ from, seeds, jobs, servers }, () => {});
report((performance.now() - beganMs) / 1_000);

function report(seconds: number): void {
  const failed = outcomes.find(({ failure }) => failure !== undefined);
  if (failed !== undefined) showFailure(failed);
  const passed = outcomes.filter(({ failure }) => failure === undefined);
  const counted = passed.filter(({ counts }) => counts);
  console.log(`\n${coverageTable(counted)}\n`);
  console.log(`${passed.length} seeds passed, ${counted.length} of them count`);
  for (const { seed, counts } of passed) {
    if (!counts) console.log(`seed ${seed} does not count: too little has happened`);
  }
  const rare = tooRare(counted);
  for (const name of rare) console.log(`fewer than 1 % of the seeds have seen: ${name}`);
  const virtual = passed.reduce((sum, { virtualMs }) => sum + virtualMs, 0) / 1_000;
  const writes = passed.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  console.log(`${writes} acknowledged writes, ${virtual.toFixed(0)} s of virtual time`);
  const rate = `${(passed.length / seconds).toFixed(1)} seeds a second, ${jobs} at a time`;
  console.log(
    `${seconds.toFixed(1)} s: ${(virtual / seconds).toFixed(0)} times real time, ${rate}`,
  );
  console.log(`hash of seeds ${from} to ${from + seeds - 1}: ${hashOf(passed)}`);
  const problems = (failed === undefined ? 0 : 1) + rare.length + passed.length - counted.length;
  if (problems > 0) process.exitCode = 1;
  console.log(`${counted.length} passed, ${problems} failed`);
}

function showFailure({ seed, failure }: SeedOutcome): void {
  const { message = "", trace = [] } = failure ?? {};
  console.log((values.trace ? trace : trace.slice(-LINES_SHOWN)).join("\n"));
  console.log(message);
  console.log(`to run it again: npm run simulate -- --from ${seed} --seeds 1 --trace`);
}

/** One number for all traces. */
function hashOf(passed: readonly SeedOutcome[]): string {
  let hash = 0x811c_9dc5;
  const text = passed.map((outcome) => outcome.hash).join();
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
