import { demandAbove, partOfBatch } from "../../core/contracts/log_batch.ts";
import {
  closedError,
  type LogBatch,
  type Snapshot,
  type SnapshotSlice,
  type Storage,
  StorageError,
  type StorageState,
  type StorageTraits,
} from "../../core/contracts/storage.ts";
import { formatZxid, ZXID_ZERO, type Zxid } from "../../core/wire/zxid.ts";
import { type Disk, type LogRow, type LogState, mayBeTriedAgain } from "./disk.ts";
import { findRowDamage, logRowCrc, logStateCrc, requireSound } from "./log_check.ts";
import { StoredTree } from "./stored_tree.ts";

const READ_BYTES = 1 << 20;

/**
 * Log, checkpoint and epochs on a {@link Disk}: order, checksums, cutting, trimming and the atomic
 * swap of an installed snapshot. What the disk promises is said there; the rest is here.
 */
export class StorageEngine implements Storage {
  readonly traits: StorageTraits = { durable: true };
  readonly #disk: Disk;
  readonly #tree: StoredTree;
  /** Positions of reads under way: what they need next is not trimmed. */
  readonly #readers = new Set<{ at: Zxid }>();
  /** Settles when nobody writes or reads the stored tree any more. */
  #treeFree: Promise<void> = Promise.resolve();
  #lastZxid = ZXID_ZERO;
  #acceptedEpoch = 0;
  #currentEpoch = 0;
  /** Why nothing works: not open, or what made the log unusable. */
  #failure: StorageError | undefined = closedError();

  constructor(disk: Disk) {
    this.#disk = disk;
    this.#tree = new StoredTree(disk);
  }

  get lastZxid(): Zxid {
    return this.#lastZxid;
  }

  async open(): Promise<StorageState> {
    await this.#disk.open();
    try {
      await this.#recover();
    } catch (error) {
      await this.#disk.close();
      throw error;
    }
    this.#failure = undefined;
    return {
      lastZxid: this.#lastZxid,
      checkpointZxid: this.#tree.zxid,
      acceptedEpoch: this.#acceptedEpoch,
      currentEpoch: this.#currentEpoch,
    };
  }

  async #recover(): Promise<void> {
    const { log } = this.#disk;
    let state = await log.state();
    const newest = await log.newest();
    if (state === undefined) {
      const treeState = await this.#disk.tree.state("live");
      if (treeState !== undefined || newest !== undefined) {
        throw new StorageError("damaged", "log.db has lost its state, or all that it held");
      }
      state = stateOf(0, 0, 0);
      await log.change({ state });
    }
    const isSound = state.crc === logStateCrc(state);
    requireSound(isSound ? undefined : "the epochs in log.db do not match their checksum");
    this.#acceptedEpoch = state.acceptedEpoch;
    this.#currentEpoch = state.currentEpoch;
    // A log in use without a tree beside it: the tree's file is gone, not new.
    const isNew = newest === undefined && state.crc === stateOf(0, 0, 0).crc;
    await this.#tree.open(state.installCount, isNew);
    if (newest !== undefined) requireSound(findRowDamage(newest, undefined));
    this.#lastZxid = Math.max(this.#tree.zxid, newest?.lastZxid ?? ZXID_ZERO);
    const [next] = await log.scan(this.#tree.zxid, 0);
    if (next !== undefined && next.previousZxid > this.#tree.zxid) {
      const gap = `${formatZxid(this.#tree.zxid)} to ${formatZxid(next.previousZxid)}`;
      throw new StorageError("damaged", `neither tree.db nor log.db holds transactions ${gap}`);
    }
  }

  async append(batch: LogBatch): Promise<void> {
    this.#requireUsable();
    const previousZxid = this.#lastZxid;
    const { firstZxid, lastZxid, count, bytes } = batch;
    demandAbove(previousZxid, batch);
    const row: LogRow = { firstZxid, lastZxid, previousZxid, count, bytes, crc: 0 };
    (row as { crc: number }).crc = logRowCrc(row);
    try {
      await this.#disk.log.append(row);
    } catch (error) {
      throw this.#fail(error);
    }
    this.#lastZxid = lastZxid;
  }

