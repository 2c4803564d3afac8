import { getInt, putPart } from "./jute.ts";

/** ZooKeeper's default for `jute.maxbuffer`, in bytes; a frame of exactly this size is accepted. */
export const FRAME_BYTES_MAX = 1_048_575;

/** Receives the frames of one byte stream. */
export interface FrameSink {
  /**
   * One frame: the bytes from `start` to `end`, without the length. Valid during the call only.
   *
   * @returns false to stop: the rest is kept until {@link FrameCutter.resume}.
   */
  frame(bytes: Uint8Array, start: number, end: number): boolean;
  /** A length that is negative or above the limit; the stream is of no further use. */
  badLength(lengthBytes: number): void;
}

/**
 * Cuts a byte stream into length-prefixed frames. Frames that lie whole in a chunk are handed on in
 * place; only a frame cut by a chunk's end, and what follows a stop, is copied, once. Holds at most
 * twice a frame of the limit plus what one chunk brought.
 */
export class FrameCutter {
  readonly #sink: FrameSink;
  readonly #frameBytesMax: number;
  /** Holds back `#kept[#start..#end)`. */
  #kept: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  #stopped = false;
  #ended = false;

  constructor(sink: FrameSink, frameBytesMax: number = FRAME_BYTES_MAX) {
    this.#sink = sink;
    this.#frameBytesMax = frameBytesMax;
  }

  /** Bytes held back for a later frame. */
  get keptBytes(): number {
    return this.#end - this.#start;
  }

  /** Takes a chunk, which stays the caller's. */
  push(chunk: Uint8Array): void {
    if (this.#ended) return;
    if (this.#start < this.#end || this.#stopped) {
      this.#append(chunk, 0);
      if (!this.#stopped) this.#recut();
      return;
    }
    const from = this.#cut(chunk, 0, chunk.length);
    if (from < chunk.length) this.#append(chunk, from);
  }

  /** Goes on after a frame that returned false. */
  resume(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#recut();
  }

  #recut(): void {
    this.#start = this.#cut(this.#kept, this.#start, this.#end);
    if (this.#start < this.#end) return;
    this.#kept = EMPTY;
    this.#start = this.#end = 0;
  }

  /** Grows by doubling as bytes come, never by what a length announces. */
  #append(chunk: Uint8Array, from: number): void {
    const keptBytes = this.#end - this.#start;
    const addedBytes = chunk.length - from;
    if (this.#end + addedBytes > this.#kept.length) {
      const neededBytes = keptBytes + addedBytes;
      const grown = new Uint8Array(keptBytes === 0 ? neededBytes : neededBytes * 2);
      putPart(grown, 0, this.#kept, this.#start, this.#end);
      this.#kept = grown;
      this.#start = 0;
      this.#end = keptBytes;
    }
    putPart(this.#kept, this.#end, chunk, from, chunk.length);
    this.#end += addedBytes;
  }

  /** @returns the offset up to which `bytes` were used. */
  #cut(bytes: Uint8Array, start: number, bytesEnd: number): number {
    let at = start;
    while (!this.#stopped && bytesEnd - at >= 4) {
      const lengthBytes = getInt(bytes, at);
      if (lengthBytes < 0 || lengthBytes > this.#frameBytesMax) {
        this.#ended = true;
        this.#sink.badLength(lengthBytes);
        return bytesEnd;
      }
      const end = at + 4 + lengthBytes;
      if (end > bytesEnd) break;
      this.#stopped = !this.#sink.frame(bytes, at + 4, end);
      at = end;
    }
    return at;
  }
}

const EMPTY = new Uint8Array(0);
