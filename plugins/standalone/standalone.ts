import type { Cancel, Clock } from "../../core/contracts/clock.ts";
import type {
  Consensus,
  ConsensusStatus,
  Preparer,
  Replica,
  WriteRequest,
} from "../../core/contracts/consensus.ts";
import { forEachTxn } from "../../core/contracts/log_batch.ts";
import type { Logger } from "../../core/contracts/logger.ts";
import type { Metrics } from "../../core/contracts/metrics.ts";
import type { SessionTracker, SessionTracking } from "../../core/contracts/sessions.ts";
import {
  type LogBatch,
  type Snapshot,
  type Storage,
  StorageError,
} from "../../core/contracts/storage.ts";
import { invariant } from "../../core/errors/invariant.ts";
import { Checkpoints } from "../../core/server/checkpoints.ts";
import { FsyncTime } from "../../core/server/fsync_time.ts";
import { getInt, JuteWriter } from "../../core/wire/jute.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import type { SessionId } from "../../core/wire/session_id.ts";
import { epochOf, type Zxid } from "../../core/wire/zxid.ts";

/**
 * Bounds of a batch, bytes. It is closed, and the next begun, at what the disk takes in about the
 * time of a sync. Smaller ones would be more syncs; with larger ones disk and processor would wait
 * for each other.
 */
const BATCH_BYTES_MIN = 64 * 1024;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
/** What a disk is taken to write in a millisecond. */
const BATCH_BYTES_PER_MS = 256 * 1024;
/** Room for a transaction, too, that fills a batch. */
const BATCH_BYTES_FRESH = BATCH_BYTES_MIN + 16 * 1024;
/** Buffers kept for batches to come. */
const SPARE_BUFFERS_MAX = 4;
/** Longest time that stopping waits for the disk, ms. */
const STOP_MS_MAX = 10_000;

/** A batch that waits for the disk, and the buffer that its bytes are in. */
interface FullBatch {
  readonly batch: LogBatch;
  readonly buffer: JuteWriter;
}

/** Settings of consensus for one server. */
export interface StandaloneOptions {
  /** Basic unit of time, ms. Default 3000. */
  readonly tickTimeMs?: number | undefined;
  /** Transactions between two checkpoints. Default 500000. */
  readonly snapCount?: number | undefined;
  /** Time to append to the log above which a warning is due, ms; 0 is never. Default 1000. */
  readonly fsyncWarningMs?: number | undefined;
}

/**
 * Consensus of one: a write is committed once the own log has it. While one batch is on its way to
 * disk the next one gathers, so that one fsync serves all that came meanwhile.
 */
export class StandaloneConsensus implements Consensus {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #tracking: SessionTracking;
  readonly #logger: Logger;
  readonly #tickMs: number;
  readonly #fsyncTime: FsyncTime;
  readonly #checkpoints: Checkpoints;
  #batch = new JuteWriter(BATCH_BYTES_FRESH);
  /** Buffers of batches that were delivered, to be used again. */
  readonly #spare: JuteWriter[] = [];
  readonly #syncs: { readonly after: Zxid; readonly done: () => void }[] = [];
  #batchFirst: Zxid = 0;
  #batchCount = 0;
  readonly #full: FullBatch[] = [];
  #batchTimeMs = 0;
  #batchBytesMax = BATCH_BYTES_MIN;
  /** Time of the quickest among the last appends, ms: others may have waited for the processor. */
  #appendMs = 0;
  /** Of the transaction being prepared. */
  readonly #stamp = { zxid: 0, timeMs: 0 };
  #replica: Replica | undefined;
  #preparer: Preparer | undefined;
  #tracker: SessionTracker | undefined;
  #ticking: Cancel | undefined;
  #lastZxid: Zxid = 0;
  #scheduled = false;
  #isWriting = false;
  #writing: Promise<void> | undefined;
  #restoring: Promise<void> | undefined;
  /** Stopped, or failed: nobody is served any more. */
  #isOver = false;
  #acceptedEpoch = 0;
  #status: ConsensusStatus = { role: "standalone", serving: "none", serverId: 1, epoch: 0 };

