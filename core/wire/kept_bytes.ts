import { putPart } from "./jute.ts";

/**
 * The end of a byte stream that cannot be dealt with yet: `bytes[start..end)`. Copies what it is
 * given. Grows by doubling as bytes come, never by what a length announces.
 */
export class KeptBytes {
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;

  /** Bytes held. */
  get length(): number {
    return this.end - this.start;
  }

  /** Adds `chunk[from..]`. */
  append(chunk: Uint8Array, from: number): void {
    const { length } = this;
    const addedBytes = chunk.length - from;
    if (this.end + addedBytes > this.bytes.length) {
      const neededBytes = length + addedBytes;
      const grown = new Uint8Array(length === 0 ? neededBytes : neededBytes * 2);
      putPart(grown, 0, this.bytes, this.start, this.end);
      this.bytes = grown;
      this.start = 0;
      this.end = length;
    }
    putPart(this.bytes, this.end, chunk, from, chunk.length);
    this.end += addedBytes;
  }

  /** Lets go of everything before `offset` of {@link bytes}. */
  dropTo(offset: number): void {
    this.start = offset;
    if (this.start >= this.end) this.clear();
  }

  clear(): void {
    this.bytes = NOTHING;
    this.start = 0;
    this.end = 0;
  }
}

const NOTHING = new Uint8Array(0);
