import { readFile, rename } from "node:fs/promises";
import { demandAbove, partOfBatch } from "../../core/contracts/log_batch.ts";
import {
  closedError,
  type LogBatch,
  type Snapshot,
  type Storage,
  StorageError,
  type StorageState,
  type StorageTraits,
} from "../../core/contracts/storage.ts";
import { slicesOf } from "../../core/server/checkpoints.ts";
import { wholeTree } from "../../core/tree/snapshot.ts";
import { Tree } from "../../core/tree/tree.ts";
import { formatZxid, ZXID_ZERO, type Zxid } from "../../core/wire/zxid.ts";
import { type EpochFile, readEpochs, writeEpoch } from "./epochs.ts";
import { asStorageError, Layout, OWN_FILES, removeFile, replaceFile } from "./layout.ts";
import { FolderLock } from "./lock.ts";
import { Snapshots } from "./snapshots.ts";
import { type DigestAt, TxnLog } from "./txn_log.ts";

/** Where the files are, and how they grow. */
export interface ApacheOptions {
  /** Apache's `dataDir`: snapshots and epochs are in its folder `version-2`. Made when missing. */
  readonly dataDir: string;
  /** Apache's `dataLogDir`; left out, the log is beside the snapshots. */
  readonly dataLogDir?: string | undefined;
  /** By how much a log file is made longer ahead of writing, KiB. Default 0: not at all. */
  readonly preAllocKb?: number | undefined;
  /** Snapshots that are kept, with the log that belongs to them: 1 or more. Default 3. */
  readonly snapRetainCount?: number | undefined;
}

/** A {@link Storage} in the files of Apache ZooKeeper 3.4 to 3.9 (PP 1). */
export class ApacheStorage implements Storage {
  readonly traits: StorageTraits = { durable: true, wholeCheckpoints: true, coarseTrim: true };
  readonly #layout: Layout;
  readonly #log: TxnLog;
  readonly #snapshots: Snapshots;
  #locks: FolderLock[] = [];
  #lastZxid = ZXID_ZERO;
  #acceptedEpoch = 0;
  #currentEpoch = 0;
  /** Why nothing works: not open, or what made the log unusable. */
  #failure: StorageError | undefined = closedError();

  /** @throws {RangeError} for an option out of bounds. */
  constructor({ dataDir, dataLogDir, preAllocKb = 0, snapRetainCount = 3 }: ApacheOptions) {
    if (!(preAllocKb >= 0)) throw new RangeError(`preAllocKb is ${preAllocKb}`);
    if (!(snapRetainCount >= 1)) throw new RangeError(`snapRetainCount is ${snapRetainCount}`);
    this.#layout = new Layout(dataDir, dataLogDir);
    this.#log = new TxnLog(this.#layout.logDir, Math.floor(preAllocKb) * 1024);
    this.#snapshots = new Snapshots(this.#layout, Math.floor(snapRetainCount));
  }

  get lastZxid(): Zxid {
    return this.#lastZxid;
  }

  async open(): Promise<StorageState> {
    try {
      await this.#layout.make();
      for (const folder of this.#layout.folders) this.#locks.push(await FolderLock.take(folder));
      await this.#recover();
    } catch (error) {
      await this.#unlock();
      const why = `${this.#layout.dataDir} cannot be opened: ${(error as Error).message}`;
      throw asStorageError(error, why);
    }
    this.#failure = undefined;
    return {
      lastZxid: this.#lastZxid,
      checkpointZxid: this.#snapshots.zxid,
      acceptedEpoch: this.#acceptedEpoch,
      currentEpoch: this.#currentEpoch,
    };
  }

  async #recover(): Promise<void> {
    const { snapshotDir } = this.#layout;
    await this.#layout.check();
    await this.#finishInstall();
    for (const file of ["nodes", "snapshot", "installed"] as const) {
      await removeFile(this.#layout.ownPath(file));
    }
    await this.#snapshots.open();
    await this.#log.list();
    // Whoever began with an empty tree would forget all of it (ZOOKEEPER-2325, 3056).
    if (this.#snapshots.isEmpty && !this.#log.isEmpty) {
      throw new StorageError("damaged", `there is a log, but no snapshot in ${snapshotDir}`);
    }
    await this.#log.check(this.#snapshots.zxid);
    this.#lastZxid = Math.max(this.#snapshots.zxid, this.#log.lastZxid);
    const { newestPassedOver } = this.#snapshots;
    if (this.#lastZxid < newestPassedOver) {
      const missing = formatZxid(newestPassedOver);
      throw new StorageError("damaged", `snapshot.${missing} is damaged, and the log ends before`);
    }
    const { accepted, current } = await readEpochs(snapshotDir, this.#lastZxid);
    this.#acceptedEpoch = accepted;
    this.#currentEpoch = current;
  }

  async append(batch: LogBatch): Promise<void> {
    this.#requireUsable();
    demandAbove(this.#lastZxid, batch);
    await this.#change(async () => {
      // Apache refuses a log without a snapshot: it takes the snapshot for lost (ZOOKEEPER-3781).
      if (this.#snapshots.isEmpty) await this.#writeEmpty();
      await this.#log.append(batch);
    });
    this.#lastZxid = batch.lastZxid;
  }

  async #writeEmpty(): Promise<void> {
    const source = wholeTree(new Tree({ hashSeed: 0, extendedTypes: false }));
    await this.checkpoint({ zxid: source.zxid, slices: slicesOf(source) });
  }

  async *read(after: Zxid): AsyncGenerator<LogBatch> {
    this.#requireUsable();
    for await (const batch of this.#log.read(after)) {
      this.#requireUsable();
      yield batch;
    }
  }

  async sizeBetween(after: Zxid, through: Zxid): Promise<number> {
    this.#requireUsable();
    let sizeBytes = 0;
    if (through <= after) return 0;
    for await (const batch of this.#log.read(after)) {
      sizeBytes += partOfBatch(batch, after, through)?.bytes.length ?? 0;
      if (batch.lastZxid >= through) break;
    }
    return sizeBytes;
  }

  async truncate(through: Zxid): Promise<boolean> {
    this.#requireUsable();
    const checkpointZxid = this.#snapshots.zxid;
    if (through > this.#lastZxid || through < checkpointZxid) return false;
    const isDone = await this.#change(() =>
      this.#log.truncate(through, through === checkpointZxid),
    );
    if (isDone) this.#lastZxid = through;
    return isDone;
  }

  async setAcceptedEpoch(epoch: number): Promise<void> {
    await this.#writeEpoch("acceptedEpoch", epoch);
    this.#acceptedEpoch = epoch;
  }

  async setCurrentEpoch(epoch: number): Promise<void> {
    await this.#writeEpoch("currentEpoch", epoch);
    this.#currentEpoch = epoch;
  }

  async #writeEpoch(name: EpochFile, epoch: number): Promise<void> {
    this.#requireUsable();
    await this.#change(() => writeEpoch(this.#layout.snapshotDir, name, epoch));
  }