  constructor(
    deps: {
      readonly storage: Storage;
      readonly clock: Clock;
      readonly tracking: SessionTracking;
      readonly logger: Logger;
      readonly metrics: Metrics;
    },
    options: StandaloneOptions,
  ) {
    this.#storage = deps.storage;
    this.#clock = deps.clock;
    this.#tracking = deps.tracking;
    this.#logger = deps.logger.child("standalone");
    this.#tickMs = options.tickTimeMs ?? 3000;
    const { clock, metrics } = deps;
    const parts = { clock, metrics, logger: this.#logger };
    this.#fsyncTime = new FsyncTime(parts, options.fsyncWarningMs ?? 1000);
    this.#checkpoints = new Checkpoints(
      { ...deps, logger: this.#logger, failed: (error) => this.#fail(error) },
      { snapCount: options.snapCount ?? 500_000, keepsFormer: false },
    );
  }

  get status(): ConsensusStatus {
    return this.#status;
  }

  get tracker(): SessionTracker | undefined {
    return this.#tracker;
  }

  get membership(): string {
    return "";
  }

  get ensemble(): undefined {
    return undefined;
  }

  async start(replica: Replica): Promise<void> {
    this.#replica = replica;
    const state = await this.#storage.open();
    this.#acceptedEpoch = state.acceptedEpoch;
    await this.#recover(replica);
    this.#begin(replica);
    this.#ticking = this.#clock.every(this.#tickMs, () => this.#expire());
    this.#serve("read-write");
    // Done beside the first requests, so that the next start need not replay the same again.
    if (this.#lastZxid > state.checkpointZxid) this.#checkpoints.begin(replica);
  }

  /** Makes the tree what is stored. */
  async #recover(replica: Replica): Promise<void> {
    const stored = this.#storage.load();
    await replica.replace(stored);
    for await (const batch of this.#storage.read(stored.zxid)) {
      forEachTxn(batch, (bytes, start, end) => replica.deliver(bytes, start, end));
    }
  }

  #begin(replica: Replica): void {
    this.#lastZxid = replica.lastApplied;
    this.#preparer = replica.lead();
    const tracker = this.#tracking.create(this.#tickMs);
    const now = this.#clock.now();
    for (const { id, timeoutMs } of replica.sessions) tracker.add(id, timeoutMs, now);
    this.#tracker = tracker;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    this.#ticking?.();
    this.#serve("none");
    const done = (async () => {
      await this.#restoring?.catch(() => {}); // Whoever asked for it hears of that.
      await this.#writing;
      await this.#checkpoints.idle();
    })();
    let cancel: Cancel | undefined;
    await Promise.race([
      done,
      new Promise<void>((resolve) => (cancel = this.#clock.after(STOP_MS_MAX, resolve))),
    ]);
    cancel?.();
    this.#replica?.unlead();
  }

  async restore(whole: Snapshot): Promise<void> {
    const replica = this.#replica;
    if (replica === undefined || this.#status.serving === "none") throw notServing();
    this.#serve("none");
    this.#restoring = this.#replaceAll(replica, whole);
    await this.#restoring;
  }

  async #replaceAll(replica: Replica, whole: Snapshot): Promise<void> {
    await this.#writing;
    await this.#checkpoints.idle();
    if (this.#isOver) throw notServing();
    // What was not on its way to disk yet is nobody's any more: its clients are gone.
    this.#batch.clear();
    this.#batchCount = 0;
    this.#syncs.length = 0;
    let isReplaced = false;
    try {
      const epoch = epochOf(whole.zxid);
      // A current epoch that was never accepted would be taken for damage.
      if (epoch > this.#acceptedEpoch) await this.#storage.setAcceptedEpoch(epoch);
      this.#acceptedEpoch = Math.max(this.#acceptedEpoch, epoch);
      await this.#storage.install(whole, epoch);
      isReplaced = true;
    } finally {
      if (!this.#isOver) await this.#resume(replica, isReplaced);
    }
  }

  async #resume(replica: Replica, isReplaced: boolean): Promise<void> {
    try {
      // Streams need not end when the tree stays the same. load() fails if the disk did.
      if (isReplaced) await this.#recover(replica);
      else this.#storage.load();
      this.#begin(replica);
    } catch (error) {
      if (!this.#isOver) this.#fail(error);
      throw error;
    }
    if (!this.#isOver) this.#serve("read-write");
  }

  submit(request: WriteRequest): void {
    const preparer = this.#preparer;
    if (preparer === undefined || this.#status.serving === "none") return;
    const zxid = this.#lastZxid + 1;
    // One look at the clock for a batch: what is written together has the same time.
    if (this.#batchCount === 0) this.#batchTimeMs = this.#clock.wallTime();
    const stamp = this.#stamp;
    stamp.zxid = zxid;
    stamp.timeMs = this.#batchTimeMs;
    const at = this.#batch.reserve(4);
    try {
      preparer.prepare(request, stamp, this.#batch);
    } catch (error) {
      this.#batch.truncate(at); // A bug of ours; half a transaction must not reach the log.
      throw error;
    }
    this.#batch.intAt(at, this.#batch.length - at - 4);
    this.#lastZxid = zxid;
    if (this.#batchCount === 0) this.#batchFirst = zxid;
    this.#batchCount += 1;
    if (request.opcode === OPCODES.createSession) this.#trackNew(request);
    else if (request.opcode === OPCODES.closeSession) this.#tracker?.close(request.session);
    if (this.#batch.length >= this.#batchBytesMax) this.#closeBatch();
    this.#schedule();
  }

  sync(_session: SessionId, done: () => void): void {
    this.#syncs.push({ after: this.#lastZxid, done });
    this.#schedule();
  }

  touch(session: SessionId, timeoutMs: number): void {
    this.#tracker?.touch(session, timeoutMs, this.#clock.now());
  }

  revalidate(session: SessionId, timeoutMs: number, done: (alive: boolean) => void): void {
    done(this.#tracker?.touch(session, timeoutMs, this.#clock.now()) ?? false);
  }

  #trackNew(request: WriteRequest): void {
    const timeoutMs = getInt(request.bytes, request.bodyStart);
    this.#tracker?.add(request.session, timeoutMs, this.#clock.now());
  }

  #serve(serving: ConsensusStatus["serving"]): void {
    this.#status = { ...this.#status, serving };
    this.#replica?.statusChanged(this.#status);
  }

  #expire(): void {
    for (const id of this.#tracker?.expire(this.#clock.now()) ?? []) {
      this.#logger.info("session expired", { session: id.toString() });
      this.submit({
        session: id,
        cxid: 0,
        opcode: OPCODES.closeSession,
        bytes: NOTHING,
        bodyStart: 0,
        bodyEnd: 0,
        ids: [],
      });
    }
  }

  #schedule(): void {
    if (this.#isWriting || this.#status.serving === "none") return;
    if (this.#full.length > 0) return this.#beginWriting();
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.defer(() => {
      this.#scheduled = false;
      // Stopped meanwhile: the storage may be closed already.
      if (!this.#isWriting && this.#status.serving !== "none") this.#beginWriting();
    });
  }

  #beginWriting(): void {
    // Before anything else: whoever is answered may submit more at once.
    this.#isWriting = true;
    this.#writing = this.#write()
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#isWriting = false;
        this.#writing = undefined;
        if (this.#hasWork()) this.#schedule();
      });
  }

  #appended(tookMs: number): void {
    this.#appendMs = Math.min(tookMs, this.#appendMs * 1.5 + 0.1);
    const bytes = this.#appendMs * BATCH_BYTES_PER_MS;
    this.#batchBytesMax = Math.min(Math.max(bytes, BATCH_BYTES_MIN), BATCH_BYTES_MAX);
  }

  #hasWork(): boolean {
    if (this.#status.serving === "none") return false;
    return this.#batchCount > 0 || this.#full.length > 0 || this.#syncs.length > 0;
  }

  /** Writes batch after batch until nothing is left; one is delivered while the next is written. */
  async #write(): Promise<void> {
    let under = this.#appendNext();
    while (under !== undefined) {
      await under.done;
      const { batch, buffer } = under.full;
      const tookMs = this.#clock.now() - under.beganMs;
      this.#fsyncTime.observe(tookMs);
      this.#appended(tookMs);
      under = this.#appendNext();
      this.#deliver(batch);
      buffer.clear();
      if (this.#spare.length < SPARE_BUFFERS_MAX) this.#spare.push(buffer);
    }
    this.#releaseSyncs();
    this.#replica?.flush();
  }

  /** Starts to write what has gathered; undefined when nothing has. */
  #appendNext(): { full: FullBatch; beganMs: number; done: Promise<void> } | undefined {
    if (this.#full.length === 0 && this.#batchCount > 0) this.#closeBatch();
    const full = this.#full.shift();
    if (full === undefined) return undefined;
    const beganMs = this.#clock.now();
    const done = this.#storage.append(full.batch);
    done.catch(() => {}); // Whoever waits for it hears of it, once the batch before is delivered.
    return { full, beganMs, done };
  }

  #closeBatch(): void {
    const buffer = this.#batch;
    const batch: LogBatch = {
      firstZxid: this.#batchFirst,
      lastZxid: this.#lastZxid,
      count: this.#batchCount,
      bytes: buffer.view(),
    };
    this.#full.push({ batch, buffer });
    this.#batch = this.#spare.pop() ?? new JuteWriter(BATCH_BYTES_FRESH);
    this.#batchCount = 0;
  }

  #deliver(batch: LogBatch): void {
    const replica = this.#replica;
    invariant(replica !== undefined, "a batch is written before start");
    forEachTxn(batch, (bytes, start, end) => {
      this.#releaseSyncs(); // A sync is answered before the writes that were submitted after it.
      replica.deliver(bytes, start, end);
    });
    this.#releaseSyncs();
    replica.flush();
    this.#checkpoints.count(batch.count);
    this.#checkpoints.beginIfDue(replica);
  }

  #releaseSyncs(): void {
    const applied = this.#replica?.lastApplied ?? 0;
    while (this.#syncs.length > 0 && (this.#syncs[0]?.after ?? 0) <= applied) {
      this.#syncs.shift()?.done();
    }
  }

  #fail(error: unknown): void {
    this.#isOver = true;
    this.#serve("none");
    this.#replica?.failed(error);
  }
}

const NOTHING = new Uint8Array(0);

function notServing(): StorageError {
  return new StorageError("closed", "this server serves nobody at the moment");
}
