import { getInt } from "./jute.ts";
import { KeptBytes } from "./kept_bytes.ts";

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
  readonly #kept = new KeptBytes();
  #stopped = false;
  #ended = false;

  constructor(sink: FrameSink, frameBytesMax: number = FRAME_BYTES_MAX) {
    this.#sink = sink;
    this.#frameBytesMax = frameBytesMax;
  }

  /** Bytes held back for a later frame. */
  get keptBytes(): number {
    return this.#kept.length;
  }

  /** Takes a chunk, which stays the caller's. */
  push(chunk: Uint8Array): void {
    if (this.#ended) return;
    if (this.#kept.length > 0 || this.#stopped) {
      this.#kept.append(chunk, 0);
      if (!this.#stopped) this.#recut();
      return;
    }
    const from = this.#cut(chunk, 0, chunk.length);
    if (from < chunk.length) this.#kept.append(chunk, from);
  }

  /** Goes on after a frame that returned false. */
  resume(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#recut();
  }

  #recut(): void {
    const { bytes, start, end } = this.#kept;
    this.#kept.dropTo(this.#cut(bytes, start, end));
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
