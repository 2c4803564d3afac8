import type { SeedOutcome } from "./seed_outcome.ts";

/** What at least one seed in a hundred must have seen. */
const REQUIRED: readonly string[] = [
  "sync DIFF",
  "sync TRUNC",
  "sync SNAP",
  "crash at peer-send",
  "crash at client-send",
  "crash at log",
  "crash at epoch",
  "crash at cut",
  "crash at tree",
  "crash at swap",
  "crash at members",
  "session expired",
  "session moved",
  "lost fsync",
  "observer",
  "reconfig",
  "checkpoint",
  "leader change",
];
const SHARE_MIN = 0.01;
/** Fewer seeds say nothing of shares. */
const SEEDS_MIN = 300;

/** The table of what seeds covered, of those that count. */
export function coverageTable(counted: readonly SeedOutcome[]): string {
  const lines = ["what                            seeds   share   times"];
  for (const name of namesOf(counted)) {
    const times = counted.map((outcome) => timesOf(outcome, name));
    const having = times.filter((count) => count > 0).length;
    const share = `${((100 * having) / Math.max(1, counted.length)).toFixed(1)} %`;
    const total = String(times.reduce((sum, count) => sum + count, 0));
    lines.push(
      `${name.padEnd(30)} ${String(having).padStart(6)}${share.padStart(8)} ${total.padStart(7)}`,
    );
  }
  return lines.join("\n");
}

/** What too few of the seeds have seen; nothing when there are too few seeds to say. */
export function tooRare(counted: readonly SeedOutcome[]): string[] {
  if (counted.length < SEEDS_MIN) return [];
  return REQUIRED.filter((name) => {
    const having = counted.filter((outcome) => timesOf(outcome, name) > 0).length;
    return having < SHARE_MIN * counted.length;
  });
}

function namesOf(counted: readonly SeedOutcome[]): string[] {
  const names = new Set(REQUIRED);
  for (const { coverage } of counted) for (const [name] of coverage) names.add(name);
  return [...names].sort();
}

function timesOf({ coverage }: SeedOutcome, name: string): number {
  return coverage.find(([what]) => what === name)?.[1] ?? 0;
}
