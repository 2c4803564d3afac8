import { setImmediate } from "node:timers";
import { type Cancel, CLOCK, type Clock } from "../../core/contracts/clock.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";

interface Timer {
  dueMs: number;
  /** 0 for a timer that runs once. */
  readonly periodMs: number;
  readonly task: () => void;
}

/** A clock whose time the test moves; deferred tasks run in the next turn of the event loop. */
export class ManualClock implements Clock {
  #nowMs = 1_000_000;
  #wallMs = 1_700_000_000_000;
  #timers: Timer[] = [];

  now(): number {
    return this.#nowMs;
  }

  wallTime(): number {
    return this.#wallMs;
  }

  after(delayMs: number, task: () => void): Cancel {
    return this.#add({ dueMs: this.#nowMs + delayMs, periodMs: 0, task });
  }

  every(periodMs: number, task: () => void): Cancel {
    return this.#add({ dueMs: this.#nowMs + periodMs, periodMs, task });
  }

  defer(task: () => void): void {
    setImmediate(task);
  }

  /** Timers that have not run and are not cancelled. */
  get timerCount(): number {
    return this.#timers.length;
  }

  /** Lets time pass, timer by timer. */
  advance(ms: number): void {
    let endMs = this.#nowMs + ms;
    for (;;) {
      endMs = Math.max(endMs, this.#nowMs); // Tasks may have spent time.
      const due = this.#timers.filter(({ dueMs }) => dueMs <= endMs);
      const next = due.sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#pass(Math.max(0, next.dueMs - this.#nowMs));
      if (next.periodMs > 0) next.dueMs += next.periodMs;
      else this.#timers = this.#timers.filter((timer) => timer !== next);
      next.task();
    }
    this.#pass(endMs - this.#nowMs);
  }

  /** Time that the code which runs now takes. */
  spend(ms: number): void {
    this.#pass(ms);
  }

  /** Moves the wall clock alone, as an operator or NTP does. */
  jumpWall(ms: number): void {
    this.#wallMs += ms;
  }

  /** Fills the clock contract with this clock. */
  plugin(): Plugin {
    return {
      name: "manual-clock",
      provides: [CLOCK],
      requires: [],
      register: (container) => container.value(CLOCK, this),
    };
  }

  #pass(ms: number): void {
    this.#nowMs += ms;
    this.#wallMs += ms;
  }

  #add(timer: Timer): Cancel {
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
}

/** Lets everything run that is ready, and what that makes ready. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(() => resolve(null)));
}
