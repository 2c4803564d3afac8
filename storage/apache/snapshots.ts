import { join } from "node:path";
import { type Snapshot, type SnapshotSlice, StorageError } from "../../core/contracts/storage.ts";
import { formatZxid, ZXID_ZERO, type Zxid } from "../../core/wire/zxid.ts";
import { type Layout, listFiles, type NamedFile, removeFile, syncFolder } from "./layout.ts";
import { isWholeAtSight, readSnapshotFile } from "./snapshot_reader.ts";
import { type ChooseDigest, publishSnapshot, writeSnapshotFile } from "./snapshot_writer.ts";

/** As many does Apache try before it gives up. */
const CANDIDATES_MAX = 100;

/** The snapshots of a server: the newest sound one, and older ones to fall back on. */
export class Snapshots {
  readonly #layout: Layout;
  readonly #retainCount: number;
  /** Sound ones, oldest first; the last is the checkpoint. */
  #kept: NamedFile[] = [];
  /** Zxid of the newest file that was passed over; the log must reach as far. */
  newestPassedOver: Zxid = ZXID_ZERO;

  constructor(layout: Layout, retainCount: number) {
    this.#layout = layout;
    this.#retainCount = retainCount;
  }

  get isEmpty(): boolean {
    return this.#kept.length === 0;
  }

  /** Zxid of the checkpoint; `ZXID_ZERO` without one. */
  get zxid(): Zxid {
    return this.#kept.at(-1)?.zxid ?? ZXID_ZERO;
  }

  /** Zxid of the oldest snapshot that is kept: the log is needed from here. */
  get oldestZxid(): Zxid {
    return this.#kept[0]?.zxid ?? ZXID_ZERO;
  }

  /**
   * Finds the newest sound snapshot, by reading it.
   *
   * @throws {StorageError} `damaged` when there are snapshots but none is sound.
   */
  async open(): Promise<void> {
    this.#kept = [];
    this.newestPassedOver = ZXID_ZERO;
    const files = await listFiles(this.#layout.snapshotDir, "snapshot");
    let problem: StorageError | undefined;
    for (const file of files.slice(-CANDIDATES_MAX).reverse()) {
      problem = await this.#findDamage(file);
      if (problem === undefined) {
        this.#kept = [];
        for (const older of files.filter(({ zxid }) => zxid <= file.zxid)) {
          if (await isWholeAtSight(this.#pathOf(older))) this.#kept.push(older);
        }
        return;
      }
      this.newestPassedOver = Math.max(this.newestPassedOver, file.zxid);
    }
    if (problem !== undefined) throw problem;
  }

  /** Slices of the checkpoint. */
  async *slices(): AsyncGenerator<SnapshotSlice> {
    const newest = this.#kept.at(-1);
    if (newest !== undefined) yield* readSnapshotFile(this.#pathOf(newest));
  }

  /** Writes a whole tree beside the others. @returns the path of the file. */
  write(whole: Snapshot, checkUsable: () => void, chooseDigest: ChooseDigest): Promise<string> {
    return writeSnapshotFile(this.#layout, whole, { checkUsable, chooseDigest });
  }

  /** Makes a written tree the checkpoint, and removes those that are too many. */
  async publish(path: string, zxid: Zxid): Promise<void> {
    await publishSnapshot(this.#layout, path, zxid);
    await syncFolder(this.#layout.snapshotDir);
    const older = this.#kept.filter((file) => file.zxid !== zxid);
    this.#kept = [...older, { name: `snapshot.${formatZxid(zxid)}`, zxid }];
    await this.#removeAllBut(this.#kept.slice(-this.#retainCount), zxid);
  }

  /** Removes every snapshot but one. */
  async keepOnly(zxid: Zxid): Promise<void> {
    const name = `snapshot.${formatZxid(zxid)}`;
    await this.#removeAllBut([{ name, zxid }], Number.MAX_SAFE_INTEGER);
  }

  async #removeAllBut(kept: readonly NamedFile[], through: Zxid): Promise<void> {
    const names = new Set(kept.map(({ name }) => name));
    const files = await listFiles(this.#layout.snapshotDir, "snapshot");
    for (const file of files.reverse()) {
      if (!names.has(file.name) && file.zxid <= through) await removeFile(this.#pathOf(file));
    }
    this.#kept = [...kept];
    await syncFolder(this.#layout.snapshotDir);
  }

  /** What is wrong with the snapshots, one line each. */
  async damage(): Promise<string[]> {
    const found: string[] = [];
    for (const file of [...this.#kept]) {
      const problem = await this.#findDamage(file);
      if (problem !== undefined) found.push(problem.message);
    }
    return found;
  }

  /**
   * Its digest is not looked at: Apache takes it from beside a tree that changes, and even one of
   * the snapshot's own zxid may be that of a tree with a little more.
   */
  async #findDamage(file: NamedFile): Promise<StorageError | undefined> {
    try {
      const slices = readSnapshotFile(this.#pathOf(file));
      while ((await slices.next()).done !== true);
      return undefined;
    } catch (error) {
      if (error instanceof StorageError && error.kind === "damaged") return error;
      throw error;
    }
  }

  #pathOf({ name }: NamedFile): string {
    return join(this.#layout.snapshotDir, name);
  }
}
