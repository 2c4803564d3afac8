import { type Token, token } from "./token.ts";

/** Facts that belong to a message; values are printed as JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where the server says what happened. Never throws and never waits; messages are lower case, name
 * the thing and the value, and end without a full stop. Errors go in `fields.error`.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose messages carry `scope` (kebab-case) as well. */
  child(scope: string): Logger;
}

/** Single. */
export const LOGGER: Token<Logger> = token("logger");

/** How much is logged: messages of this level and above. */
export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Every level, the most talkative first. */
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

/** What a logger writes from now on; may be changed at any time. */
export interface LogThreshold {
  level: LogLevel;
}

/** Many: what loggers that can be told otherwise provide besides {@link LOGGER}. */
export const LOG_THRESHOLD: Token<LogThreshold> = token("log-threshold");
