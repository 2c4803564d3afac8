import type { Clock } from "../contracts/clock.ts";
import type { Replica, SliceSource } from "../contracts/consensus.ts";
import type { Logger } from "../contracts/logger.ts";
import type { Metrics, Summary } from "../contracts/metrics.ts";
import type { SnapshotSlice, Storage } from "../contracts/storage.ts";
import type { Zxid } from "../wire/zxid.ts";

/** What checkpoints need. */
export interface CheckpointParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told when one could not be written; no further one begins then. */
  readonly failed: (error: unknown) => void;
}

/** Settings of checkpoints. */
export interface CheckpointOptions {
  /** Transactions between two checkpoints. */
  readonly snapCount: number;
  /** Whether the log back to the former one stays, for learners that lag. */
  readonly keepsFormer: boolean;
}

/**
 * Brings the stored tree up to date once in a while. The tree holds what is committed and no more,
 * and one begins only when the own log has all of that: so a checkpoint never holds what may still
 * be cut (D12).
 */
export class Checkpoints {
  readonly #parts: CheckpointParts;
  readonly #options: CheckpointOptions;
  readonly #time: Summary;
  #since = 0;
  #formerZxid: Zxid = 0;
  /** The one under way, or that failed. */
  #running: Promise<void> | undefined;
  /** Whether somebody waits for the end. */
  #isAwaited = false;
  /** Ends the rest under way, when there is one. */
  #resume: () => void = () => {};

  constructor(parts: CheckpointParts, options: CheckpointOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#time = parts.metrics.summary("snapshottime", "Time to write a checkpoint, ms");
  }

  /** So many transactions were applied. */
  count(txns: number): void {
    this.#since += txns;
  }

  /** Begins one if it is time for it. The tree must hold only what is committed. */
  beginIfDue(replica: Replica): void {
    const { storage } = this.#parts;
    if (this.#since < this.#options.snapCount || this.#running !== undefined) return;
    if (storage.lastZxid < replica.lastApplied) return;
    this.begin(replica);
  }

  /**
   * Begins one although it is not time for it. None may be under way, the tree must hold only what
   * is committed, and the own log all of that.
   */
  begin(replica: Replica): void {
    this.#since = 0;
    this.#isAwaited = false;
    this.#running = this.#write(replica).then(
      () => {
        this.#running = undefined;
      },
      (error) => this.#parts.failed(error),
    );
  }

  /** Resolves when none is under way: what cuts or replaces the log has to wait for that. */
  async idle(): Promise<void> {
    this.#isAwaited = true;
    this.#resume();
    await this.#running;
  }

  async #write(replica: Replica): Promise<void> {
    const { storage, clock, logger } = this.#parts;
    const began = clock.now();
    // What has changed is asked for in any case, so that it is not gathered for ever.
    const changed = replica.changes(false);
    const isWhole = storage.traits.wholeCheckpoints === true;
    const source = isWhole ? replica.changes(true) : changed;
    const { zxid } = source;
    await storage.checkpoint({ zxid, slices: slicesOf(source, this.#makePause()) });
    await storage.trim(this.#options.keepsFormer ? this.#formerZxid : zxid);
    this.#formerZxid = zxid;
    const tookMs = clock.now() - began;
    this.#time.observe(tookMs);
    logger.info("checkpoint written", { zxid, tookMs: Math.round(tookMs) });
  }

  /**
   * Clients have their turn between two slices, also where storing takes no time; where it takes
   * some, they have a core for a part of that, unless somebody waits for the end.
   */
  #makePause(): () => Promise<void> {
    const { clock } = this.#parts;
    let resumedMs = clock.now();
    return async () => {
      const restMs = Math.min((clock.now() - resumedMs) * REST_SHARE, REST_MS_MAX);
      const rests = restMs >= REST_MS_MIN && !this.#isAwaited;
      let cancel = (): void => {};
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
        if (rests) cancel = clock.after(restMs, resolve);
        else clock.defer(resolve);
      });
      cancel();
      resumedMs = clock.now();
    };
  }
}

/**
 * Of the time that a slice took to store. Measured with 2 cores and creates at full speed: without
 * a rest, the thread that stores had one core, and the server with all its clients the other.
 */
const REST_SHARE = 0.5;
const REST_MS_MAX = 50;
/** What timers can do. */
const REST_MS_MIN = 1;

/** The slices of a source; its nodes may change meanwhile, and are then newer than its zxid. */
export async function* slicesOf(
  source: SliceSource,
  pause?: () => Promise<void>,
): AsyncGenerator<SnapshotSlice> {
  for (let slice = source.next(); slice !== undefined; slice = source.next()) {
    yield slice;
    await pause?.();
  }
}
