import { type Token, token } from "./token.ts";

/** Stops what {@link Clock.every} or {@link Clock.after} began; further calls do nothing. */
export type Cancel = () => void;

/**
 * The only source of time and of "later" for kernel, server, client and drivers. The simulator
 * binds its own, which is why nothing else may call `Date`, timers or `queueMicrotask`.
 */
export interface Clock {
  /**
   * Monotonic milliseconds, with fraction, from an arbitrary start. For time-outs and latencies.
   */
  now(): number;
  /** Whole milliseconds since 1970, for Stat times and logs; may jump in both directions. */
  wallTime(): number;
  /** Runs `task` once, `delayMs` (0 or more) from now at the earliest. */
  after(delayMs: number, task: () => void): Cancel;
  /** Runs `task` every `periodMs` (above 0) until cancelled; a late run does not cause a burst. */
  every(periodMs: number, task: () => void): Cancel;
  /**
   * Runs `task` once, after the I/O events that are ready now have been handled: where work of one
   * turn of the event loop is gathered into a batch. Tasks run in the order given.
   */
  defer(task: () => void): void;
}

/** Single. */
export const CLOCK: Token<Clock> = token("clock");
