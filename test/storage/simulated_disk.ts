import { StorageError } from "../../core/contracts/storage.ts";
import type { Zxid } from "../../core/wire/zxid.ts";
import type {
  Area,
  Disk,
  LogChange,
  LogFile,
  LogRow,
  LogState,
  NodePage,
  NodeRows,
  PartRow,
  TreeChange,
  TreeFile,
  TreeState,
} from "../../storage/sqlite/disk.ts";

interface StoredNode {
  record: Uint8Array;
  crc: Uint8Array;
}

interface StoredTree {
  state: TreeState | undefined;
  readonly parts: Map<number, PartRow>;
  readonly nodes: Map<string, StoredNode>;
}

/** What is on the platter: outlives the disks that are opened on it. */
export class SimulatedMedium {
  readonly batches: Map<Zxid, LogRow> = new Map();
  logState: LogState | undefined;
  trees: Record<Area, StoredTree> = { live: emptyTree(), staged: emptyTree() };
  isLocked = false;
}

/**
 * A disk in memory. A change reaches the medium in a later turn, as a sync would. At the change
 * with the number `crash.at` the power fails: that change is on the medium or not, and neither it
 * nor anything later is ever answered.
 */
export class SimulatedDisk implements Disk {
  readonly log: LogFile;
  readonly tree: TreeFile;
  readonly #medium: SimulatedMedium;
  readonly #onCrash: () => void;
  readonly #crashAt: number;
  readonly #isWritten: boolean;
  #changes = 0;
  #isDead = false;
  #isClosed = false;

  constructor(
    medium: SimulatedMedium,
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
  readonly #medium: SimulatedMedium;
  readonly #change: Change;

  constructor(medium: SimulatedMedium, change: Change) {
    this.#medium = medium;
    this.#change = change;
  }

  async state(): Promise<LogState | undefined> {
    return this.#medium.logState;
  }

  async newest(): Promise<LogRow | undefined> {
    return this.#rows().at(-1);
  }

  async scan(after: Zxid, bytesMax: number): Promise<LogRow[]> {
    let sizeBytes = 0;
    return this.#rows()
      .filter((row) => row.lastZxid > after)
      .filter((row, index) => (sizeBytes += row.bytes.length) <= bytesMax || index === 0);
  }

  async sizeBetween(after: Zxid, through: Zxid): Promise<number> {
    return this.#rows()
      .filter((row) => row.lastZxid > after && row.lastZxid <= through)
      .reduce((sizeBytes, row) => sizeBytes + row.bytes.length, 0);
  }

  append(row: LogRow): Promise<void> {
    const copy = { ...row, bytes: row.bytes.slice() };
    return this.#change(() => this.#medium.batches.set(row.lastZxid, copy));
  }

  change({ cutAbove, put, state }: LogChange): Promise<void> {
    const { batches } = this.#medium;
    return this.#change(() => {
      for (const key of [...batches.keys()]) {
        if (cutAbove !== undefined && key > cutAbove) batches.delete(key);
      }
      if (put !== undefined) batches.set(put.lastZxid, put);
      if (state !== undefined) this.#medium.logState = state;
    });
  }

  async drop(through: Zxid): Promise<boolean> {
    const [oldest] = this.#rows();
    if (oldest === undefined || oldest.lastZxid > through) return false;
    await this.#change(() => this.#medium.batches.delete(oldest.lastZxid));
    return true;
  }

  #rows(): LogRow[] {
    return [...this.#medium.batches.values()].sort((a, b) => a.lastZxid - b.lastZxid);
  }
}

class SimulatedTree implements TreeFile {
  readonly #medium: SimulatedMedium;
  readonly #change: Change;

  constructor(medium: SimulatedMedium, change: Change) {
    this.#medium = medium;
    this.#change = change;
  }

  async state(area: Area): Promise<TreeState | undefined> {
    return this.#medium.trees[area].state;
  }

  async parts(area: Area): Promise<PartRow[]> {
    return [...this.#medium.trees[area].parts.values()];
  }

  async scan(area: Area, after: string, countMax: number): Promise<NodePage> {
    const { nodes } = this.#medium.trees[area];
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
    return this.#medium.trees[area].nodes.size;
  }

  change(area: Area, { parts = [], deleted = [], nodes, state }: TreeChange): Promise<void> {
    return this.#change(() => {
      const tree = this.#medium.trees[area];
      for (const part of parts) tree.parts.set(part.id, part);
      for (const path of deleted) tree.nodes.delete(path);
      if (nodes !== undefined) putNodes(tree.nodes, nodes);
      if (state !== undefined) tree.state = state;
    });
  }

  clearStaged(): Promise<void> {
    return this.#change(() => {
      this.#medium.trees.staged = emptyTree();
    });
  }

  swap(): Promise<void> {
    return this.#change(() => {
      this.#medium.trees = { live: this.#medium.trees.staged, staged: emptyTree() };
    });
  }
}

function emptyTree(): StoredTree {
  return { state: undefined, parts: new Map(), nodes: new Map() };
}

function putNodes(target: Map<string, StoredNode>, rows: NodeRows): void {
  for (const [index, pathSize] of rows.pathSizes.entries()) {
    const record = rows.records.slice(rows.starts[index]!, rows.starts[index + 1]!);
    const path = new TextDecoder().decode(record.subarray(4, 4 + pathSize)) || "/";
    target.set(path, { record, crc: rows.crcs.slice(index * 4, index * 4 + 4) });
  }
}
