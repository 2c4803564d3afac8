import { destination, type Logger as Pino, pino } from "pino";
import {
  LOG_THRESHOLD,
  LOGGER,
  type LogFields,
  type Logger,
  type LogLevel,
  type LogThreshold,
} from "../../core/contracts/logger.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { passes } from "./console_logger.ts";

/** One JSON object a line, for programs that collect logs. */
export class PinoLogger implements Logger {
  readonly #pino: Pino;
  readonly #threshold: LogThreshold;
  readonly #scope: string;

  /** @param base lets every level pass: `threshold` decides. */
  constructor(base: Pino, threshold: LogThreshold, scope = "") {
    this.#pino = base;
    this.#threshold = threshold;
    this.#scope = scope;
  }

  debug(message: string, fields?: LogFields): void {
    if (passes("debug", this.#threshold)) this.#pino.debug(fields ?? {}, message);
  }

  info(message: string, fields?: LogFields): void {
    if (passes("info", this.#threshold)) this.#pino.info(fields ?? {}, message);
  }

  warn(message: string, fields?: LogFields): void {
    if (passes("warn", this.#threshold)) this.#pino.warn(fields ?? {}, message);
  }

  error(message: string, fields?: LogFields): void {
    if (passes("error", this.#threshold)) this.#pino.error(fields ?? {}, message);
  }

  child(scope: string): Logger {
    const whole = this.#scope === "" ? scope : `${this.#scope}.${scope}`;
    return new PinoLogger(this.#pino.child({ scope: whole }), this.#threshold, whole);
  }
}

/**
 * Makes a {@link PinoLogger}. Lines are written at once, so that the last one before an exit is
 * there.
 *
 * @param stream where lines go; standard error when it is not given.
 */
export function createPinoLogger(
  level: LogLevel | LogThreshold,
  stream: { write(line: string): void } = destination({ fd: 2, sync: true }),
): PinoLogger {
  const settings = {
    level: "debug",
    base: null,
    serializers: { error: pino.stdSerializers.err },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return new PinoLogger(pino(settings, stream), typeof level === "string" ? { level } : level);
}

/** Fills the logger contract with JSON lines on standard error. */
export function pinoLogger(options: { readonly level?: LogLevel | LogThreshold } = {}): Plugin {
  const { level = "info" } = options;
  const threshold = typeof level === "string" ? { level } : level;
  return {
    name: "pino-logger",
    provides: [LOGGER, LOG_THRESHOLD],
    requires: [],
    register: (container) => {
      container.provide(LOGGER, () => createPinoLogger(threshold));
      container.value(LOG_THRESHOLD, threshold);
    },
  };
}