  async checkpoint(whole: Snapshot): Promise<void> {
    this.#requireUsable();
    const checkUsable = (): void => this.#requireUsable();
    this.#log.rollSoon();
    // What was appended meanwhile may be in the tree: then the digest is that after all of it.
    const choose = (digest: DigestAt): DigestAt | undefined =>
      this.#lastZxid <= whole.zxid ? digest : this.#log.lastDigest;
    await named("the snapshot could not be written", async () => {
      const path = await this.#snapshots.write(whole, checkUsable, choose);
      await this.#snapshots.publish(path, whole.zxid);
    });
    if (this.#lastZxid < whole.zxid) this.#lastZxid = whole.zxid;
  }

  load(): Snapshot {
    this.#requireUsable();
    return { zxid: this.#snapshots.zxid, slices: this.#snapshots.slices() };
  }

  async install(whole: Snapshot, currentEpoch: number): Promise<void> {
    this.#requireUsable();
    // A tree on its way from a leader is no tree at one zxid: it has no digest.
    const checkUsable = (): void => this.#requireUsable();
    const path = await named("the snapshot could not be written", () =>
      this.#snapshots.write(whole, checkUsable, () => undefined),
    );
    await this.#change(async () => {
      await rename(path, this.#layout.ownPath("installed"));
      const { snapshotDir } = this.#layout;
      // This step decides: before it all is as it was, after it open() would do the rest.
      await replaceFile(snapshotDir, OWN_FILES.install, `${whole.zxid} ${currentEpoch}`);
      await this.#finishInstall();
    });
    this.#lastZxid = whole.zxid;
    this.#currentEpoch = currentEpoch;
  }

  /** At no step between does Apache find less than it had, or a log that leads elsewhere. */
  async #finishInstall(): Promise<void> {
    const { snapshotDir } = this.#layout;
    const marker = this.#layout.ownPath("install");
    const text = await readFile(marker, "utf8").catch(() => "");
    if (text === "") return;
    const [zxid, epoch] = text.split(" ").map(Number) as [Zxid, number];
    await writeEpoch(snapshotDir, "currentEpoch", epoch);
    const installed = this.#layout.ownPath("installed");
    await rename(installed, this.#layout.snapshotPath(zxid)).catch((error) => {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    });
    await this.#log.list();
    await this.#log.clear();
    await this.#snapshots.keepOnly(zxid);
    await removeFile(marker);
  }

  async trim(before: Zxid): Promise<Zxid> {
    this.#requireUsable();
    const limit = Math.min(before, this.#snapshots.oldestZxid);
    const lowest = await named("the log could not be trimmed", () => this.#log.trim(limit));
    return lowest ?? this.#lastZxid;
  }

  async damage(): Promise<readonly string[]> {
    this.#requireUsable();
    return [...(await this.#log.damage()), ...(await this.#snapshots.damage())];
  }

  async close(): Promise<void> {
    if (this.#failure?.kind === "closed") return;
    this.#failure = closedError();
    await this.#log.roll();
    await this.#unlock();
  }

  async #unlock(): Promise<void> {
    for (const lock of this.#locks.splice(0)) await lock.release();
  }

  /** After a failed change nobody knows what is on disk: only a restart may look. */
  async #change<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      const failure = asStorageError(error, "the log could not be written");
      this.#failure ??= failure;
      throw failure;
    }
  }

  #requireUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** What the file system refuses becomes the storage's error; others stay what they are. */
async function named<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const isSystems = (error as NodeJS.ErrnoException).code !== undefined;
    throw isSystems ? asStorageError(error, what) : error;
  }
}
