import type { Zxid } from "../core/wire/zxid.ts";
import type {
  Area,
  LogChange,
  LogRow,
  LogState,
  PartRow,
  TreeChange,
  TreeState,
} from "../storage/sqlite/disk.ts";
import type { Random } from "./random.ts";

const TEXT = new TextDecoder();

/** A znode as it is stored. */
export interface StoredNode {
  readonly record: Uint8Array;
  readonly crc: Uint8Array;
}

/** One of the two trees of a medium. */
export class StoredArea {
  state: TreeState | undefined;
  readonly parts: Map<number, PartRow> = new Map();
  readonly nodes: Map<string, StoredNode> = new Map();

  /** Takes the bytes over. */
  change({ parts = [], deleted = [], nodes, state }: TreeChange): void {
    for (const part of parts) this.parts.set(part.id, part);
    for (const path of deleted) this.nodes.delete(path);
    if (nodes !== undefined) {
      for (const [index, pathSize] of nodes.pathSizes.entries()) {
        const record = nodes.records.subarray(nodes.starts[index], nodes.starts[index + 1]);
        const path = TEXT.decode(record.subarray(4, 4 + pathSize)) || "/";
        this.nodes.set(path, { record, crc: nodes.crcs.subarray(index * 4, index * 4 + 4) });
      }
    }
    if (state !== undefined) this.state = state;
  }
}

/** What is on the platter of one machine: it outlives its processes. */
export class Medium {
  /** Ascending. */
  rows: LogRow[] = [];
  logState: LogState | undefined;
  areas: Record<Area, StoredArea> = { live: new StoredArea(), staged: new StoredArea() };
  /** The members in its configuration, where they have changed since the first start. */
  membership: string | undefined;
  isLocked = false;

  /** The end of what is here, be it in the log or in the tree. */
  get lastZxid(): Zxid {
    return Math.max(this.rows.at(-1)?.lastZxid ?? 0, this.areas.live.state?.zxid ?? 0);
  }

  appendRow(row: LogRow): void {
    this.rows.push(row);
  }

  changeLog({ cutAbove, put, state }: LogChange): void {
    if (cutAbove !== undefined) this.rows = this.rows.filter((row) => row.lastZxid <= cutAbove);
    if (put !== undefined) {
      this.rows = this.rows.filter((row) => row.lastZxid !== put.lastZxid);
      this.rows.push(put);
      this.rows.sort((a, b) => a.lastZxid - b.lastZxid);
    }
    if (state !== undefined) this.logState = state;
  }

  /** Drops the oldest row up to `through`. */
  dropOldest(through: Zxid): void {
    const [oldest] = this.rows;
    if (oldest !== undefined && oldest.lastZxid <= through) this.rows.shift();
  }

  swap(): void {
    this.areas = { live: this.areas.staged, staged: new StoredArea() };
  }

  /**
   * Turns over one bit of a transaction in the log.
   *
   * @returns how to make it good again, or undefined when there is nothing to damage.
   */
  flipBit(random: Random): (() => void) | undefined {
    if (this.rows.length === 0) return undefined;
    const index = random.below(this.rows.length);
    const sound = this.rows[index] as LogRow;
    const bytes = sound.bytes.slice();
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    const damaged = { ...sound, bytes };
    this.rows[index] = damaged;
    return () => {
      const place = this.rows.indexOf(damaged);
      if (place >= 0) this.rows[place] = sound;
    };
  }
}
