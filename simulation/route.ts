import type { Random } from "./random.ts";

/** How long bytes take from one machine to another. */
export interface Delays {
  readonly minMs: number;
  readonly maxMs: number;
  /** Part of all packets that take twenty times as long. */
  readonly slowPart: number;
}

/** The way from one machine to another; the way back is another. */
export class Route {
  delays: Delays;
  #isBlocked = false;
  #clogMs = 0;
  readonly #random: Random;
  /** What waits for the route to open. */
  readonly waiting: Set<() => void> = new Set();

  constructor(random: Random, delays: Delays) {
    this.#random = random;
    this.delays = delays;
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Nothing passes until {@link open}: packets wait, as they are sent again and again by TCP. */
  block(): void {
    this.#isBlocked = true;
  }

  open(): void {
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const wake of waiting) wake();
  }

  /** From now on all packets take so much longer; 0 ends it. */
  clog(ms: number): void {
    this.#clogMs = ms;
  }

  /** Where a write is cut into two packets; 0 for most, which stay whole. */
  cutAt(sizeBytes: number): number {
    return sizeBytes > 1 && this.#random.chance(0.05) ? 1 + this.#random.below(sizeBytes - 1) : 0;
  }

  /** The time that the next packet takes. */
  delayMs(): number {
    const { minMs, maxMs, slowPart } = this.delays;
    const ms = this.#random.between(minMs, maxMs) + this.#clogMs;
    return this.#random.chance(slowPart) ? ms * 20 : ms;
  }
}
