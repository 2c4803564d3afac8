import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { partOfBatch } from "../../core/contracts/log_batch.ts";
import { type LogBatch, StorageError } from "../../core/contracts/storage.ts";
import { readTxn } from "../../core/tree/txn.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { epochOf, formatZxid, ZXID_ZERO, type Zxid } from "../../core/wire/zxid.ts";
import { listFiles, removeFile, syncFolder } from "./layout.ts";
import { LogFile } from "./log_file.ts";
import { frameBatch, LOG_HEADER_BYTES, logHeader } from "./log_records.ts";

/** A file grows when what is written comes this near to its end, as Apache's does. */
const PADDING_BYTES_MIN = 4096;
const SCRATCH_BYTES_MAX = 8 << 20;

/** A tree digest and the transaction after which it holds. */
export interface DigestAt {
  readonly zxid: Zxid;
  readonly high: number;
  readonly low: number;
}

/** The transaction log: files of records, one begun at each start and at each checkpoint. */
export class TxnLog {
  readonly #folder: string;
  readonly #growBytes: number;
  #files: LogFile[] = [];
  /** The file that is written to: the last one, once something is appended to it. */
  #active: { readonly handle: FileHandle; sizeBytes: number } | undefined;
  /** Whether the next append begins a new file. */
  #isFull = false;
  #scratch = new JuteWriter(64 * 1024);
  #lastChange: Uint8Array | undefined;
  readonly #readers = new Set<{ at: Zxid }>();

  constructor(folder: string, growBytes: number) {
    this.#folder = folder;
    this.#growBytes = growBytes;
  }

  get isEmpty(): boolean {
    return this.#files.length === 0;
  }

  /** Zxid of the last record; `ZXID_ZERO` when there is none. */
  get lastZxid(): Zxid {
    return this.#files.at(-1)?.lastZxid ?? ZXID_ZERO;
  }

  /** What the last transaction appended says of the tree after it, when it says anything. */
  get lastDigest(): DigestAt | undefined {
    const txn = this.#lastChange;
    if (txn === undefined) return undefined;
    try {
      const { digest } = readTxn(txn, 0, txn.length);
      return digest && { zxid: this.lastZxid, ...digest };
    } catch {
      return undefined; // Written by a version that knows more kinds than this one.
    }
  }

