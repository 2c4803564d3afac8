import type { Clock } from "../contracts/clock.ts";
import type { Entropy } from "../contracts/entropy.ts";

/** How many handshakes are let in, and how the rest is turned away; Apache's keys and defaults. */
export interface ConnectionThrottleOptions {
  /** Handshakes that may come at once; 0 is no throttle (`connection_throttle_tokens`). */
  readonly tokens: number;
  /** `fillCount` tokens come back in so many ms, at least 1. */
  readonly fillTimeMs: number;
  readonly fillCount: number;
  /**
   * Time between two changes of the chance to be turned away, ms; -1 leaves it at 0. It grows by
   * `dropIncrease` while no token is left, and shrinks by `dropDecrease` while no more than
   * `decreaseRatio` of them are in use.
   */
  readonly freezeTimeMs: number;
  readonly dropIncrease: number;
  readonly dropDecrease: number;
  readonly decreaseRatio: number;
  /** Whether kinds of handshakes need different numbers of tokens; `tokens` count global ones. */
  readonly isWeighed: boolean;
  readonly globalWeight: number;
  readonly localWeight: number;
  readonly renewWeight: number;
}

/** What Apache takes where nothing is said: no throttle. */
export const CONNECTION_THROTTLE: ConnectionThrottleOptions = {
  tokens: 0,
  fillTimeMs: 1,
  fillCount: 1,
  freezeTimeMs: -1,
  dropIncrease: 0.02,
  dropDecrease: 0.002,
  decreaseRatio: 0,
  isWeighed: false,
  globalWeight: 3,
  localWeight: 1,
  renewWeight: 2,
};

/** What a handshake asks for: a new session, or one that there is. */
export type HandshakeKind = "global" | "local" | "renew";

/**
 * A bucket of tokens for handshakes, with the chance of BLUE on top: as one moment's flood goes on,
 * more and more are turned away at random (`BlueThrottle` in Apache ZooKeeper).
 */
export class ConnectionThrottle {
  /** Chance of a handshake to be turned away whatever the tokens say, 0 to 1. */
  dropChance = 0;
  readonly #options: ConnectionThrottleOptions;
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  readonly #tokensMax: number;
  readonly #fillCount: number;
  #tokens: number;
  #filledMs: number;
  #changedMs: number;

  constructor(options: ConnectionThrottleOptions, clock: Clock, entropy: Entropy) {
    this.#options = options;
    this.#clock = clock;
    this.#entropy = entropy;
    // An operator counts sessions, which are global ones.
    const weight = options.isWeighed ? Math.max(options.globalWeight, options.localWeight) : 1;
    this.#tokensMax = options.tokens * weight;
    this.#fillCount = options.fillCount * weight;
    this.#tokens = this.#tokensMax;
    this.#filledMs = clock.now();
    this.#changedMs = this.#filledMs;
  }

  /** Tokens in use. */
  get deficit(): number {
    return this.#tokensMax - this.#tokens;
  }

  /** Takes the tokens for a handshake. @returns whether it may go on. */
  admits(kind: HandshakeKind): boolean {
    if (this.#tokensMax === 0) return true;
    const { fillTimeMs, freezeTimeMs } = this.#options;
    const now = this.#clock.now();
    const passedMs = now - this.#filledMs;
    if (passedMs > fillTimeMs) {
      const more = Math.floor((passedMs * this.#fillCount) / fillTimeMs);
      this.#tokens = Math.min(this.#tokens + more, this.#tokensMax);
      this.#filledMs = now;
    }
    if (freezeTimeMs !== -1 && this.#drops(now)) return false;
    const needed = this.#needed(kind);
    if (this.#tokens < needed) return false;
    this.#tokens -= needed;
    return true;
  }

  #drops(now: number): boolean {
    const { freezeTimeMs, dropIncrease, dropDecrease, decreaseRatio } = this.#options;
    if (now - this.#changedMs > freezeTimeMs) {
      this.#changedMs = now;
      const calm = Math.round(this.#tokensMax * decreaseRatio);
      if (this.#tokens === 0) this.dropChance = Math.min(this.dropChance + dropIncrease, 1);
      else if (this.deficit <= calm) this.dropChance = Math.max(this.dropChance - dropDecrease, 0);
    }
    return this.#entropy.uint32() / 2 ** 32 < this.dropChance;
  }

  #needed(kind: HandshakeKind): number {
    const { isWeighed, globalWeight, localWeight, renewWeight } = this.#options;
    if (!isWeighed) return 1;
    if (kind === "local") return localWeight;
    return Math.max(kind === "global" ? globalWeight : renewWeight, localWeight);
  }
}
