/** A set of node indexes: one bit for each. Members come in ascending order. */
export class NodeSet {
  #words: Int32Array = new Int32Array(32);
  #isEmpty = true;

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  add(node: number): void {
    const word = node >>> 5;
    if (word >= this.#words.length) this.#grow(word);
    this.#words[word]! |= 1 << (node & 31);
    this.#isEmpty = false;
  }

  delete(node: number): void {
    const word = node >>> 5;
    if (word < this.#words.length) this.#words[word]! &= ~(1 << (node & 31));
  }

  has(node: number): boolean {
    return (((this.#words[node >>> 5] ?? 0) >>> (node & 31)) & 1) !== 0;
  }

  /** The lowest member from `node` on, -1 when there is none. */
  next(node: number): number {
    const words = this.#words;
    let word = node >>> 5;
    // Bits below `node` in its own word do not count.
    let bits = (words[word] ?? 0) & (-1 << (node & 31));
    while (bits === 0) {
      word += 1;
      if (word >= words.length) return -1;
      bits = words[word] as number;
    }
    return word * 32 + 31 - Math.clz32(bits & -bits);
  }

  #grow(word: number): void {
    const grown = new Int32Array(Math.max(word + 1, this.#words.length * 2));
    grown.set(this.#words);
    this.#words = grown;
  }
}
