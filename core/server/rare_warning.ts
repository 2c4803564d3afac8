import type { Clock } from "../contracts/clock.ts";
import type { LogFields, Logger } from "../contracts/logger.ts";
import type { Metrics } from "../contracts/metrics.ts";

/** What those who warn and count need. */
export interface WarningParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Time between two messages of one kind, ms. */
const PAUSE_MS = 10_000;

/**
 * A warning that could come thousands of times a second: it is said once in 10 seconds, and the
 * next time with `more`, the number of times that it was not said.
 */
export class RareWarning {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #nextMs = Number.NEGATIVE_INFINITY;
  #unsaid = 0;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  say(message: string, fields: LogFields): void {
    const now = this.#clock.now();
    if (now < this.#nextMs) {
      this.#unsaid += 1;
      return;
    }
    this.#nextMs = now + PAUSE_MS;
    this.#logger.warn(message, this.#unsaid === 0 ? fields : { ...fields, more: this.#unsaid });
    this.#unsaid = 0;
  }
}
