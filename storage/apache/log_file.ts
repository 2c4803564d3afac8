import { type FileHandle, open } from "node:fs/promises";
import { type LogBatch, StorageError } from "../../core/contracts/storage.ts";
import { getInt } from "../../core/wire/jute.ts";
import { ZXID_ZERO, type Zxid, zxidFromHalves } from "../../core/wire/zxid.ts";
import {
  checkLogHeader,
  isDamagedTail,
  LOG_HEADER_BYTES,
  RECORD_EXTRA_BYTES,
  takeRecords,
} from "./log_records.ts";

const WINDOW_BYTES = 1 << 20;
/** Distance of two places that are remembered. */
const MARK_BYTES = 4 << 20;

interface Mark {
  /** Zxid of the record before it. */
  readonly after: Zxid;
  readonly offset: number;
}

/** Records that follow one another in a file. */
interface Part {
  /** Undefined when all were there before. */
  readonly batch: LogBatch | undefined;
  readonly sizeBytes: number;
  /** Of `sizeBytes`, those before the batch that were there before. */
  readonly repeatedBytes: number;
}

/** One log file: where its records end, and places in between to begin to read at. */
export class LogFile {
  readonly path: string;
  /** Zxid in its name: the first it holds, or would have held. */
  readonly nameZxid: Zxid;
  /** Both undefined when there are no records, or before {@link scan}. */
  firstZxid: Zxid | undefined;
  lastZxid: Zxid | undefined;
  /** Offset behind the last record that is not repeated. */
  endOffset: number = LOG_HEADER_BYTES;
  isScanned = false;
  readonly #marks: Mark[] = [{ after: ZXID_ZERO - 1, offset: LOG_HEADER_BYTES }];

  constructor(path: string, nameZxid: Zxid) {
    this.path = path;
    this.nameZxid = nameZxid;
  }

  /** Notes records written behind the others. */
  grow(batch: LogBatch, sizeBytes: number): void {
    const before = this.lastZxid ?? ZXID_ZERO - 1;
    if (this.endOffset - this.#marks.at(-1)!.offset >= MARK_BYTES) {
      this.#marks.push({ after: before, offset: this.endOffset });
    }
    this.firstZxid ??= batch.firstZxid;
    this.lastZxid = batch.lastZxid;
    this.endOffset += sizeBytes;
  }

