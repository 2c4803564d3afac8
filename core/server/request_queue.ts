import { getInt, putInt, putPart } from "../wire/jute.ts";

/** Requests of one connection that may wait at a time; beyond it the connection is not read. */
export const QUEUE_REQUESTS_MAX: number = 10_000;
/** Bytes of requests of one connection that may wait, one frame more at most. */
export const QUEUE_BYTES_MAX: number = 4 * 1024 * 1024;

/** Each entry: int size kept, int arrival, int weight, then the frame (xid, type, body). */
const ENTRY_HEADER_BYTES = 12;
const CAPACITY_BYTES = 1024;
const CAPACITY_BYTES_KEPT = 64 * 1024;

/**
 * The requests of one connection that wait for their turn, first in first out, as the bytes they
 * came in: waiting costs a copy and no objects. An empty queue holds no memory of note.
 */
export class RequestQueue {
  #bytes: Uint8Array = EMPTY;
  #head = 0;
  #tail = 0;
  #count = 0;
  #weight = 0;

  get count(): number {
    return this.#count;
  }

  /** Bytes of the requests that wait, as they came: also of those parts that are not kept here. */
  get weightBytes(): number {
    return this.#weight;
  }

  /** Whether another request may be read. */
  get hasRoom(): boolean {
    return this.#count < QUEUE_REQUESTS_MAX && this.#weight < QUEUE_BYTES_MAX;
  }

  /**
   * Appends a frame, or just its beginning when the rest is kept elsewhere.
   *
   * @param keptBytes how much of the frame is kept.
   * @param arrivalMs a clock's value as an int, for {@link headArrivalMs}.
   */
  push(
    bytes: Uint8Array,
    start: number,
    end: number,
    arrivalMs: number,
    keptBytes: number = end - start,
  ): void {
    const weightBytes = end - start;
    const sizeBytes = keptBytes;
    const at = this.#reserve(ENTRY_HEADER_BYTES + sizeBytes);
    putInt(this.#bytes, at, sizeBytes);
    putInt(this.#bytes, at + 4, arrivalMs);
    putInt(this.#bytes, at + 8, weightBytes);
    putPart(this.#bytes, at + ENTRY_HEADER_BYTES, bytes, start, start + keptBytes);
    this.#count += 1;
    this.#weight += weightBytes;
  }

  /** The buffer that holds the head frame, valid until the next {@link push} or {@link shift}. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get headStart(): number {
    return this.#head + ENTRY_HEADER_BYTES;
  }

  get headEnd(): number {
    return this.headStart + getInt(this.#bytes, this.#head);
  }

  get headArrivalMs(): number {
    return getInt(this.#bytes, this.#head + 4);
  }

  get headWeightBytes(): number {
    return getInt(this.#bytes, this.#head + 8);
  }

  get headXid(): number {
    return getInt(this.#bytes, this.headStart);
  }

  get headType(): number {
    return getInt(this.#bytes, this.headStart + 4);
  }

  /** Drops the head; the queue must not be empty. */
  shift(): void {
    this.#weight -= this.headWeightBytes;
    this.#head = this.headEnd;
    this.#count -= 1;
    if (this.#count > 0) return;
    this.#head = 0;
    this.#tail = 0;
    if (this.#bytes.length > CAPACITY_BYTES_KEPT) this.#bytes = EMPTY;
  }

  /** Drops everything. @returns the {@link weightBytes} of it. */
  clear(): number {
    const { weightBytes } = this;
    this.#bytes = EMPTY;
    this.#head = 0;
    this.#tail = 0;
    this.#count = 0;
    this.#weight = 0;
    return weightBytes;
  }

  #reserve(sizeBytes: number): number {
    if (this.#tail + sizeBytes > this.#bytes.length) this.#makeRoom(sizeBytes);
    const at = this.#tail;
    this.#tail += sizeBytes;
    return at;
  }

  #makeRoom(sizeBytes: number): void {
    const usedBytes = this.#tail - this.#head;
    const neededBytes = usedBytes + sizeBytes;
    if (neededBytes <= this.#bytes.length / 2) {
      this.#bytes.copyWithin(0, this.#head, this.#tail);
    } else {
      const grown = new Uint8Array(Math.max(CAPACITY_BYTES, neededBytes * 2));
      grown.set(this.#bytes.subarray(this.#head, this.#tail));
      this.#bytes = grown;
    }
    this.#head = 0;
    this.#tail = usedBytes;
  }
}

const EMPTY = new Uint8Array(0);
