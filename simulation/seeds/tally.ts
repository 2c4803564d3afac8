import { Coverage } from "./coverage.ts";
import type { SeedOutcome } from "./seed_outcome.ts";

/** What is known of all seeds that passed so far. They come in their order. */
export class Tally {
  readonly coverage: Coverage = new Coverage();
  /** Seeds in which too little happened. */
  readonly uncounted: number[] = [];
  passed = 0;
  acknowledged = 0;
  virtualMs = 0;
  /** The first that failed. */
  failed: SeedOutcome | undefined;
  #hash = 0x811c_9dc5;

  /** Counts a seed; nothing may come after one that failed. */
  take(outcome: SeedOutcome): void {
    if (outcome.failure !== undefined) {
      this.failed = outcome;
      return;
    }
    this.#mix(this.passed === 0 ? outcome.hash : `,${outcome.hash}`);
    this.passed += 1;
    this.acknowledged += outcome.acknowledged;
    this.virtualMs += outcome.virtualMs;
    if (outcome.counts) this.coverage.take(outcome);
    else this.uncounted.push(outcome.seed);
  }

  /** One number for all traces. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  #mix(text: string): void {
    for (let i = 0; i < text.length; i++) {
      this.#hash = Math.imul(this.#hash ^ text.charCodeAt(i), 0x0100_0193);
    }
  }
}