  /**
   * Reads it to its end. Records at the end that are repeated do not count as its own: an Apache
   * server that was killed as it logged again may have left only some of them, and whoever replays
   * these and then what comes later would miss those between.
   *
   * @returns whether there are bytes behind its own records: repeated ones, or of a torn write.
   * @throws {StorageError} `damaged` or `incompatible`.
   */
  async scan(): Promise<boolean> {
    const file = await open(this.path, "r");
    try {
      const { size } = await file.stat();
      let isTorn = size < LOG_HEADER_BYTES;
      if (!isTorn) {
        const header = Buffer.alloc(LOG_HEADER_BYTES);
        await file.read(header, 0, LOG_HEADER_BYTES, 0);
        checkLogHeader(header, this.path);
        let repeatedBytes = 0;
        for await (const { batch, sizeBytes } of this.#parts(file, this.#marks[0]!, size)) {
          if (batch === undefined) this.endOffset += sizeBytes;
          else this.grow(batch, sizeBytes);
          repeatedBytes = batch === undefined ? repeatedBytes + sizeBytes : 0;
        }
        isTorn = (await this.#checkTail(file, size)) || repeatedBytes > 0;
        this.endOffset -= repeatedBytes;
      }
      this.isScanned = true;
      return isTorn;
    } finally {
      await file.close();
    }
  }

  /**
   * The records above `after` and those before them in the same window.
   *
   * @throws {StorageError} `damaged` when it is not as {@link scan} found it.
   */
  async *read(after: Zxid): AsyncGenerator<LogBatch> {
    const file = await open(this.path, "r");
    try {
      const { endOffset } = this;
      const mark = this.#marks.findLast((place) => place.after <= after) ?? this.#marks[0]!;
      let offset = mark.offset;
      for await (const { batch, sizeBytes } of this.#parts(file, mark, endOffset)) {
        offset += sizeBytes;
        if (batch !== undefined && batch.lastZxid > after) yield batch;
      }
      if (offset !== endOffset) {
        throw new StorageError("damaged", `${this.path} ends at ${offset}, not at ${endOffset}`);
      }
    } finally {
      await file.close();
    }
  }

  /** Where the records up to `through` end, and the zxid of the last of them. */
  async locate(through: Zxid): Promise<{ readonly offset: number; readonly zxid: Zxid }> {
    const file = await open(this.path, "r");
    try {
      const mark = this.#marks.findLast((place) => place.after <= through) ?? this.#marks[0]!;
      let { offset, after: zxid } = mark;
      for await (const { batch, repeatedBytes } of this.#parts(file, mark, this.endOffset)) {
        offset += repeatedBytes;
        const bytes = batch?.bytes ?? NOTHING;
        for (let at = 0; at < bytes.length; ) {
          const size = getInt(bytes, at);
          const next = zxidFromHalves(getInt(bytes, at + 16), getInt(bytes, at + 20));
          if (next > through) return { offset, zxid };
          zxid = next;
          offset += size + RECORD_EXTRA_BYTES;
          at += 4 + size;
        }
      }
      return { offset, zxid };
    } finally {
      await file.close();
    }
  }

  /** Drops the records behind `offset`, durably. */
  async cut(offset: number, lastZxid: Zxid): Promise<void> {
    const file = await open(this.path, "r+");
    try {
      await file.truncate(offset);
      await file.sync();
    } finally {
      await file.close();
    }
    this.endOffset = offset;
    this.lastZxid = lastZxid;
    while (this.#marks.length > 1 && this.#marks.at(-1)!.offset >= offset) this.#marks.pop();
  }

  async *#parts(file: FileHandle, from: Mark, end: number): AsyncGenerator<Part> {
    let { offset, after: last } = from;
    let windowBytes = WINDOW_BYTES;
    let bytes = Buffer.allocUnsafe(windowBytes);
    while (offset < end) {
      const wanted = Math.min(windowBytes, end - offset);
      const { bytesRead } = await file.read(bytes, 0, wanted, offset);
      const window = { bytes, size: bytesRead, name: this.path };
      const taken = takeRecords(window, { last, first: this.firstZxid });
      const { batch, usedBytes, repeatedBytes } = taken;
      if (usedBytes > 0) {
        yield { batch, sizeBytes: usedBytes, repeatedBytes };
        last = batch?.lastZxid ?? last;
        offset += usedBytes;
      }
      const isAll = bytesRead < wanted || offset + (bytesRead - usedBytes) >= end;
      if (taken.stop === "end" || (isAll && usedBytes === 0)) return;
      if (usedBytes > 0) continue;
      windowBytes *= 2;
      bytes = Buffer.allocUnsafe(windowBytes);
    }
  }

  /** @returns whether something was torn. @throws {StorageError} `damaged` if it was not. */
  async #checkTail(file: FileHandle, size: number): Promise<boolean> {
    const { endOffset } = this;
    const window = Buffer.alloc(WINDOW_BYTES);
    let usedEnd = endOffset;
    for (let end = size; end > endOffset && usedEnd === endOffset; end -= WINDOW_BYTES) {
      const start = Math.max(endOffset, end - WINDOW_BYTES);
      const bytes = window.subarray(0, end - start);
      await file.read(bytes, 0, bytes.length, start);
      if (ZEROS.subarray(0, bytes.length).equals(bytes)) continue;
      usedEnd = start + bytes.findLastIndex((byte) => byte !== 0) + 1;
    }
    if (usedEnd === endOffset) return false;
    const tail = Buffer.alloc(usedEnd - endOffset);
    await file.read(tail, 0, tail.length, endOffset);
    if (!isDamagedTail(tail)) return true;
    const where = `${this.path} has more behind byte ${endOffset}`;
    throw new StorageError("damaged", `${where}, where a record is not as it was written`);
  }
}

const NOTHING = new Uint8Array(0);
const ZEROS = Buffer.alloc(WINDOW_BYTES);