  /** Looks which files there are; removes those at the end that hold nothing. */
  async list(): Promise<void> {
    const named = await listFiles(this.#folder, "log");
    this.#files = named.map(({ name, zxid }) => new LogFile(join(this.#folder, name), zxid));
    for (let last = this.#files.at(-1); last !== undefined; last = this.#files.at(-1)) {
      await this.#scan(last);
      if (last.lastZxid !== undefined) return;
      await removeFile(last.path);
      this.#files.pop();
    }
  }

  /**
   * Checks what follows a checkpoint, and removes files that only repeat what stands before them:
   * Apache's servers may log again what they have logged already.
   *
   * @throws {StorageError} `damaged` for records that do not match their checksums, and when
   * transactions between the checkpoint and the last one are missing.
   */
  async check(checkpointZxid: Zxid): Promise<void> {
    let previous = checkpointZxid;
    let highest = ZXID_ZERO - 1;
    for (const file of this.#files.slice(this.#indexAt(checkpointZxid))) {
      await this.#ensureScanned(file);
      const { firstZxid, lastZxid } = file;
      if (firstZxid === undefined || lastZxid === undefined) continue;
      if (firstZxid > previous && !follows(previous, firstZxid)) {
        const gap = `${formatZxid(previous)} and ${formatZxid(firstZxid)}`;
        throw new StorageError("damaged", `transactions between ${gap} are missing`);
      }
      if (lastZxid <= highest) {
        await removeFile(file.path);
        this.#files.splice(this.#files.indexOf(file), 1);
      }
      highest = Math.max(highest, lastZxid);
      previous = Math.max(previous, lastZxid);
    }
  }

  /** Appends and syncs. Errors are those of the file system. */
  async append(batch: LogBatch): Promise<void> {
    const scratch = this.#scratch;
    scratch.clear();
    const change = frameBatch(batch, scratch);
    if (this.#isFull) await this.roll();
    const isNew = this.#active === undefined;
    this.#active ??= await this.#begin(batch.firstZxid);
    const active = this.#active;
    const file = this.#files.at(-1)!;
    const end = file.endOffset + scratch.length;
    if (this.#growBytes > 0 && end + PADDING_BYTES_MIN >= active.sizeBytes) {
      active.sizeBytes = Math.max(active.sizeBytes, end) + this.#growBytes;
      await active.handle.truncate(active.sizeBytes);
    }
    await active.handle.write(scratch.bytes, 0, scratch.length, file.endOffset);
    await active.handle.datasync();
    if (isNew) await syncFolder(this.#folder);
    if (change !== undefined) this.#lastChange = change.slice();
    file.grow(batch, scratch.length);
    if (scratch.bytes.length > SCRATCH_BYTES_MAX) this.#scratch = new JuteWriter(64 * 1024);
  }

  /** The next append begins a new file; one that is under way is left alone. */
  rollSoon(): void {
    this.#isFull = true;
  }

  /** Closes the file that is written to. Not while something is appended. */
  async roll(): Promise<void> {
    const active = this.#active;
    this.#active = undefined;
    this.#isFull = false;
    await active?.handle.close();
  }

  /** See `Storage.read`. */
  async *read(after: Zxid): AsyncGenerator<LogBatch> {
    const reader = { at: after };
    this.#readers.add(reader);
    try {
      for (;;) {
        const file = await this.#fileAbove(reader.at);
        if (file === undefined) return;
        for await (const batch of file.read(reader.at)) {
          const part = partOfBatch(batch, reader.at, batch.lastZxid);
          if (part !== undefined) yield part;
          reader.at = batch.lastZxid;
        }
      }
    } finally {
      this.#readers.delete(reader);
    }
  }

  /** Removes every record above `through`, durably. @returns false when it is not in the log. */
  async truncate(through: Zxid, mayBeAbsent: boolean): Promise<boolean> {
    const index = await this.#firstIndexAt(through);
    const file = this.#files[index];
    let cut: Awaited<ReturnType<LogFile["locate"]>> | undefined;
    if (file !== undefined && file.nameZxid <= through) {
      await this.#ensureScanned(file);
      cut = await file.locate(through);
    }
    if (cut?.zxid !== through && !mayBeAbsent) return false;
    await this.roll();
    this.#lastChange = undefined;
    const kept = cut !== undefined && cut.offset > LOG_HEADER_BYTES ? index + 1 : index;
    // From the end: whatever remains after a crash is a log without a hole.
    while (this.#files.length > kept) await removeFile(this.#files.pop()!.path);
    if (cut !== undefined && kept > index) await file!.cut(cut.offset, cut.zxid);
    await syncFolder(this.#folder);
    return true;
  }

  /** Removes everything. */
  async clear(): Promise<void> {
    await this.roll();
    this.#lastChange = undefined;
    while (this.#files.length > 0) await removeFile(this.#files.pop()!.path);
    await syncFolder(this.#folder);
  }

  /**
   * Removes files that hold nothing above `limit`.
   *
   * @returns the lowest zxid that can be read from; undefined when the log is empty.
   */
  async trim(limit: Zxid): Promise<Zxid | undefined> {
    let lowest = limit;
    for (const { at } of this.#readers) lowest = Math.min(lowest, at);
    for (let oldest = this.#files[0]; oldest !== undefined; oldest = this.#files[0]) {
      await this.#ensureScanned(oldest);
      const isWritten = this.#active !== undefined && this.#files.length === 1;
      if ((oldest.lastZxid ?? ZXID_ZERO) > lowest || isWritten) break;
      await removeFile(oldest.path);
      this.#files.shift();
    }
    return this.#floor();
  }

  /** What is wrong with the files, one line each. */
  async damage(): Promise<string[]> {
    const found: string[] = [];
    for (const { path, nameZxid } of [...this.#files]) {
      try {
        await new LogFile(path, nameZxid).scan();
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        found.push(error.message);
      }
    }
    return found;
  }

  async #floor(): Promise<Zxid | undefined> {
    let first: Zxid | undefined;
    for (const file of [...this.#files].reverse()) {
      await this.#ensureScanned(file);
      const { firstZxid, lastZxid } = file;
      if (firstZxid === undefined || lastZxid === undefined) continue;
      // A learner that was given a snapshot has a hole before it.
      if (first !== undefined && !follows(lastZxid, first)) break;
      first = firstZxid;
    }
    return first === undefined ? undefined : first - 1;
  }

  async #begin(firstZxid: Zxid): Promise<{ handle: FileHandle; sizeBytes: number }> {
    const file = new LogFile(join(this.#folder, `log.${formatZxid(firstZxid)}`), firstZxid);
    file.isScanned = true;
    const handle = await open(file.path, "w", 0o600);
    await handle.write(logHeader(), 0, LOG_HEADER_BYTES, 0);
    this.#files.push(file);
    return { handle, sizeBytes: LOG_HEADER_BYTES };
  }

  async #ensureScanned(file: LogFile): Promise<void> {
    if (!file.isScanned) await this.#scan(file);
  }

  async #scan(file: LogFile): Promise<void> {
    const isTorn = await file.scan();
    if (!isTorn || file !== this.#files.at(-1)) return;
    const { lastZxid, endOffset } = file;
    if (lastZxid !== undefined) await file.cut(endOffset, lastZxid);
  }

  /** Index of the file that holds `zxid`, or would. */
  #indexAt(zxid: Zxid): number {
    return Math.max(
      0,
      this.#files.findLastIndex(({ nameZxid }) => nameZxid <= zxid),
    );
  }

  /** As {@link #indexAt}, of the first file where one begins with what the one before ends with. */
  async #firstIndexAt(zxid: Zxid): Promise<number> {
    let index = this.#indexAt(zxid);
    for (; index > 0; index--) {
      const before = this.#files[index - 1]!;
      await this.#ensureScanned(before);
      if ((before.lastZxid ?? ZXID_ZERO) < zxid) break;
    }
    return index;
  }

  /** The first file with a record above `zxid`. */
  async #fileAbove(zxid: Zxid): Promise<LogFile | undefined> {
    for (const file of this.#files.slice(this.#indexAt(zxid))) {
      await this.#ensureScanned(file);
      if (file.lastZxid !== undefined && file.lastZxid > zxid) return file;
    }
    return undefined;
  }
}

function follows(previous: Zxid, next: Zxid): boolean {
  return next === previous + 1 || epochOf(next) > epochOf(previous);
}
