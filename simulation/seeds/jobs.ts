import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { outcomeOf, type SeedOutcome } from "./seed_outcome.ts";

/** Which seeds to run, and how. */
export interface SeedRange {
  readonly from: number;
  readonly seeds: number;
  /** Voters; by default each seed says. */
  readonly servers: number | undefined;
  /** Processes at the same time; 1 runs all of them in this one. */
  readonly jobs: number;
}

/**
 * A worker makes much that is gone soon: with room for it, little of that is ever copied. Bun does
 * not know the setting.
 */
const NODE_OPTIONS = "--max-semi-space-size=32";

/**
 * Runs seeds up to the first that fails, and tells each outcome in the order of seeds, nothing
 * behind one that failed: so it does not depend on the number of jobs.
 */
export async function runSeeds(
  range: SeedRange,
  heard: (outcome: SeedOutcome) => void,
): Promise<void> {
  const early = new Map<number, SeedOutcome>();
  let next = range.from;
  let isOver = false;
  const take = (outcome: SeedOutcome): void => {
    early.set(outcome.seed, outcome);
    for (let due = early.get(next); due !== undefined && !isOver; due = early.get(next)) {
      early.delete(next);
      next += 1;
      isOver = due.failure !== undefined;
      heard(due);
    }
  };
  if (range.jobs === 1) await runHere(range, take);
  else await runApart(range, take);
}

async function runHere(
  { from, seeds, servers }: SeedRange,
  take: (outcome: SeedOutcome) => void,
): Promise<void> {
  for (let seed = from; seed < from + seeds; seed++) {
    const outcome = await outcomeOf(seed, servers);
    take(outcome);
    if (outcome.failure !== undefined) return;
  }
}

/** Each job has every so-maniest seed; those behind one that failed are not needed any more. */
async function runApart(
  { from, seeds, servers, jobs }: SeedRange,
  take: (outcome: SeedOutcome) => void,
): Promise<void> {
  const isSource = import.meta.url.endsWith(".ts");
  const file = fileURLToPath(new URL(isSource ? "./worker.ts" : "./worker.js", import.meta.url));
  const end = from + seeds;
  const reached = new Map<ChildProcess, number>();
  let failedAt = Number.POSITIVE_INFINITY;
  const hear = (child: ChildProcess, outcome: SeedOutcome): void => {
    reached.set(child, outcome.seed);
    if (outcome.failure !== undefined) failedAt = Math.min(failedAt, outcome.seed);
    take(outcome);
    for (const [other, seed] of reached) if (seed + jobs > failedAt) other.kill();
  };
  const run = (job: number): Promise<void> => {
    const args = [from + job, end, jobs, servers ?? 0].map(String);
    const child = spawn(process.execPath, [...process.execArgv, file, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} ${NODE_OPTIONS}` },
    });
    reached.set(child, from + job - jobs);
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => hear(child, JSON.parse(line) as SeedOutcome));
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => {
        if (code === 0 || child.killed) resolve();
        else reject(new Error(`a worker ended with code ${code}`));
      });
    });
  };
  await Promise.all(Array.from({ length: Math.min(jobs, seeds) }, (_, job) => run(job)));
}
