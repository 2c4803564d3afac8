const TWO_32 = 0x1_0000_0000;

/**
 * Numbers that look random and follow from a seed: xoshiro128** (Blackman and Vigna), its state
 * filled by splitmix32. Not for secrets.
 */
export class Random {
  readonly #seed: number;
  readonly #state = new Uint32Array(4);

  /** @param seed any integer; what lies above 32 bits does not count. */
  constructor(seed: number) {
    this.#seed = seed >>> 0;
    let mixing = this.#seed;
    for (let i = 0; i < 4; i++) {
      mixing = (mixing + 0x9e37_79b9) >>> 0;
      let word = mixing;
      word = Math.imul(word ^ (word >>> 16), 0x21f0_aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a_2d97);
      this.#state[i] = word ^ (word >>> 15);
    }
  }

  /** A generator of its own for one purpose: what others draw does not change what it gives. */
  fork(purpose: string): Random {
    let hash = this.#seed ^ 0x811c_9dc5;
    for (let i = 0; i < purpose.length; i++) {
      hash = Math.imul(hash ^ purpose.charCodeAt(i), 0x0100_0193);
    }
    return new Random(hash);
  }

  /** From 0 to 2^32 - 1. */
  uint32(): number {
    const state = this.#state as Uint32Array & [number, number, number, number];
    const [a, b, c, d] = state;
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const e = c ^ a;
    const f = d ^ b;
    state[1] = b ^ e;
    state[0] = a ^ f;
    state[2] = e ^ (b << 9);
    state[3] = (f << 11) | (f >>> 21);
    return result >>> 0;
  }

  /** From 0 up to and without 1. */
  fraction(): number {
    return this.uint32() / TWO_32;
  }

  /** From `min` up to and without `max`, with fraction. */
  between(min: number, max: number): number {
    return min + this.fraction() * (max - min);
  }

  /** An integer from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  /** True in `probability` of all calls. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of at least one. */
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** The same things in another order. */
  shuffle<T>(from: readonly T[]): T[] {
    const mixed = [...from];
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const [a, b] = [mixed[i] as T, mixed[j] as T];
      mixed[i] = b;
      mixed[j] = a;
    }
    return mixed;
  }
}
