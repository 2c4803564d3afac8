import type { Counter, Summary } from "../contracts/metrics.ts";
import { RareWarning, type WarningParts } from "./rare_warning.ts";

/** The time that the log takes to become durable, with a warning when it is long. */
export class FsyncTime {
  readonly #warningMs: number;
  readonly #time: Summary;
  readonly #slowCount: Counter;
  readonly #slow: RareWarning;

  /** @param warningMs time above which a warning is due; 0 is never. */
  constructor({ clock, logger, metrics }: WarningParts, warningMs: number) {
    this.#warningMs = warningMs === 0 ? Number.POSITIVE_INFINITY : warningMs;
    this.#time = metrics.summary("fsynctime", "Time to append a batch to the log, ms");
    this.#slowCount = metrics.counter("fsync_threshold_exceed_count", "Appends that took long");
    this.#slow = new RareWarning(logger, clock);
  }

  observe(tookMs: number): void {
    this.#time.observe(tookMs);
    if (tookMs <= this.#warningMs) return;
    this.#slowCount.value += 1;
    this.#slow.say("the log's disk is slow, and every write waits for it: give it a faster one", {
      tookMs: Math.round(tookMs),
    });
  }
}
