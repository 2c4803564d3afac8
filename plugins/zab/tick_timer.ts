import type { Cancel, Clock } from "../../core/contracts/clock.ts";

/**
 * A timer for a time that moves with every packet. One that is set already and comes early does no
 * harm, and costs less than a new one: it is only set anew for an earlier time.
 */
export class TickTimer {
  readonly #clock: Clock;
  readonly #due: () => void;
  /** When the timer comes, monotonic ms; `Infinity` for never. */
  #atMs = Number.POSITIVE_INFINITY;
  #cancel: Cancel | undefined;

  constructor(clock: Clock, due: () => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /** Calls `due` at that time or earlier; at once, within this call, when it has come. */
  set(atMs: number): void {
    const waitMs = atMs - this.#clock.now();
    if (waitMs > 0 && this.#atMs <= atMs) return;
    this.stop();
    if (waitMs <= 0) return this.#due();
    this.#atMs = atMs;
    this.#cancel = this.#clock.after(waitMs, () => {
      this.#atMs = Number.POSITIVE_INFINITY;
      this.#due();
    });
  }

  /** Until it is set again. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
  }
}
