/**
 * What a server takes from the machine it runs on: time, chance, and a place for messages.
 *
 * ```ts
 * import { ConsoleLogger, SystemClock, SystemEntropy } from "zookit/plugins/system";
 *
 * const logger = new ConsoleLogger("info").child("example");
 * const die = 1 + (new SystemEntropy().uint32() % 6);
 * logger.info("rolled a die", { die, tookMs: new SystemClock().now() });
 * ```
 */
import { CLOCK } from "../../core/contracts/clock.ts";
import { ENTROPY } from "../../core/contracts/entropy.ts";
import { LOG_THRESHOLD, LOGGER, type LogLevel } from "../../core/contracts/logger.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { SystemClock } from "./clock.ts";
import { ConsoleLogger } from "./console_logger.ts";
import { SystemEntropy } from "./entropy.ts";

export type { LogLevel, LogThreshold } from "../../core/contracts/logger.ts";
export { SystemClock } from "./clock.ts";
export { ConsoleLogger, type WriteLine } from "./console_logger.ts";
export { SystemEntropy } from "./entropy.ts";

/** Fills the clock contract with the machine's time. */
export function systemClock(): Plugin {
  return {
    name: "system-clock",
    provides: [CLOCK],
    requires: [],
    register: (container) => container.bind(CLOCK, SystemClock),
  };
}

/** Fills the entropy contract with the machine's random generator. */
export function systemEntropy(): Plugin {
  return {
    name: "system-entropy",
    provides: [ENTROPY],
    requires: [],
    register: (container) => container.bind(ENTROPY, SystemEntropy),
  };
}

/**
 * Fills the logger contract with lines of text on standard error.
 *
 * @param options.level messages of this level and above are written; `info` when it is not given.
 */
export function consoleLogger(options: { readonly level?: LogLevel } = {}): Plugin {
  const threshold = { level: options.level ?? "info" };
  return {
    name: "console-logger",
    provides: [LOGGER, LOG_THRESHOLD],
    requires: [],
    register: (container) => {
      container.provide(LOGGER, () => new ConsoleLogger(threshold));
      container.value(LOG_THRESHOLD, threshold);
    },
  };
}
