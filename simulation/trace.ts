/** Lines kept for the report of a failure. */
const LINES_KEPT = 4_000;

/**
 * What happened, as a number: two runs that did the same have the same hash. The newest lines are
 * kept as text.
 */
export class Trace {
  #high = 0x811c_9dc5;
  #low = 0x1b87_3593;
  readonly #lines: { readonly atMs: number; readonly text: string }[] = [];
  #first = 0;

  /** 16 hexadecimal digits. */
  get hash(): string {
    const half = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");
    return half(this.#high) + half(this.#low);
  }

  /** The newest lines, oldest first. */
  get lines(): readonly string[] {
    const inOrder = [...this.#lines.slice(this.#first), ...this.#lines.slice(0, this.#first)];
    return inOrder.map(({ atMs, text }) => `${atMs.toFixed(3).padStart(12)}  ${text}`);
  }

  number(value: number): void {
    this.#mix(value | 0);
    // Fractions and what lies above 32 bits count too.
    this.#mix(Math.trunc(value / 0x1_0000_0000) ^ Math.trunc((value % 1) * 0x4000_0000));
  }

  text(value: string): void {
    for (let i = 0; i < value.length; i++) this.#mix(value.charCodeAt(i));
  }

  bytes(value: Uint8Array): void {
    let high = this.#high;
    let low = this.#low;
    for (let i = 0; i < value.length; i++) {
      const word = value[i] as number;
      high = Math.imul(high ^ word, 0x0100_0193);
      low = Math.imul((low << 5) | (low >>> 27), 5) ^ (word + 0x9e37_79b9);
    }
    this.#high = high;
    this.#low = low;
  }

  /** Counts, and is kept as text. */
  line(atMs: number, text: string): void {
    this.number(atMs);
    this.text(text);
    this.#lines[this.#first] = { atMs, text };
    this.#first = (this.#first + 1) % LINES_KEPT;
  }

  #mix(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x0100_0193);
    this.#low = Math.imul((this.#low << 5) | (this.#low >>> 27), 5) ^ (word + 0x9e37_79b9);
  }
}
