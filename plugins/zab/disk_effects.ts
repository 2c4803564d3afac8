import type { Clock } from "../../core/contracts/clock.ts";
import type { Replica } from "../../core/contracts/consensus.ts";
import type { Logger } from "../../core/contracts/logger.ts";
import type { Metrics } from "../../core/contracts/metrics.ts";
import type { Storage } from "../../core/contracts/storage.ts";
import { unreachable } from "../../core/errors/invariant.ts";
import { Checkpoints, slicesOf } from "../../core/server/checkpoints.ts";
import { FsyncTime } from "../../core/server/fsync_time.ts";
import { RareWarning } from "../../core/server/rare_warning.ts";
import type { Zxid } from "../../core/wire/zxid.ts";
import type { Effect } from "./core/effect.ts";
import type { Input, LinkId } from "./core/input.ts";
import { DiskQueue } from "./disk_queue.ts";
import type { QuorumLink } from "./net/quorum_link.ts";
import { isReadableFrom, makeEmpty, rebuild } from "./stored_log.ts";

/** Bytes to be appended from which the backlog is long, until half of them are on disk. */
const BACKLOG_BYTES_MAX = 32 * 1024 * 1024;

/** What the core asks of the disk, and of the tree when that takes time. */
export type DiskEffect = Extract<
  Effect,
  {
    readonly kind:
      | "append"
      | "store-epoch"
      | "truncate"
      | "receive-snapshot"
      | "install"
      | "reload"
      | "examine-log";
  }
>;

/** What is needed to do it. */
export interface DiskEffectParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly snapCount: number;
  /** Time to append to the log above which a warning is due, ms; 0 is never. */
  readonly fsyncWarningMs: number;
  readonly input: (input: Input) => void;
  /** More waits for the disk than should, or no longer. */
  readonly backlog: (isLong: boolean) => void;
  readonly failed: (error: unknown) => void;
  readonly link: (id: LinkId) => QuorumLink | undefined;
}

/** Does what the core asks of the disk, one after the other, and answers each with an input. */
export class DiskEffects {
  /** Written beside all that, in its own time. */
  readonly checkpoints: Checkpoints;
  readonly #parts: DiskEffectParts;
  readonly #queue: DiskQueue;
  readonly #warning: RareWarning;
  #isBacklogLong = false;

  constructor(parts: DiskEffectParts) {
    const { storage, clock, logger, metrics, snapCount, failed } = parts;
    this.#parts = parts;
    this.#warning = new RareWarning(logger, clock);
    const fsyncTime = new FsyncTime({ clock, logger, metrics }, parts.fsyncWarningMs);
    const durable = (zxid: Zxid): void => {
      parts.input({ kind: "durable", zxid });
      this.#lookAtBacklog();
    };
    this.#queue = new DiskQueue({ storage, clock, fsyncTime }, { durable, failed });
    this.checkpoints = new Checkpoints(
      { storage, clock, logger, metrics, failed },
      { snapCount, keepsFormer: true },
    );
  }

  /** Puts it into the queue; it begins after this call. */
  perform(effect: DiskEffect, replica: Replica): void {
    if (effect.kind !== "append") return this.#queue.run(() => this.#run(effect, replica));
    this.#queue.append(effect.batch);
    this.#lookAtBacklog();
  }

  #lookAtBacklog(): void {
    const isLong = this.#queue.waitingBytes > BACKLOG_BYTES_MAX / (this.#isBacklogLong ? 2 : 1);
    if (isLong === this.#isBacklogLong) return;
    this.#isBacklogLong = isLong;
    if (isLong) this.#warning.say("much waits for the disk, and others wait for it", {});
    this.#parts.backlog(isLong);
  }

  /** Begins nothing more; resolves when what is under way is over. */
  async stop(): Promise<void> {
    await Promise.all([this.#queue.stop(), this.checkpoints.idle()]);
  }

  async #run(effect: Exclude<DiskEffect, { kind: "append" }>, replica: Replica): Promise<void> {
    const { storage, input } = this.#parts;
    // A checkpoint may be written while something is appended, but not while the log is cut.
    if (effect.kind !== "store-epoch" && effect.kind !== "examine-log") {
      await this.checkpoints.idle();
    }
    switch (effect.kind) {
      case "store-epoch": {
        const { which, epoch } = effect;
        if (which === "accepted") await storage.setAcceptedEpoch(epoch);
        else await storage.setCurrentEpoch(epoch);
        return input({ kind: "epoch-stored", which, epoch });
      }
      case "truncate": {
        const ok = await storage.truncate(effect.through);
        if (ok && effect.reload) await rebuild(storage, replica);
        return input({ kind: "truncated", ok });
      }
      case "receive-snapshot":
        return await this.#receiveSnapshot(effect.link, effect.zxid, replica);
      case "install":
        await this.#install(effect.epoch, replica);
        return input({ kind: "installed", members: replica.shownMembers });
      case "reload":
        await rebuild(storage, replica);
        return input({ kind: "reloaded" });
      case "examine-log": {
        const { link, after, through } = effect;
        const ok = await isReadableFrom(storage, after);
        const logBytes = ok ? await storage.sizeBetween(after, through) : 0;
        const { snapshotBytes } = replica;
        return input({ kind: "log-examined", link, ok, logBytes, snapshotBytes });
      }
      default:
        return unreachable(effect);
    }
  }

  async #receiveSnapshot(id: LinkId, zxid: Zxid, replica: Replica): Promise<void> {
    const link = this.#parts.link(id);
    if (link === undefined) {
      await makeEmpty(replica);
      return this.#parts.input({ kind: "snapshot-received", ok: false });
    }
    let ok = true;
    try {
      await replica.replace({ zxid, slices: link.receiveSnapshot() });
    } catch (error) {
      ok = false;
      this.#parts.logger.warn("snapshot not received", { link: id, error });
    }
    this.#parts.input({ kind: "snapshot-received", ok });
    if (ok) link.resume();
  }

  /** The tree is at rest meanwhile: the core delivers nothing before the answer. */
  async #install(epoch: number, replica: Replica): Promise<void> {
    const { storage, clock } = this.#parts;
    replica.changes(false).close(); // All of it is written now.
    const source = replica.changes(true);
    const pause = (): Promise<void> => new Promise((resolve) => clock.defer(resolve));
    await storage.install({ zxid: source.zxid, slices: slicesOf(source, pause) }, epoch);
  }
}
