import { partOfBatch } from "../../../core/contracts/log_batch.ts";
import type { LogBatch } from "../../../core/contracts/storage.ts";
import { invariant } from "../../../core/errors/invariant.ts";
import { getInt } from "../../../core/wire/jute.ts";
import { counterOf, epochOf, type Zxid } from "../../../core/wire/zxid.ts";

/** Length and the part of a TxnHeader that stand before the zxid of a transaction. */
const ZXID_OFFSET = 16;
/** Bytes of applied transactions that are kept although more than enough of them are. */
const KEPT_BYTES_MAX = 64 * 1024 * 1024;
/** Runs forgotten in front before the array is cut. */
const HOLES_MAX = 1024;

/**
 * The end of the own log, in memory. Every transaction that is appended, in whatever phase, comes
 * by here (ZOOKEEPER-4925), so it is what learners that lag are served from, and where transactions
 * wait that are logged and not yet applied. Those are never forgotten.
 */
export class LogTail {
  readonly #countMin: number;
  // Runs: each of one epoch and without a gap.
  #runs: LogBatch[] = [];
  #head = 0;
  #count = 0;
  #bytes = 0;
  #floor: Zxid = 0;
  #last: Zxid = 0;
  #applied: Zxid = 0;

  /** @param countMin applied transactions that are kept at least. */
  constructor(countMin: number) {
    this.#countMin = countMin;
  }

  /** Everything above this, to {@link last}, is here. */
  get floor(): Zxid {
    return this.#floor;
  }

  /** Last zxid of the log, whether durable yet or not. */
  get last(): Zxid {
    return this.#last;
  }

  /** Last zxid that the tree has applied. */
  get applied(): Zxid {
    return this.#applied;
  }

  /** Transactions here. */
  get count(): number {
    return this.#count;
  }

  /** Starts over: the log ends at `zxid`, the tree holds all of it, and nothing of it is here. */
  reset(zxid: Zxid): void {
    this.#runs = [];
    this.#head = 0;
    this.#count = 0;
    this.#bytes = 0;
    this.#floor = zxid;
    this.#last = zxid;
    this.#applied = zxid;
  }

  /** Adds what is appended; above {@link last}. */
  add(batch: LogBatch): void {
    invariant(batch.firstZxid > this.#last, `${batch.firstZxid} does not follow ${this.#last}`);
    for (const run of runsOf(batch)) {
      this.#runs.push(run);
      this.#count += run.count;
      this.#bytes += run.bytes.length;
    }
    this.#last = batch.lastZxid;
  }

  /** The tree has applied everything up to here. */
  markApplied(zxid: Zxid): void {
    invariant(zxid >= this.#applied && zxid <= this.#last, `applied ${zxid} of ${this.#last}`);
    this.#applied = zxid;
    this.#forget();
  }

  /** Forgets what is above `through`, which is {@link last} from now on. */
  cut(through: Zxid): void {
    this.#last = through;
    this.#applied = Math.min(this.#applied, through);
    if (through < this.#floor) return this.reset(through);
    while (this.#runs.length > this.#head) {
      const run = this.#runs.pop() as LogBatch;
      this.#count -= run.count;
      this.#bytes -= run.bytes.length;
      const rest = run.lastZxid <= through ? run : partOfBatch(run, 0, through);
      if (rest === undefined) continue;
      this.#runs.push(rest);
      this.#count += rest.count;
      this.#bytes += rest.bytes.length;
      return;
    }
  }

  /** Transactions above `after`, at {@link floor} or above, up to `through`, as runs in order. */
  between(after: Zxid, through: Zxid): LogBatch[] {
    invariant(after >= this.#floor, `${after} is below the tail, which begins at ${this.#floor}`);
    const found: LogBatch[] = [];
    for (let at = this.#indexAbove(after); at < this.#runs.length; at++) {
      const run = this.#runs[at] as LogBatch;
      if (run.firstZxid > through) break;
      const part = partOfBatch(run, after, through);
      if (part !== undefined) found.push(part);
    }
    return found;
  }

  /** Highest zxid of the log that is not above `zxid`, itself {@link floor} or above. */
  lastUpTo(zxid: Zxid): Zxid {
    const at = this.#indexAbove(zxid);
    const run = this.#runs[at];
    if (run !== undefined && run.firstZxid <= zxid) return zxid;
    return at > this.#head ? (this.#runs[at - 1] as LogBatch).lastZxid : this.#floor;
  }

  /** First run that has something above `zxid`. */
  #indexAbove(zxid: Zxid): number {
    let low = this.#head;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle] as LogBatch).lastZxid > zxid) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #forget(): void {
    for (;;) {
      const run = this.#runs[this.#head];
      if (run === undefined || run.lastZxid > this.#applied) break;
      const isSpare = this.#count - run.count >= this.#countMin;
      if (!isSpare || (this.#bytes < KEPT_BYTES_MAX && this.#count < 2 * this.#countMin)) break;
      this.#head += 1;
      this.#count -= run.count;
      this.#bytes -= run.bytes.length;
      this.#floor = run.lastZxid;
    }
    if (this.#head < HOLES_MAX) return;
    this.#runs = this.#runs.slice(this.#head);
    this.#head = 0;
  }
}

/** Cuts a batch where an epoch ends; the batch itself when it is of one. */
export function runsOf(batch: LogBatch): LogBatch[] {
  const isOne = epochOf(batch.firstZxid) === epochOf(batch.lastZxid);
  if (isOne && batch.lastZxid - batch.firstZxid + 1 === batch.count) return [batch];
  const runs: LogBatch[] = [];
  let from: Zxid = batch.firstZxid - 1;
  let last = from;
  for (const zxid of zxidsOf(batch)) {
    if (zxid !== last + 1 || counterOf(zxid) === 0) {
      const run = partOfBatch(batch, from, last);
      if (run !== undefined) runs.push(run);
      from = zxid - 1;
    }
    last = zxid;
  }
  const run = partOfBatch(batch, from, last);
  if (run !== undefined) runs.push(run);
  return runs;
}

/** The zxid of each transaction. */
export function* zxidsOf({ bytes }: LogBatch): IterableIterator<Zxid> {
  for (let at = 0; at < bytes.length; at += 4 + getInt(bytes, at)) {
    yield getInt(bytes, at + ZXID_OFFSET) * 2 ** 32 + (getInt(bytes, at + ZXID_OFFSET + 4) >>> 0);
  }
}
