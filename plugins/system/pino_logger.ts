import { destination, type Logger as Pino, pino } from "pino";
import { LOGGER, type LogFields, type Logger } from "../../core/contracts/logger.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import type { LogLevel } from "./console_logger.ts";

/** One JSON object a line, for programs that collect logs. */
export class PinoLogger implements Logger {
  readonly #pino: Pino;
  readonly #scope: string;

  constructor(base: Pino, scope = "") {
    this.#pino = base;
    this.#scope = scope;
  }

  debug(message: string, fields?: LogFields): void {
    this.#pino.debug(fields ?? {}, message);
  }

  info(message: string, fields?: LogFields): void {
    this.#pino.info(fields ?? {}, message);
  }

  warn(message: string, fields?: LogFields): void {
    this.#pino.warn(fields ?? {}, message);
  }

  error(message: string, fields?: LogFields): void {
    this.#pino.error(fields ?? {}, message);
  }

  child(scope: string): Logger {
    const whole = this.#scope === "" ? scope : `${this.#scope}.${scope}`;
    return new PinoLogger(this.#pino.child({ scope: whole }), whole);
  }
}

/**
 * Makes a {@link PinoLogger}. Lines are written at once, so that the last one before an exit is
 * there.
 *
 * @param stream where lines go; standard error when it is not given.
 */
export function createPinoLogger(
  level: LogLevel,
  stream: { write(line: string): void } = destination({ fd: 2, sync: true }),
): PinoLogger {
  const settings = {
    level,
    base: null,
    serializers: { error: pino.stdSerializers.err },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return new PinoLogger(pino(settings, stream));
}

/** Fills the logger contract with JSON lines on standard error. */
export function pinoLogger(options: { readonly level?: LogLevel } = {}): Plugin {
  return {
    name: "pino-logger",
    provides: [LOGGER],
    requires: [],
    register: (container) => {
      container.provide(LOGGER, () => createPinoLogger(options.level ?? "info"));
    },
  };
}
