/** Where time and chance enter the client unless the caller brings its own. */
import type { Cancel, Clock } from "../core/contracts/clock.ts";
import type { Entropy } from "../core/contracts/entropy.ts";
import type { LogFields, Logger } from "../core/contracts/logger.ts";

// Not in the ES library, and present in Node, Deno, Bun and browsers alike.
interface Host {
  readonly performance: { now(): number };
  readonly crypto: { getRandomValues(target: Uint8Array): Uint8Array };
  readonly setImmediate?: (task: () => void) => unknown;
}
const HOST = globalThis as unknown as Host;

/** Most bytes that `getRandomValues` gives in one call. */
const RANDOM_BYTES_MAX = 65_536;

/** The clock of the machine. Its timers keep the process alive until cancelled. */
export const SYSTEM_CLOCK: Clock = {
  now: () => HOST.performance.now(),
  wallTime: () => Date.now(),
  after(delayMs: number, task: () => void): Cancel {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
  every(periodMs: number, task: () => void): Cancel {
    const timer = setInterval(task, periodMs);
    return () => clearInterval(timer);
  },
  defer(task: () => void): void {
    if (HOST.setImmediate !== undefined) HOST.setImmediate(task);
    else setTimeout(task, 0);
  },
};

/** The random generator of the platform. */
export const SYSTEM_ENTROPY: Entropy = {
  uint32(): number {
    const bytes = new Uint8Array(4);
    HOST.crypto.getRandomValues(bytes);
    return new DataView(bytes.buffer).getUint32(0);
  },
  fill(target: Uint8Array): void {
    for (let at = 0; at < target.length; at += RANDOM_BYTES_MAX) {
      HOST.crypto.getRandomValues(target.subarray(at, at + RANDOM_BYTES_MAX));
    }
  },
};

/** A logger that says nothing below a warning, and warnings and errors on the console. */
export const CONSOLE_LOGGER: Logger = {
  debug(): void {},
  info(): void {},
  warn: (message: string, fields?: LogFields) => console.warn(`zookit-client: ${message}`, fields),
  error: (message: string, fields?: LogFields) =>
    console.error(`zookit-client: ${message}`, fields),
  child: () => CONSOLE_LOGGER,
};