  async *read(after: Zxid): AsyncGenerator<LogBatch> {
    const reader = { at: after };
    this.#readers.add(reader);
    try {
      let previous: Zxid | undefined;
      let rows = await this.#scan(after);
      for (let last = rows.at(-1); last !== undefined; last = rows.at(-1)) {
        // The disk reads on while these are looked at; whoever stops here need not hear of it.
        const reading = this.#scan(last.lastZxid);
        reading.catch(() => {});
        for (const row of rows) {
          requireSound(findRowDamage(row, previous));
          previous = row.lastZxid;
          const part = partOfBatch(batchOf(row), reader.at, row.lastZxid);
          if (part !== undefined) yield part;
          reader.at = row.lastZxid;
        }
        rows = await reading;
        // What was appended meanwhile belongs to it.
        if (rows.length === 0) rows = await this.#scan(last.lastZxid);
      }
    } finally {
      this.#readers.delete(reader);
    }
  }

  async #scan(after: Zxid): Promise<LogRow[]> {
    this.#requireUsable();
    return await this.#disk.log.scan(after, READ_BYTES);
  }

  async sizeBetween(after: Zxid, through: Zxid): Promise<number> {
    this.#requireUsable();
    if (through <= after) return 0;
    const { log } = this.#disk;
    let sizeBytes = await log.sizeBetween(after, through);
    // At both ends a row may count in part.
    const [first] = await log.scan(after, 0);
    if (first !== undefined && first.lastZxid <= through) {
      sizeBytes -= first.bytes.length - sizeOfPart(first, after, through);
    }
    const [last] = await log.scan(through, 0);
    return last === undefined ? sizeBytes : sizeBytes + sizeOfPart(last, after, through);
  }

  async truncate(through: Zxid): Promise<boolean> {
    this.#requireUsable();
    // Below the checkpoint the stored tree already contains what would have to go.
    if (through > this.#lastZxid || through < this.#tree.zxid) return false;
    const [row] = await this.#disk.log.scan(through - 1, 0);
    const isWhole = row === undefined || row.lastZxid === through || row.firstZxid > through;
    const part = isWhole ? undefined : partOfBatch(batchOf(row), row.firstZxid - 1, through);
    const isInLog = row?.lastZxid === through || part?.lastZxid === through;
    if (!isInLog && through !== this.#tree.zxid) return false;
    try {
      await this.#disk.log.change({
        cutAbove: through,
        ...(part && { put: rowOf(part, row!.previousZxid) }),
      });
    } catch (error) {
      throw this.#fail(error);
    }
    this.#lastZxid = through;
    return true;
  }

  async setAcceptedEpoch(epoch: number): Promise<void> {
    this.#requireUsable();
    await this.#setState(stateOf(epoch, this.#currentEpoch, this.#tree.installCount));
  }

  async setCurrentEpoch(epoch: number): Promise<void> {
    this.#requireUsable();
    await this.#setState(stateOf(this.#acceptedEpoch, epoch, this.#tree.installCount));
  }

  async #setState(state: LogState, cutAbove?: Zxid): Promise<void> {
    try {
      await this.#disk.log.change({ state, ...(cutAbove !== undefined && { cutAbove }) });
    } catch (error) {
      throw this.#fail(error);
    }
    this.#acceptedEpoch = state.acceptedEpoch;
    this.#currentEpoch = state.currentEpoch;
  }

  async checkpoint(changes: Snapshot): Promise<void> {
    this.#requireUsable();
    const done = await this.#takeTree();
    try {
      await this.#tree.takeChanges(changes);
    } finally {
      done();
    }
    if (this.#lastZxid < changes.zxid) this.#lastZxid = changes.zxid;
  }

  load(): Snapshot {
    this.#requireUsable();
    return { zxid: this.#tree.zxid, slices: this.#slices() };
  }

  async *#slices(): AsyncGenerator<SnapshotSlice> {
    const done = await this.#takeTree();
    try {
      this.#requireUsable();
      yield* this.#tree.slices();
    } finally {
      done();
    }
  }

  /** Waits for its turn: a checkpoint must not change the tree while it is read. */
  async #takeTree(): Promise<() => void> {
    const former = this.#treeFree;
    let done = (): void => {};
    this.#treeFree = new Promise((resolve) => {
      done = resolve;
    });
    await former;
    return done;
  }

  async install(whole: Snapshot, currentEpoch: number): Promise<void> {
    this.#requireUsable();
    const installCount = this.#tree.installCount + 1;
    await this.#stage(whole, installCount);
    // This step decides: before it the old pair is whole, after it open() would finish the swap.
    const lowest = ZXID_ZERO - 1;
    const done = await this.#takeTree();
    try {
      await this.#setState(stateOf(this.#acceptedEpoch, currentEpoch, installCount), lowest);
      await this.#tree.swap();
    } catch (error) {
      throw this.#fail(error);
    } finally {
      done();
    }
    this.#lastZxid = whole.zxid;
  }

  /** What cannot be received whole is taken out again: the next checkpoint needs the disk. */
  async #stage(whole: Snapshot, installCount: number): Promise<void> {
    try {
      await this.#tree.stage(whole, installCount);
    } catch (error) {
      await this.#tree.clearStaged().catch((failure) => {
        // Otherwise it stays until the next start, and does no harm.
        if (!mayBeTriedAgain(failure)) this.#fail(failure);
      });
      throw error;
    }
  }

  async trim(before: Zxid): Promise<Zxid> {
    this.#requireUsable();
    let limit = Math.min(before, this.#tree.zxid);
    for (const reader of this.#readers) limit = Math.min(limit, reader.at);
    while (await this.#disk.log.drop(limit)) this.#requireUsable();
    const [oldest] = await this.#disk.log.scan(ZXID_ZERO - 1, 0);
    return oldest === undefined ? this.#lastZxid : oldest.previousZxid;
  }

  async damage(): Promise<readonly string[]> {
    this.#requireUsable();
    const found = await this.#disk.damage();
    let previous: Zxid | undefined;
    let at = ZXID_ZERO - 1;
    for (;;) {
      const rows = await this.#disk.log.scan(at, READ_BYTES);
      if (rows.length === 0) break;
      for (const row of rows) {
        const problem = findRowDamage(row, previous);
        if (problem !== undefined) found.push(problem);
        previous = at = row.lastZxid;
      }
    }
    found.push(...(await this.#tree.damage()));
    return found;
  }

  async close(): Promise<void> {
    if (this.#failure?.kind === "closed") return;
    this.#failure = closedError();
    await this.#disk.close();
  }

  #requireUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** After a failed change nobody knows what is on disk: only a restart may look. */
  #fail(error: unknown): StorageError {
    const failure =
      error instanceof StorageError
        ? error
        : new StorageError("io", "the log could not be written", { cause: error });
    if (this.#failure === undefined) this.#failure = failure;
    return failure;
  }
}

function batchOf({ firstZxid, lastZxid, count, bytes }: LogRow): LogBatch {
  return { firstZxid, lastZxid, count, bytes };
}

function rowOf(batch: LogBatch, previousZxid: Zxid): LogRow {
  const row = { ...batch, previousZxid };
  return { ...row, crc: logRowCrc(row) };
}

function sizeOfPart(row: LogRow, after: Zxid, through: Zxid): number {
  return partOfBatch(batchOf(row), after, through)?.bytes.length ?? 0;
}

function stateOf(acceptedEpoch: number, currentEpoch: number, installCount: number): LogState {
  const state = { acceptedEpoch, currentEpoch, installCount };
  return { ...state, crc: logStateCrc(state) };
}
