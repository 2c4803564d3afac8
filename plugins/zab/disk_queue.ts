import type { Clock } from "../../core/contracts/clock.ts";
import type { LogBatch, Storage } from "../../core/contracts/storage.ts";
import type { FsyncTime } from "../../core/server/fsync_time.ts";
import type { Zxid } from "../../core/wire/zxid.ts";

/** Bytes at which batches that wait are no longer put together. */
const APPEND_BYTES_MAX = 4 * 1024 * 1024;

/** What a queue of the disk tells its user. */
export interface DiskUser {
  /** Everything up to here survives a crash. */
  durable(zxid: Zxid): void;
  /** The disk has failed: nothing more is done. */
  failed(error: unknown): void;
}

/**
 * What is asked of the disk, done one after the other in the order asked. Batches that wait while
 * the disk is busy are appended together: one fsync serves all of them.
 */
export class DiskQueue {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #user: DiskUser;
  readonly #fsyncTime: FsyncTime;
  #queue: (LogBatch | (() => Promise<void>))[] = [];
  /** Bytes of batches that are not on disk yet. */
  waitingBytes = 0;
  #working: Promise<void> | undefined;
  #isStopped = false;

  constructor(
    parts: { readonly storage: Storage; readonly clock: Clock; readonly fsyncTime: FsyncTime },
    user: DiskUser,
  ) {
    this.#storage = parts.storage;
    this.#clock = parts.clock;
    this.#fsyncTime = parts.fsyncTime;
    this.#user = user;
  }

  append(batch: LogBatch): void {
    this.#queue.push(batch);
    this.waitingBytes += batch.bytes.length;
    this.#wake();
  }

  /** Runs a task in its place; what it throws ends the queue. */
  run(task: () => Promise<void>): void {
    this.#queue.push(task);
    this.#wake();
  }

  /** Begins nothing more; resolves when what is under way is over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#queue = [];
    await this.#working;
  }

  #wake(): void {
    this.#working ??= this.#work()
      .catch((error) => {
        this.#isStopped = true;
        this.#queue = [];
        this.#user.failed(error);
      })
      .finally(() => {
        this.#working = undefined;
        if (this.#queue.length > 0 && !this.#isStopped) this.#wake();
      });
  }

  async #work(): Promise<void> {
    await undefined; // Never within the step that asks.
    while (this.#queue.length > 0 && !this.#isStopped) {
      const head = this.#queue[0];
      if (typeof head !== "function") {
        await this.#appendAll();
        continue;
      }
      this.#queue.shift();
      await head();
    }
  }

  async #appendAll(): Promise<void> {
    const batches: LogBatch[] = [];
    let sizeBytes = 0;
    for (const item of this.#queue) {
      if (typeof item === "function" || sizeBytes >= APPEND_BYTES_MAX) break;
      batches.push(item);
      sizeBytes += item.bytes.length;
    }
    this.#queue.splice(0, batches.length);
    const batch = joined(batches, sizeBytes);
    const began = this.#clock.now();
    await this.#storage.append(batch);
    this.#fsyncTime.observe(this.#clock.now() - began);
    this.waitingBytes -= sizeBytes;
    if (!this.#isStopped) this.#user.durable(batch.lastZxid);
  }
}

function joined(batches: readonly LogBatch[], sizeBytes: number): LogBatch {
  const [first] = batches as readonly [LogBatch, ...LogBatch[]];
  if (batches.length === 1) return first;
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  let count = 0;
  for (const batch of batches) {
    bytes.set(batch.bytes, at);
    at += batch.bytes.length;
    count += batch.count;
  }
  const { lastZxid } = batches.at(-1) as LogBatch;
  return { firstZxid: first.firstZxid, lastZxid, count, bytes };
}
