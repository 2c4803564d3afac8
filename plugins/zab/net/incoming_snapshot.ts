import type { SnapshotSlice } from "../../../core/contracts/storage.ts";
import { PeerProtocolError } from "../wire/packet.ts";
import { SnapshotReader } from "../wire/snapshot_reader.ts";

/** Bytes held at which the sender has to wait. */
const AHEAD_BYTES_MAX = 1024 * 1024;
/** Slices between two words of progress. */
const PROGRESS_SLICES = 50;

/** How the connection under a snapshot is steered. */
export interface SnapshotLine {
  pause(): void;
  resume(): void;
  /** Some of it has been taken. */
  progress(): void;
}

/** A snapshot as it comes over a link: its slices, as fast as they are taken. */
export class IncomingSnapshot implements AsyncIterable<SnapshotSlice> {
  readonly #reader: SnapshotReader;
  readonly #line: SnapshotLine;
  #isPaused = false;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(recordBytesMax: number, line: SnapshotLine) {
    this.#reader = new SnapshotReader(recordBytesMax);
    this.#line = line;
  }

  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    if (this.#reader.keptBytes > AHEAD_BYTES_MAX && this.#wake === undefined) {
      this.#isPaused = true;
      this.#line.pause();
    }
    this.#stir();
  }

  /** The connection is gone: whoever waits for a slice gets an error. */
  closed(): void {
    this.#isClosed = true;
    this.#stir();
  }

  /** Bytes behind the snapshot. */
  rest(): Uint8Array {
    return this.#reader.rest();
  }

  /**
   * The slices; ends with the signature.
   *
   * @throws {PeerProtocolError} when the connection is lost before, or the bytes are no snapshot.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<SnapshotSlice> {
    let count = 0;
    while (!this.#reader.isOver) {
      const slice = this.#reader.next();
      if (slice !== undefined) {
        count += 1;
        if (count % PROGRESS_SLICES === 0) this.#line.progress();
        yield slice;
      } else if (!this.#reader.isOver) {
        if (this.#isClosed) throw new PeerProtocolError("connection lost within a snapshot");
        await this.#more();
      }
    }
    // What follows waits until the tree is ready for it.
    if (!this.#isClosed) this.#line.pause();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (!this.#isPaused) return;
      this.#isPaused = false;
      this.#line.resume();
    });
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
