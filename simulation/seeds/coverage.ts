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

/** Counts what seeds covered; holds no more for a hundred thousand of them than for one. */
export class Coverage {
  #seeds = 0;
  readonly #counts = new Map(REQUIRED.map((name) => [name, { seeds: 0, times: 0 }]));

  /** Seeds counted so far. */
  get seeds(): number {
    return this.#seeds;
  }

  /** Counts a seed. */
  take({ coverage }: SeedOutcome): void {
    this.#seeds += 1;
    for (const [name, times] of coverage) {
      const count = this.#counts.get(name) ?? { seeds: 0, times: 0 };
      count.seeds += 1;
      count.times += times;
      this.#counts.set(name, count);
    }
  }

  /** A line for each thing that happened: in how many seeds, and how often. */
  table(): string {
    const lines = ["what                            seeds   share   times"];
    for (const [name, { seeds, times }] of [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const share = `${((100 * seeds) / Math.max(1, this.#seeds)).toFixed(1)} %`;
      const figures = [String(seeds).padStart(6), share.padStart(7), String(times).padStart(7)];
      lines.push(`${name.padEnd(30)} ${figures.join(" ")}`);
    }
    return lines.join("\n");
  }

  /** What too few of the seeds have seen; nothing when there are too few seeds to say. */
  tooRare(): string[] {
    if (this.#seeds < SEEDS_MIN) return [];
    return REQUIRED.filter((name) => {
      return (this.#counts.get(name)?.seeds ?? 0) < SHARE_MIN * this.#seeds;
    });
  }
}
