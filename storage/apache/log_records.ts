import type { LogBatch } from "../../core/contracts/storage.ts";
import { StorageError } from "../../core/contracts/storage.ts";
import { getInt, JuteWriter, putInt } from "../../core/wire/jute.ts";
import { formatZxid, type Zxid, zxidFromHalves } from "../../core/wire/zxid.ts";
import { ADLER_START, adler32 } from "./adler32.ts";

/** Magic, version and database id (PP 1.1). */
export const LOG_HEADER_BYTES = 16;
const MAGIC = 0x5a4b4c47;
const VERSION = 2;
/** Checksum and length stand before a record, one byte behind it. */
const HEAD_BYTES = 12;
const END_OF_RECORD = 0x42;
/** What a record takes beyond its transaction. */
export const RECORD_EXTRA_BYTES: number = HEAD_BYTES + 1;
const TXN_BYTES_MIN = 32;
/** Longer ones nobody writes: a request is bounded by `jute.maxbuffer`. */
const TXN_BYTES_MAX = 256 << 20;
const ZXID_OFFSET = 12;

/** The header of a log file. */
export function logHeader(): Uint8Array {
  const header = new Uint8Array(LOG_HEADER_BYTES);
  putInt(header, 0, MAGIC);
  putInt(header, 4, VERSION);
  return header;
}

/** @throws {StorageError} `damaged`, or `incompatible` for a version that is not 2. */
export function checkLogHeader(bytes: Uint8Array, name: string): void {
  if (getInt(bytes, 0) !== MAGIC) throw new StorageError("damaged", `${name} is no log`);
  const version = getInt(bytes, 4);
  if (version !== VERSION) {
    throw new StorageError("incompatible", `${name} has version ${version}, not ${VERSION}`);
  }
}

/** Frames a batch as records of a log file. @returns the last transaction that is no error's. */
export function frameBatch(batch: LogBatch, out: JuteWriter): Uint8Array | undefined {
  const { bytes } = batch;
  let lastChange: Uint8Array | undefined;
  for (let at = 0; at < bytes.length; ) {
    const start = at + 4;
    const end = start + getInt(bytes, at);
    out.int(0);
    out.int(adler32(ADLER_START, bytes, start, end));
    out.rawPart(bytes, at, end);
    out.byte(END_OF_RECORD);
    if (getInt(bytes, start + TXN_BYTES_MIN - 4) !== -1) lastChange = bytes.subarray(start, end);
    at = end;
  }
  return lastChange;
}

/** Why {@link takeRecords} stopped. */
export type RecordStop = "more" | "end";

/** Records out of a window of a file, as a batch. */
export interface TakenRecords {
  readonly stop: RecordStop;
  /** Bytes of the window that are whole records, the repeated ones too. */
  readonly usedBytes: number;
  /** Bytes of repeated records before the batch. */
  readonly repeatedBytes: number;
  /** Undefined when there is no whole record. */
  readonly batch: LogBatch | undefined;
}

/**
 * Takes the records that stand whole in `window[0..size)`. `more`: the next one reaches beyond it;
 * `end`: there is none (PP 1.1: a length of 0, or no end mark).
 *
 * Apache's servers may log again what they have logged already (seen after joining under load);
 * that is left out, and a batch ends before it.
 *
 * @param previous the highest zxid before, and the first one in the file if there is one yet.
 * @throws {StorageError} `damaged` for a record that does not match its checksum, an impossible
 * length or a zxid that does not ascend and was not there before.
 */
export function takeRecords(
  window: { readonly bytes: Uint8Array; readonly size: number; readonly name: string },
  previous: { readonly last: Zxid; readonly first: Zxid | undefined },
): TakenRecords {
  const { bytes, size, name } = window;
  const out = new JuteWriter(size);
  let at = 0;
  let count = 0;
  let firstZxid = 0;
  let lastZxid = previous.last;
  let repeatedBytes = 0;
  let stop: RecordStop = "more";
  while (at + HEAD_BYTES <= size) {
    const length = getInt(bytes, at + 8);
    if (length < 0 || length > TXN_BYTES_MAX) {
      throw new StorageError("damaged", `${name} has a record of ${length} bytes`);
    }
    stop = length === 0 ? "end" : "more";
    const end = at + HEAD_BYTES + length;
    if (length === 0 || end >= size) break;
    if (bytes[end] !== END_OF_RECORD) {
      stop = "end";
      break;
    }
    const zxid = checkRecord(bytes, at, length);
    const isRepeated = zxid !== undefined && zxid <= lastZxid;
    if (isRepeated && count > 0) break;
    if (zxid === undefined || (isRepeated && zxid < (previous.first ?? Infinity))) {
      const problem = zxid === undefined ? "does not match its checksum" : "does not ascend";
      throw new StorageError("damaged", `${name}: what follows ${formatZxid(lastZxid)} ${problem}`);
    }
    if (isRepeated) {
      at = end + 1;
      repeatedBytes = at;
      continue;
    }
    out.rawPart(bytes, at + 8, end);
    if (count === 0) firstZxid = zxid;
    lastZxid = zxid;
    count += 1;
    at = end + 1;
  }
  const batch = { firstZxid, lastZxid, count, bytes: out.view() };
  return { stop, usedBytes: at, repeatedBytes, batch: count === 0 ? undefined : batch };
}

/** The zxid of a record whose checksum is right. */
function checkRecord(bytes: Uint8Array, at: number, length: number): Zxid | undefined {
  const start = at + HEAD_BYTES;
  if (length < TXN_BYTES_MIN || getInt(bytes, at) !== 0) return undefined;
  if (adler32(ADLER_START, bytes, start, start + length) >>> 0 !== getInt(bytes, at + 4) >>> 0) {
    return undefined;
  }
  const zxidAt = start + ZXID_OFFSET;
  return zxidFromHalves(getInt(bytes, zxidAt), getInt(bytes, zxidAt + 4));
}

/**
 * Whether what stands where records end is more than a write that was torn: a record whose length
 * or end mark alone is wrong, or whole records behind it. `tail` ends with its last byte that is
 * not 0.
 */
export function isDamagedTail(tail: Uint8Array): boolean {
  if (tail.length <= HEAD_BYTES) return false;
  const sum = getInt(tail, 4) >>> 0;
  const length = getInt(tail, 8);
  const end = HEAD_BYTES + length;
  // A last byte that was flipped from the end mark, or a length in front of a whole record.
  if (sum !== 0 && length > 0 && end < tail.length) {
    if (adler32(ADLER_START, tail, HEAD_BYTES, end) === sum) return true;
  }
  const markAt = tail.length - 1;
  if (tail[markAt] === END_OF_RECORD) {
    if (sum !== 0 && adler32(ADLER_START, tail, HEAD_BYTES, markAt) === sum) return true;
  }
  for (let at = 1; at + HEAD_BYTES + TXN_BYTES_MIN < tail.length; at++) {
    const size = getInt(tail, at + 8);
    const mark = at + HEAD_BYTES + size;
    if (size < TXN_BYTES_MIN || mark >= tail.length || tail[mark] !== END_OF_RECORD) continue;
    if (checkRecord(tail, at, size) !== undefined) return true;
  }
  return false;
}
