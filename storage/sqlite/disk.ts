import { StorageError } from "../../core/contracts/storage.ts";
import type { Zxid } from "../../core/wire/zxid.ts";

/**
 * What the storage engine needs of a disk: two files of checksummed rows. Each change is atomic,
 * and durable once its promise resolves. SQLite implements it, and so does a simulated disk.
 */
export interface Disk {
  readonly log: LogFile;
  readonly tree: TreeFile;
  /**
   * Locks the place, checks what the medium can check, makes what is missing.
   *
   * @throws {StorageError} `locked`, `damaged`, `incompatible` or `io`.
   */
  open(): Promise<void>;
  /** What the medium itself finds wrong, one line each. */
  damage(): Promise<string[]>;
  close(): Promise<void>;
}

/**
 * Whether a change that failed leaves the file as it was: it found it `locked`, or the disk `full`
 * before its end. After any other failure nobody knows what of it is on the disk.
 */
export function mayBeTriedAgain(error: unknown): boolean {
  return error instanceof StorageError && (error.kind === "locked" || error.kind === "full");
}

/** One group commit. */
export interface LogRow {
  readonly firstZxid: Zxid;
  /** Its key. */
  readonly lastZxid: Zxid;
  /** Key of the row before it, or the zxid of the tree that the log continues. */
  readonly previousZxid: Zxid;
  readonly count: number;
  readonly bytes: Uint8Array;
  /** CRC-32 over all of the above; see `log_check.ts`. */
  readonly crc: number;
}

/** Small things that change with the log. */
export interface LogState {
  readonly acceptedEpoch: number;
  readonly currentEpoch: number;
  /** Counts installed snapshots; equal to the tree's, except between the two halves of a swap. */
  readonly installCount: number;
  readonly crc: number;
}

/** One atomic change of the log, besides an append; done in the order of the fields. */
export interface LogChange {
  /** Removes the rows whose key is above. */
  readonly cutAbove?: Zxid;
  readonly put?: LogRow;
  readonly state?: LogState;
}

/** The log's rows, by key. */
export interface LogFile {
  /** Undefined in a file that was just made. */
  state(): Promise<LogState | undefined>;
  newest(): Promise<LogRow | undefined>;
  /** Rows whose key is above `after`, ascending: one, and more while they fit `bytesMax`. */
  scan(after: Zxid, bytesMax: number): Promise<LogRow[]>;
  /** Sum of the sizes of `bytes` in rows whose key is above `after`, up to `through`. */
  sizeBetween(after: Zxid, through: Zxid): Promise<number>;
  append(row: LogRow): Promise<void>;
  change(change: LogChange): Promise<void>;
  /** Removes some of the oldest rows up to `through`. @returns whether any may be left. */
  drop(through: Zxid): Promise<boolean>;
}

/** The tree that is served from, and the one that a snapshot is being received into. */
export type Area = "live" | "staged";

/** What belongs to a stored tree besides its nodes. */
export interface TreeState {
  /** What it contains for certain. */
  readonly zxid: Zxid;
  /** Nodes in it; -1 while a checkpoint is under way. */
  readonly nodeCount: number;
  readonly installCount: number;
  readonly crc: number;
}

/** A stored access control list; also how the session map is kept, under id 0. */
export interface PartRow {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly crc: number;
}

/** Node records (see `SnapshotSlice.nodes`) one after the other, and where they lie. */
export interface NodeRows {
  readonly records: Uint8Array;
  /** Offset of each record, and of the end. */
  readonly starts: Int32Array;
  /** Size of each record's path in bytes; it begins 4 bytes into the record. */
  readonly pathSizes: Int32Array;
  /** CRC-32 of each record, 4 bytes each, big-endian. */
  readonly crcs: Uint8Array;
}

/** Stored nodes as they are read. */
export interface NodePage {
  readonly count: number;
  readonly records: Uint8Array;
  readonly crcs: Uint8Array;
  /** Key of the last one; `"/"` is the root's. */
  readonly lastPath: string;
  /** Whether each key is the path in its record. */
  readonly keysMatch: boolean;
}

/** One atomic change of a tree; done in the order of the fields. */
export interface TreeChange {
  readonly parts?: readonly PartRow[];
  readonly deleted?: readonly string[];
  readonly nodes?: NodeRows;
  readonly state?: TreeState;
}

/** The rows of two trees: nodes by path, parts by id. */
export interface TreeFile {
  /** Undefined when the area holds none. */
  state(area: Area): Promise<TreeState | undefined>;
  parts(area: Area): Promise<PartRow[]>;
  /** Nodes whose key is above `after` in byte order, up to `countMax`; `""` begins. */
  scan(area: Area, after: string, countMax: number): Promise<NodePage>;
  count(area: Area): Promise<number>;
  change(area: Area, change: TreeChange): Promise<void>;
  /** Makes the staged area empty. */
  clearStaged(): Promise<void>;
  /** The staged tree becomes the live one; the staged area is empty. */
  swap(): Promise<void>;
}
