import { ZkError } from "../errors/zk_error.ts";
import { type Zxid, zxidFromHalves, zxidHigh, zxidLow } from "./zxid.ts";

// A byte order mark is a character like others: a decoder that drops it makes two paths of one.
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });
const ENCODER = new TextEncoder();
/** Up to here a loop over ASCII beats the decoder's fixed cost. */
const SHORT_STRING_BYTES = 40;

/**
 * Reads jute primitives from a slice of bytes. Every take is bounds-checked. A reader may be used
 * again for another slice through {@link reset}, so that the hot path makes none.
 *
 * @throws {ZkError} `MarshallingError` from every method that would read past the end.
 */
export class JuteReader {
  #bytes: Uint8Array;
  #offset: number;
  #end: number;

  /** Reads `bytes` from `start` up to `end`; the caller does not change them meanwhile. */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  /** Starts over on another slice. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  /** The bytes being read; offsets are into these. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  byte(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  /** Any non-zero byte is true. */
  boolean(): boolean {
    return this.#bytes[this.#take(1)] !== 0;
  }

  /** A signed int32. */
  int(): number {
    const at = this.#take(4);
    const b = this.#bytes;
    return (
      ((b[at] as number) << 24) |
      ((b[at + 1] as number) << 16) |
      ((b[at + 2] as number) << 8) |
      (b[at + 3] as number)
    );
  }

  /** An int64 as a {@link Zxid} or time: clamped to the safe integers. */
  long(): Zxid {
    const high = this.int();
    return zxidFromHalves(high, this.int());
  }

  /** An int64, exact. For the public API and tests; the hot path reads two ints. */
  bigint(): bigint {
    const high = this.int();
    return (BigInt(high) << 32n) | BigInt(this.int() >>> 0);
  }

  /** Length-prefixed bytes, a view and not a copy; -1 is null (`BinaryInputArchive.readBuffer`). */
  buffer(): Uint8Array | null {
    const sizeBytes = this.int();
    if (sizeBytes === -1) return null;
    const at = this.#take(sizeBytes);
    return this.#bytes.subarray(at, at + sizeBytes);
  }

  /**
   * Steps over length-prefixed bytes. @returns their size, -1 for null; they end at {@link offset}.
   */
  skipBuffer(): number {
    const sizeBytes = this.int();
    if (sizeBytes !== -1) this.#take(sizeBytes);
    return sizeBytes;
  }

  /** UTF-8 text; -1 is null. Malformed bytes become U+FFFD, as Java's decoder does. */
  string(): string | null {
    const sizeBytes = this.int();
    if (sizeBytes === -1) return null;
    const at = this.#take(sizeBytes);
    return decodeUtf8(this.#bytes, at, at + sizeBytes);
  }

  /** As {@link string}, where null is not allowed. */
  text(): string {
    const value = this.string();
    if (value === null) throw new ZkError("MarshallingError");
    return value;
  }

  /**
   * The count of a vector; null (-1) for none. Other negative counts read as 0, as in Java. Whoever
   * loops over the items meets the end of the slice long before a huge count costs memory.
   */
  count(): number | null {
    const count = this.int();
    if (count === -1) return null;
    return count < 0 ? 0 : count;
  }

  /** A vector of non-null strings; null for a null vector. */
  strings(): string[] | null {
    const count = this.count();
    if (count === null) return null;
    const items: string[] = [];
    for (let i = 0; i < count; i++) items.push(this.text());
    return items;
  }

  /** Steps over `expected` if that is what comes next. @returns whether it did. */
  takeIfEqual(expected: Uint8Array): boolean {
    const at = this.#offset;
    if (this.#end - at < expected.length) return false;
    for (let i = 0; i < expected.length; i++) {
      if (this.#bytes[at + i] !== expected[i]) return false;
    }
    this.#offset = at + expected.length;
    return true;
  }

  /** Steps over `sizeBytes`. */
  skip(sizeBytes: number): void {
    this.#take(sizeBytes);
  }

  #take(sizeBytes: number): number {
    const at = this.#offset;
    const next = at + sizeBytes;
    if (sizeBytes < 0 || next > this.#end) throw new ZkError("MarshallingError");
    this.#offset = next;
    return at;
  }
}

/**
 * Decodes UTF-8; malformed bytes become U+FFFD. Short ASCII, the common path, avoids the decoder.
 */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT_STRING_BYTES) return DECODER.decode(bytes.subarray(start, end));
  for (let at = start; at < end; at++) {
    if ((bytes[at] as number) >= 0x80) return DECODER.decode(bytes.subarray(start, end));
  }
  let text = "";
  let at = start;
  // Eight at a time: strings made one by one are ropes, which the next look-up must flatten.
  for (; at + 8 <= end; at += 8) {
    text += String.fromCharCode(
      bytes[at] as number,
      bytes[at + 1] as number,
      bytes[at + 2] as number,
      bytes[at + 3] as number,
      bytes[at + 4] as number,
      bytes[at + 5] as number,
      bytes[at + 6] as number,
      bytes[at + 7] as number,
    );
  }
  for (; at < end; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}

/**
 * Writes jute primitives into a buffer that grows. The buffer may be used again through
 * {@link clear}; {@link view} is valid until the next write, {@link copy} for ever.
 */
export class JuteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacityBytes = 256) {
    this.#bytes = new Uint8Array(capacityBytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** The whole buffer; valid until the next write that grows it. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Forgets what was written and keeps the buffer. */
  clear(): void {
    this.#length = 0;
  }

