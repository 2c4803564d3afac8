import type { Clock } from "../../../core/contracts/clock.ts";
import type { LogFields, Logger } from "../../../core/contracts/logger.ts";

/** Lines with one text that are let through in {@link PERIOD_MS}. */
const LINES_MAX = 20;
const PERIOD_MS = 1000;

/** Lines with one text, lately. */
interface Count {
  sinceMs: number;
  lines: number;
  unlogged: number;
}

/**
 * A logger that strangers cannot fill the disk with: of lines with one text it lets some through,
 * and tells with a later one how many it has kept back.
 */
export class LimitedLogger implements Logger {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #counts = new Map<string, Count>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  debug(text: string, fields?: LogFields): void {
    this.#log("debug", text, fields);
  }

  info(text: string, fields?: LogFields): void {
    this.#log("info", text, fields);
  }

  warn(text: string, fields?: LogFields): void {
    this.#log("warn", text, fields);
  }

  error(text: string, fields?: LogFields): void {
    this.#log("error", text, fields);
  }

  child(scope: string): Logger {
    return new LimitedLogger(this.#logger.child(scope), this.#clock);
  }

  #log(level: "debug" | "info" | "warn" | "error", text: string, fields?: LogFields): void {
    const now = this.#clock.now();
    let count = this.#counts.get(text);
    if (count === undefined) {
      count = { sinceMs: now, lines: 0, unlogged: 0 };
      this.#counts.set(text, count);
    } else if (now - count.sinceMs >= PERIOD_MS) {
      count.sinceMs = now;
      count.lines = 0;
    }
    if (count.lines >= LINES_MAX) {
      count.unlogged += 1;
      return;
    }
    count.lines += 1;
    const { unlogged } = count;
    count.unlogged = 0;
    this.#logger[level](text, unlogged === 0 ? fields : { ...fields, unlogged });
  }
}
