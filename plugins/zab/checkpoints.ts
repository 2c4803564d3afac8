import type { Clock } from "../../core/contracts/clock.ts";
import type { Replica } from "../../core/contracts/consensus.ts";
import type { Logger } from "../../core/contracts/logger.ts";
import type { Summary } from "../../core/contracts/metrics.ts";
import type { Storage } from "../../core/contracts/storage.ts";
import type { Zxid } from "../../core/wire/zxid.ts";
import { slicesOf } from "./batches.ts";

/** What checkpoints need. */
export interface CheckpointParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly snapshotTime: Summary;
  /** Transactions between two checkpoints. */
  readonly snapCount: number;
  readonly failed: (error: unknown) => void;
}

/**
 * Brings the stored tree up to date once in a while. The tree holds what is committed and no more,
 * and one begins only when the own log has all of that: so a checkpoint never holds what may still
 * be cut (D12).
 */
export class Checkpoints {
  readonly #parts: CheckpointParts;
  #since = 0;
  #formerZxid: Zxid = 0;
  #running: Promise<void> | undefined;

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
  }

  /** So many transactions were applied. */
  count(txns: number): void {
    this.#since += txns;
  }

  /** Begins one if it is time for it. The tree must hold only what is committed. */
  beginIfDue(replica: Replica): void {
    const { storage, snapCount } = this.#parts;
    if (this.#since < snapCount || this.#running !== undefined) return;
    if (storage.lastZxid < replica.lastApplied) return;
    this.#since = 0;
    this.#running = this.#write(replica)
      .catch((error) => this.#parts.failed(error))
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when none is under way: what cuts or replaces the log has to wait for that. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #write(replica: Replica): Promise<void> {
    const { storage, clock, logger, snapshotTime } = this.#parts;
    const began = clock.now();
    // What has changed is asked for in any case, so that it is not gathered for ever.
    const changed = replica.changes(false);
    const isWhole = storage.traits.wholeCheckpoints === true;
    const source = isWhole ? replica.changes(true) : changed;
    const { zxid } = source;
    const pause = (): Promise<void> => new Promise((resolve) => clock.defer(resolve));
    await storage.checkpoint({ zxid, slices: slicesOf(source, pause) });
    // What lies between this one and the former is kept for learners that lag.
    await storage.trim(this.#formerZxid);
    this.#formerZxid = zxid;
    const tookMs = clock.now() - began;
    snapshotTime.observe(tookMs);
    logger.info("checkpoint written", { zxid, tookMs: Math.round(tookMs) });
  }
}