  /** Cuts back to an earlier {@link length}. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** Takes a new buffer of the same size; the old one belongs to whoever holds a view of it. */
  detach(capacityBytes: number = this.#bytes.length): void {
    this.#bytes = new Uint8Array(capacityBytes);
    this.#length = 0;
  }

  view(start = 0): Uint8Array {
    return this.#bytes.subarray(start, this.#length);
  }

  copy(start = 0): Uint8Array {
    return this.#bytes.slice(start, this.#length);
  }

  byte(value: number): void {
    const at = this.reserve(1);
    this.#bytes[at] = value;
  }

  boolean(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  int(value: number): void {
    const at = this.reserve(4);
    putInt(this.#bytes, at, value);
  }

  /** A safe integer as an int64. */
  long(value: Zxid): void {
    const at = this.reserve(8);
    putInt(this.#bytes, at, zxidHigh(value));
    putInt(this.#bytes, at + 4, zxidLow(value));
  }

  bigint(value: bigint): void {
    this.int(Number(BigInt.asIntN(32, value >> 32n)));
    this.int(Number(BigInt.asIntN(32, value)));
  }

  /** Length-prefixed bytes; null is -1. */
  buffer(value: Uint8Array | null): void {
    if (value === null) return this.int(-1);
    this.int(value.length);
    this.raw(value);
  }

  /** Bytes without a length. */
  raw(value: Uint8Array): void {
    const at = this.reserve(value.length);
    putPart(this.#bytes, at, value, 0, value.length);
  }

  /** A part of other bytes without a length; cheaper than a view when it is short. */
  rawPart(source: Uint8Array, start: number, end: number): void {
    const at = this.reserve(end - start);
    putPart(this.#bytes, at, source, start, end);
  }

  /** UTF-8 text; null is -1. */
  string(value: string | null): void {
    if (value === null) return this.int(-1);
    const at = this.reserve(4 + value.length * 3);
    const target = this.#bytes;
    let to = at + 4;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) {
        const rest = target.subarray(at + 4 + i);
        to += ENCODER.encodeInto(value.slice(i), rest).written;
        break;
      }
      target[to++] = unit;
    }
    putInt(target, at, to - at - 4);
    this.#length = to;
  }

  /** A vector of strings; null is -1. */
  strings(values: readonly string[] | null): void {
    if (values === null) return this.int(-1);
    this.int(values.length);
    for (const value of values) this.string(value);
  }

  /** Writes an int at an offset already passed: a length that was not known before. */
  intAt(offset: number, value: number): void {
    putInt(this.#bytes, offset, value);
  }

  /**
   * Makes room and moves on. @returns the offset where `sizeBytes` may be written in {@link bytes}.
   */
  reserve(sizeBytes: number): number {
    const at = this.#length;
    const needed = at + sizeBytes;
    if (needed > this.#bytes.length) this.#grow(needed);
    this.#length = needed;
    return at;
  }

  #grow(neededBytes: number): void {
    const grown = new Uint8Array(Math.max(neededBytes, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Writes a signed int32, big-endian. */
export function putInt(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

/** Reads a signed int32, big-endian; the caller has checked the bounds. */
export function getInt(source: Uint8Array, at: number): number {
  return (
    ((source[at] as number) << 24) |
    ((source[at + 1] as number) << 16) |
    ((source[at + 2] as number) << 8) |
    (source[at + 3] as number)
  );
}

/** Up to here a loop beats the fixed cost of a view and a native copy. */
const SHORT_COPY_BYTES = 104;

/** Copies `source[start..end)` to `target[at..)`. */
export function putPart(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (end - start > SHORT_COPY_BYTES) {
    target.set(source.subarray(start, end), at);
    return;
  }
  let to = at;
  let from = start;
  for (; from + 8 <= end; from += 8, to += 8) {
    target[to] = source[from]!;
    target[to + 1] = source[from + 1]!;
    target[to + 2] = source[from + 2]!;
    target[to + 3] = source[from + 3]!;
    target[to + 4] = source[from + 4]!;
    target[to + 5] = source[from + 5]!;
    target[to + 6] = source[from + 6]!;
    target[to + 7] = source[from + 7]!;
  }
  for (; from < end; from++, to++) target[to] = source[from]!;
}
