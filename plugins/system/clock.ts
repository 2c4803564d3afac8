import { setImmediate } from "node:timers";
import type { Cancel, Clock } from "../../core/contracts/clock.ts";

// The longest delay that timers take; above it they would fire at once.
const DELAY_MS_MAX = 0x7fff_ffff;

/** The machine's time and the event loop's timers. */
export class SystemClock implements Clock {
  now(): number {
    return performance.now();
  }

  wallTime(): number {
    return Date.now();
  }

  after(delayMs: number, task: () => void): Cancel {
    const dueMs = this.now() + delayMs;
    const arm = (leftMs: number): NodeJS.Timeout =>
      setTimeout(
        () => {
          // Timers may fire up to a millisecond early, and long delays come in parts.
          const restMs = dueMs - this.now();
          if (restMs > 0) timer = arm(restMs);
          else task();
        },
        Math.min(Math.ceil(leftMs), DELAY_MS_MAX),
      );
    let timer = arm(delayMs);
    return () => clearTimeout(timer);
  }

  every(periodMs: number, task: () => void): Cancel {
    const timer = setInterval(task, Math.min(periodMs, DELAY_MS_MAX));
    return () => clearInterval(timer);
  }

  defer(task: () => void): void {
    setImmediate(task);
  }
}
