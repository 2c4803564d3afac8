import {
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LogLevel,
  type LogThreshold,
} from "../../core/contracts/logger.ts";

/** Whether a message of this level is written. */
export function passes(level: LogLevel, threshold: LogThreshold): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold.level);
}

/** Takes one finished line, without its end. */
export type WriteLine = (line: string) => void;

/**
 * One line of text for each message: time, level, scope, message, and the fields as JSON. Goes to
 * standard error, so that standard output belongs to the application.
 */
export class ConsoleLogger implements Logger {
  readonly #threshold: LogThreshold;
  readonly #scope: string;
  readonly #write: WriteLine;

  /**
   * @param level what is written; an object may be changed later.
   * @param write where lines go; standard error when it is not given.
   */
  constructor(
    level: LogLevel | LogThreshold,
    write: WriteLine = (line) => console.error(line),
    scope = "",
  ) {
    this.#threshold = typeof level === "string" ? { level } : level;
    this.#write = write;
    this.#scope = scope;
  }

  debug(message: string, fields?: LogFields): void {
    this.#log("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#log("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#log("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#log("error", message, fields);
  }

  child(scope: string): Logger {
    const whole = this.#scope === "" ? scope : `${this.#scope}.${scope}`;
    return new ConsoleLogger(this.#threshold, this.#write, whole);
  }

  #log(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (!passes(level, this.#threshold)) return;
    const scope = this.#scope === "" ? "" : `${this.#scope}: `;
    const suffix = fields === undefined ? "" : ` ${describe(fields)}`;
    this.#write(`${new Date().toISOString()} ${level} ${scope}${message}${suffix}`);
  }
}

function describe(fields: LogFields): string {
  try {
    return JSON.stringify(fields, (_key, value: unknown) => {
      if (typeof value === "bigint") return value.toString();
      return value instanceof Error ? (value.stack ?? value.message) : value;
    });
  } catch {
    // A logger never throws: what cannot be written as JSON (a cycle) is named by its keys.
    return `{${Object.keys(fields).join(", ")}}`;
  }
}
