/**
 * A 64-bit session id as two halves, so that no request needs a `bigint`. Immutable. The top byte
 * is the id of the server that issued it; the whole may be negative as an int64.
 */
export class SessionId {
  /** High half, a signed int32. */
  readonly high: number;
  /** Low half, a signed int32. */
  readonly low: number;

  constructor(high: number, low: number) {
    this.high = high | 0;
    this.low = low | 0;
  }

  /** From any 64-bit integer; bits above 64 are cut. */
  static fromBigInt(value: bigint): SessionId {
    const bits = BigInt.asUintN(64, value);
    return new SessionId(Number(bits >> 32n) | 0, Number(bits & 0xffff_ffffn) | 0);
  }

  /** As a signed int64, which is how ZooKeeper's APIs show it. */
  toBigInt(): bigint {
    return (BigInt(this.high) << 32n) | BigInt(this.low >>> 0);
  }

  equals(other: SessionId): boolean {
    return this.high === other.high && this.low === other.low;
  }

  /** True for the id 0, which stands for "no session". */
  get isZero(): boolean {
    return this.high === 0 && this.low === 0;
  }

  /** `0x` and lower-case hexadecimal without padding, as ZooKeeper prints session ids. */
  toString(): string {
    return `0x${BigInt.asUintN(64, this.toBigInt()).toString(16)}`;
  }
}

/** No session: the owner of a persistent znode, the author of a container's deletion. */
export const NO_SESSION: SessionId = new SessionId(0, 0);

/**
 * A map keyed by session id. Iterates in insertion order of the low half, then of the high half
 * (deterministic for equal histories). Look-ups allocate nothing.
 */
export class SessionMap<T extends NonNullable<unknown>> {
  // Ids of one server differ in their low half first, so the inner maps have one entry nearly
  // always.
  readonly #byLow = new Map<number, Map<number, T>>();
  #size = 0;
  // What was looked up last: requests of one session come one after the other.
  #lastHigh = 0;
  #lastLow = 0;
  #last: T | undefined;

  get size(): number {
    return this.#size;
  }

  get(id: SessionId): T | undefined {
    return this.getHalves(id.high, id.low);
  }

  /** As {@link get}, with the halves as signed int32. */
  getHalves(high: number, low: number): T | undefined {
    if (low === this.#lastLow && high === this.#lastHigh) return this.#last;
    const found = this.#byLow.get(low)?.get(high);
    this.#remember(high, low, found);
    return found;
  }

  has(id: SessionId): boolean {
    return this.get(id) !== undefined;
  }

  set(id: SessionId, value: T): void {
    let byHigh = this.#byLow.get(id.low);
    if (byHigh === undefined) this.#byLow.set(id.low, (byHigh = new Map()));
    if (!byHigh.has(id.high)) this.#size += 1;
    byHigh.set(id.high, value);
    this.#remember(id.high, id.low, value);
  }

  /** @returns whether the id was there. */
  delete(id: SessionId): boolean {
    const byHigh = this.#byLow.get(id.low);
    if (byHigh === undefined || !byHigh.delete(id.high)) return false;
    if (byHigh.size === 0) this.#byLow.delete(id.low);
    this.#size -= 1;
    this.#remember(id.high, id.low, undefined);
    return true;
  }

  clear(): void {
    this.#byLow.clear();
    this.#size = 0;
    this.#last = undefined;
  }

  #remember(high: number, low: number, value: T | undefined): void {
    this.#lastHigh = high;
    this.#lastLow = low;
    this.#last = value;
  }

  *values(): IterableIterator<T> {
    for (const byHigh of this.#byLow.values()) yield* byHigh.values();
  }

  *entries(): IterableIterator<[SessionId, T]> {
    for (const [low, byHigh] of this.#byLow) {
      for (const [high, value] of byHigh) yield [new SessionId(high, low), value];
    }
  }
}
