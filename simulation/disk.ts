import { StorageError } from "../core/contracts/storage.ts";
import type { Zxid } from "../core/wire/zxid.ts";
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
} from "../storage/sqlite/disk.ts";
import { kept } from "./kept.ts";
import type { EffectKind, Machine } from "./machine.ts";
import { type Medium, StoredArea } from "./medium.ts";
import type { Random } from "./random.ts";

/** How a disk behaves; a fault changes it while it runs. */
export interface DiskHabits {
  /** Time until a change is durable, ms. */
  syncMs: readonly [min: number, max: number];
  /** Further time that each change takes at the most, ms; 0 for a disk that is well. */
  stallMs: number;
  /** Time that a read takes, ms. */
  readMs: number;
  /** The next change fails so. Whether it reached the medium is chance. */
  failsNext: "io" | "full" | undefined;
}

interface Pending {
  readonly apply: () => void;
  readonly done: () => void;
}

/** One file: its changes become durable one after the other. */
class File {
  readonly #machine: Machine;
  readonly #habits: DiskHabits;
  readonly #random: Random;
  readonly #isClosed: () => boolean;
  #pending: Pending[] = [];

  constructor(
    machine: Machine,
    parts: { habits: DiskHabits; random: Random; isClosed: () => boolean },
  ) {
    this.#machine = machine;
    this.#habits = parts.habits;
    this.#random = parts.random;
    this.#isClosed = parts.isClosed;
  }

