import type { LogFields, Logger } from "../core/contracts/logger.ts";
import type { Machine } from "./machine.ts";

/** How grave a message is. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** A message of a server or client. */
export interface LogLine {
  readonly machine: string;
  readonly level: LogLevel;
  readonly scope: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Puts messages into the trace; those for debugging are dropped. */
export class SimulatedLogger implements Logger {
  readonly #machine: Machine;
  readonly #scope: string;
  readonly #heard: (line: LogLine) => void;

  constructor(machine: Machine, heard: (line: LogLine) => void, scope = "") {
    this.#machine = machine;
    this.#heard = heard;
    this.#scope = scope;
  }

  debug(): void {}

  info(message: string, fields: LogFields = {}): void {
    this.#say("info", message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#say("warn", message, fields);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#say("error", message, fields);
  }

  child(scope: string): Logger {
    return new SimulatedLogger(this.#machine, this.#heard, scope);
  }

  #say(level: LogLevel, message: string, fields: LogFields): void {
    if (!this.#machine.isAlive) return;
    const { name, scheduler } = this.#machine;
    scheduler.note(`${name} ${level} ${this.#scope}: ${message}${textOf(fields)}`);
    this.#heard({ machine: name, level, scope: this.#scope, message, fields });
  }
}

function textOf(fields: LogFields): string {
  let text = "";
  for (const [name, value] of Object.entries(fields)) text += ` ${name}=${valueText(value)}`;
  return text;
}

/** Stacks differ between runtimes, so an error is its message, and those of its causes. */
function valueText(value: unknown): string {
  if (value instanceof Error) {
    const { message, cause } = value;
    return cause === undefined ? message : `${message} (${valueText(cause)})`;
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
