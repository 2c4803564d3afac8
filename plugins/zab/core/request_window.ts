import type { Zxid } from "../../../core/wire/zxid.ts";

/** What a request takes in memory beside its bytes, roughly. */
const REQUEST_BYTES = 512;
/** With so much in it a half is closed as soon as the former one is committed. */
const HALF_BYTES_MIN = 1024 * 1024;

/**
 * How much one learner has asked for that is not done yet. Writes are counted in two halves, so
 * that each costs a sum and no entry: while the former half is not committed, the window is full
 * as soon as the other is.
 */
export class RequestWindow {
  /** Of the half that gathers. */
  #bytes = 0;
  #last: Zxid = 0;
  /** Last write of the half before it. */
  #formerLast: Zxid = 0;
  #syncs = 0;

  /** A write was given its zxid; everything up to `committed` is committed. */
  wrote(zxid: Zxid, sizeBytes: number, committed: Zxid): void {
    this.#bytes += sizeBytes + REQUEST_BYTES;
    this.#last = zxid;
    if (this.#bytes >= HALF_BYTES_MIN && this.#formerLast <= committed) this.#turn();
  }

  syncBegun(): void {
    this.#syncs += 1;
  }

  syncDone(): void {
    this.#syncs -= 1;
  }

  /** Whether no more of it should be read, if it may have `windowBytes` under way. */
  isFull(windowBytes: number, committed: Zxid): boolean {
    const half = windowBytes / 2;
    if (this.#bytes >= half && this.#formerLast <= committed) this.#turn();
    return this.#bytes >= half || this.#syncs * REQUEST_BYTES >= windowBytes;
  }

  #turn(): void {
    this.#formerLast = this.#last;
    this.#bytes = 0;
  }
}