  change(kind: EffectKind, apply: () => void): Promise<void> {
    if (this.#isClosed()) return Promise.reject(new StorageError("closed", "the disk is closed"));
    return new Promise((resolve, reject) => {
      if (!this.#machine.effect(kind)) return; // Nobody is left to be told.
      const failure = this.#habits.failsNext;
      this.#habits.failsNext = undefined;
      if (failure === undefined) return this.#push({ apply, done: resolve });
      const isWritten = this.#random.chance(0.5);
      const done = (): void => reject(new StorageError(failure, `the disk says: ${failure}`));
      this.#push({ apply: isWritten ? apply : () => {}, done });
    });
  }

  read<T>(take: () => T): Promise<T> {
    if (this.#isClosed()) return Promise.reject(new StorageError("closed", "the disk is closed"));
    return new Promise((resolve) => {
      this.#machine.later(this.#habits.readMs, () => resolve(take()));
    });
  }

  /** The process died: of what was not synced, nothing or some of the oldest changes are there. */
  died(): number {
    const pending = this.#pending;
    this.#pending = [];
    const count = this.#random.chance(0.3) ? this.#random.below(pending.length + 1) : 0;
    for (const { apply } of pending.slice(0, count)) apply();
    return pending.length - count;
  }

  #push(change: Pending): void {
    this.#pending.push(change);
    if (this.#pending.length === 1) this.#sync();
  }

  #sync(): void {
    const { syncMs, stallMs } = this.#habits;
    const [minMs, maxMs] = syncMs;
    const { scheduler } = this.#machine;
    const { life } = this.#machine;
    // The medium works on while the process is stopped; only its answer waits.
    const stalledMs = stallMs * this.#random.fraction();
    scheduler.after(this.#random.between(minMs, maxMs) + stalledMs, () => {
      if (this.#machine.life !== life) return;
      const first = this.#pending.shift();
      if (first === undefined) return;
      first.apply();
      if (this.#machine.isPaused) this.#machine.soon(first.done);
      else first.done();
      if (this.#pending.length > 0) this.#sync();
    });
  }
}

/** A disk for the real storage engine, on a medium that outlives it. */
export class SimulatedDisk implements Disk {
  readonly log: LogFile;
  readonly tree: TreeFile;
  readonly #medium: Medium;
  #isClosed = false;
  #isMine = false;

  /** @param lost told, when the process dies, how many changes did not reach the medium. */
  constructor(
    machine: Machine,
    medium: Medium,
    parts: { habits: DiskHabits; random: Random; lost: (changes: number) => void },
  ) {
    this.#medium = medium;
    const isClosed = (): boolean => this.#isClosed;
    const files = [0, 1].map(() => new File(machine, { ...parts, isClosed })) as [File, File];
    this.log = new SimulatedLog(medium, files[0]);
    this.tree = new SimulatedTree(medium, files[1]);
    const died = (): void => {
      machine.died.delete(died);
      const lost = files.reduce((sum, file) => sum + file.died(), 0);
      if (this.#isMine) medium.isLocked = false;
      parts.lost(lost);
    };
    machine.died.add(died);
  }

  async open(): Promise<void> {
    if (this.#medium.isLocked) throw new StorageError("locked", "the medium is in use");
    this.#medium.isLocked = true;
    this.#isMine = true;
  }

  async damage(): Promise<string[]> {
    return [];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#isMine) this.#medium.isLocked = false;
    this.#isMine = false;
  }
}

class SimulatedLog implements LogFile {
  readonly #medium: Medium;
  readonly #file: File;

  constructor(medium: Medium, file: File) {
    this.#medium = medium;
    this.#file = file;
  }

  state(): Promise<LogState | undefined> {
    return this.#file.read(() => this.#medium.logState);
  }

  newest(): Promise<LogRow | undefined> {
    return this.#file.read(() => this.#medium.rows.at(-1));
  }

  scan(after: Zxid, bytesMax: number): Promise<LogRow[]> {
    return this.#file.read(() => {
      const { rows } = this.#medium;
      const first = rows.findIndex((row) => row.lastZxid > after);
      if (first < 0) return [];
      let end = first + 1;
      let sizeBytes = rows[first]?.bytes.length ?? 0;
      while (end < rows.length && (sizeBytes += rows[end]?.bytes.length ?? 0) <= bytesMax) end++;
      return rows.slice(first, end);
    });
  }

  sizeBetween(after: Zxid, through: Zxid): Promise<number> {
    return this.#file.read(() =>
      this.#medium.rows
        .filter((row) => row.lastZxid > after && row.lastZxid <= through)
        .reduce((sizeBytes, row) => sizeBytes + row.bytes.length, 0),
    );
  }

  append(row: LogRow): Promise<void> {
    const copy = { ...row, bytes: kept(row.bytes, 0, row.bytes.length) };
    return this.#file.change("log", () => this.#medium.appendRow(copy));
  }

  change(change: LogChange): Promise<void> {
    const { put } = change;
    const copy = put && { ...put, bytes: put.bytes.slice() };
    const kind = change.cutAbove === undefined ? "epoch" : "cut";
    const apply = (): void => this.#medium.changeLog({ ...change, ...(copy && { put: copy }) });
    return this.#file.change(kind, apply);
  }

  async drop(through: Zxid): Promise<boolean> {
    await this.#file.change("tree", () => this.#medium.dropOldest(through));
    const [oldest] = this.#medium.rows;
    return oldest !== undefined && oldest.lastZxid <= through;
  }
}

class SimulatedTree implements TreeFile {
  readonly #medium: Medium;
  readonly #file: File;

  constructor(medium: Medium, file: File) {
    this.#medium = medium;
    this.#file = file;
  }

  state(area: Area): Promise<TreeState | undefined> {
    return this.#file.read(() => this.#medium.areas[area].state);
  }

  parts(area: Area): Promise<PartRow[]> {
    return this.#file.read(() => [...this.#medium.areas[area].parts.values()]);
  }

  scan(area: Area, after: string, countMax: number): Promise<NodePage> {
    return this.#file.read(() => {
      const { nodes } = this.#medium.areas[area];
      // The engine needs some order, the same every time; of UTF-16 this is the cheapest.
      const paths = [...nodes.keys()].filter((path) => path > after);
      const page = paths.sort().slice(0, countMax);
      const found = page.map((path) => nodes.get(path)).filter((node) => node !== undefined);
      return {
        count: page.length,
        records: joined(found.map(({ record }) => record)),
        crcs: joined(found.map(({ crc }) => crc)),
        lastPath: page.at(-1) ?? "",
        keysMatch: true,
      };
    });
  }

  count(area: Area): Promise<number> {
    return this.#file.read(() => this.#medium.areas[area].nodes.size);
  }

  change(area: Area, change: TreeChange): Promise<void> {
    const { nodes } = change;
    const copy = nodes && {
      ...nodes,
      records: nodes.records.slice(),
      crcs: nodes.crcs.slice(),
      pathSizes: nodes.pathSizes.slice(),
      starts: nodes.starts.slice(),
    };
    const apply = (): void =>
      this.#medium.areas[area].change({ ...change, ...(copy && { nodes: copy }) });
    return this.#file.change("tree", apply);
  }

  clearStaged(): Promise<void> {
    return this.#file.change("tree", () => {
      this.#medium.areas.staged = new StoredArea();
    });
  }

  swap(): Promise<void> {
    return this.#file.change("swap", () => this.#medium.swap());
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
