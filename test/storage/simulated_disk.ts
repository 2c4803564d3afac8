import { StorageError } from "../../core/contracts/storage.ts";
import type { Zxid } from "../../core/wire/zxid.ts";
import { type Medium, StoredArea } from "../../simulation/medium.ts";
import type {
  Area,
  Disk,
  LogChange,
  LogFile,
  LogRow,
  LogState,
  NodePage,
  PartRow,
  TreeChange,
  TreeFile,
  TreeState,
} from "../../storage/sqlite/disk.ts";

/**
 * A disk in memory. A change reaches the medium in a later turn, as a sync would. At the change
 * with the number `crash.at` the power fails: that change is on the medium or not, and neither it
 * nor anything later is ever answered.
 */
export class SimulatedDisk implements Disk {
  readonly log: LogFile;
  readonly tree: TreeFile;
  readonly #medium: Medium;
  readonly #onCrash: () => void;
  readonly #crashAt: number;
  readonly #isWritten: boolean;
  #changes = 0;
  #isDead = false;
  #isClosed = false;

  constructor(
    medium: Medium,
    crash: { at: number; isWritten: boolean; onCrash: () => void } | undefined,
  ) {
    this.#medium = medium;
    this.#crashAt = crash?.at ?? Number.POSITIVE_INFINITY;
    this.#isWritten = crash?.isWritten ?? false;
    this.#onCrash = crash?.onCrash ?? (() => {});
    const change = (apply: () => void): Promise<void> => this.#change(apply);
    this.log = new SimulatedLog(medium, change);
    this.tree = new SimulatedTree(medium, change);
  }

  async open(): Promise<void> {
    if (this.#medium.isLocked) throw new StorageError("locked", "the medium is in use");
    this.#medium.isLocked = true;
  }

  async damage(): Promise<string[]> {
    return [];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (!this.#isDead) this.#medium.isLocked = false;
  }

  /** As if the power failed now: what was acknowledged stays. */
  kill(): void {
    this.#isDead = true;
    this.#medium.isLocked = false;
  }

  #change(apply: () => void): Promise<void> {
    if (this.#isClosed) return Promise.reject(new StorageError("closed", "the disk is closed"));
    this.#changes += 1;
    const isLast = this.#changes === this.#crashAt;
    return new Promise((resolve) => {
      setImmediate(() => {
        if (this.#isDead) return;
        if (!isLast || this.#isWritten) apply();
        if (!isLast) return resolve();
        this.kill();
        this.#onCrash();
      });
    });
  }
}

type Change = (apply: () => void) => Promise<void>;

class SimulatedLog implements LogFile {
  readonly #medium: Medium;
  readonly #change: Change;

  constructor(medium: Medium, change: Change) {
    this.#medium = medium;
    this.#change = change;
  }

  async state(): Promise<LogState | undefined> {
    return this.#medium.logState;
  }

  async newest(): Promise<LogRow | undefined> {
    return this.#medium.rows.at(-1);
  }

  async scan(after: Zxid, bytesMax: number): Promise<LogRow[]> {
    let sizeBytes = 0;
    return this.#medium.rows
      .filter((row) => row.lastZxid > after)
      .filter((row, index) => (sizeBytes += row.bytes.length) <= bytesMax || index === 0);
  }

  async sizeBetween(after: Zxid, through: Zxid): Promise<number> {
    return this.#medium.rows
      .filter((row) => row.lastZxid > after && row.lastZxid <= through)
      .reduce((sizeBytes, row) => sizeBytes + row.bytes.length, 0);
  }

  append(row: LogRow): Promise<void> {
    const copy = { ...row, bytes: row.bytes.slice() };
    return this.#change(() => this.#medium.appendRow(copy));
  }

  change(change: LogChange): Promise<void> {
    return this.#change(() => this.#medium.changeLog(change));
  }

  async drop(through: Zxid): Promise<boolean> {
    const [oldest] = this.#medium.rows;
    if (oldest === undefined || oldest.lastZxid > through) return false;
    await this.#change(() => this.#medium.dropOldest(through));
    return true;
  }
}

class SimulatedTree implements TreeFile {
  readonly #medium: Medium;
  readonly #change: Change;

  constructor(medium: Medium, change: Change) {
    this.#medium = medium;
    this.#change = change;
  }

  async state(area: Area): Promise<TreeState | undefined> {
    return this.#medium.areas[area].state;
  }

  async parts(area: Area): Promise<PartRow[]> {
    return [...this.#medium.areas[area].parts.values()];
  }

  async scan(area: Area, after: string, countMax: number): Promise<NodePage> {
    const { nodes } = this.#medium.areas[area];
    const byBytes = (a: string, b: string): number =>
      Buffer.compare(Buffer.from(a), Buffer.from(b));
    const paths = [...nodes.keys()].sort(byBytes).filter((path) => byBytes(path, after) > 0);
    const page = paths.slice(0, countMax);
    return {
      count: page.length,
      records: Buffer.concat(page.map((path) => nodes.get(path)!.record)),
      crcs: Buffer.concat(page.map((path) => nodes.get(path)!.crc)),
      lastPath: page.at(-1) ?? "",
      keysMatch: true,
    };
  }

  async count(area: Area): Promise<number> {
    return this.#medium.areas[area].nodes.size;
  }

  change(area: Area, change: TreeChange): Promise<void> {
    return this.#change(() => this.#medium.areas[area].change(change));
  }

  clearStaged(): Promise<void> {
    return this.#change(() => {
      this.#medium.areas.staged = new StoredArea();
    });
  }

  swap(): Promise<void> {
    return this.#change(() => this.#medium.swap());
  }
}
