import type { Acl } from "../wire/records.ts";
import type { SessionId } from "../wire/session_id.ts";
import type { Zxid } from "../wire/zxid.ts";
import { type Token, token } from "./token.ts";

/** What an implementation can do; fixed for its life. The conformance suite steers by it. */
export interface StorageTraits {
  /** Whether what was acknowledged survives the process. */
  readonly durable: boolean;
  /**
   * Whether `checkpoint` is to be given every node, since what it is not given is gone then. Left
   * out: the changed ones are enough.
   */
  readonly wholeCheckpoints?: boolean;
  /** Whether `trim` may leave some of the log that it could drop: whole files, say. */
  readonly coarseTrim?: boolean;
}

/** One group commit: transactions in zxid order. Whoever is given a batch does not change it. */
export interface LogBatch {
  readonly firstZxid: Zxid;
  readonly lastZxid: Zxid;
  /** Transactions in it, 1 or more. */
  readonly count: number;
  /**
   * For each transaction: int32 length, then that many bytes of TxnHeader, body and TxnDigest,
   * which are Apache's (PP 2). Never re-encoded on the way to disk or to a peer.
   */
  readonly bytes: Uint8Array;
}

/** A session as a snapshot holds it. */
export interface SessionRecord {
  readonly id: SessionId;
  readonly timeoutMs: number;
}

/** An access control list that nodes of a snapshot name by `id`. */
export interface AclRecord {
  /** Positive; local to the snapshot. -1 stands for world:anyone:all and is never listed. */
  readonly id: number;
  readonly acls: readonly Acl[];
}

/**
 * A part of a snapshot. Slices are taken in order; within one, `sessions`, `acls`, `deleted`,
 * `nodes` in that order.
 */
export interface SnapshotSlice {
  /** The complete session map, in the first slice; undefined in every other. */
  readonly sessions: readonly SessionRecord[] | undefined;
  /** Lists that this or a later slice names. */
  readonly acls: readonly AclRecord[];
  /** Paths that exist no longer; a whole snapshot has none. */
  readonly deleted: readonly string[];
  readonly nodeCount: number;
  /**
   * Node records, one after the other, parents before children in a whole snapshot: ustring path
   * (`""` for the root), buffer data, int64 ACL id, StatPersisted (60 bytes). These are the bytes
   * of Apache's snapshot (PP 1.2). Good until the next slice is asked for.
   */
  readonly nodes: Uint8Array;
}

/** A tree on its way in or out. */
export interface Snapshot {
  /** Every transaction up to here is contained; later ones may be, in part (PP 1.3). */
  readonly zxid: Zxid;
  /** Iterated once. */
  readonly slices: AsyncIterable<SnapshotSlice>;
}

/** What is on disk when a server starts. */
export interface StorageState {
  /** Highest zxid in the log, or of the checkpoint when the log holds nothing above it. */
  readonly lastZxid: Zxid;
  /** What the checkpoint contains for certain; `ZXID_ZERO` when there is none. */
  readonly checkpointZxid: Zxid;
  /** Highest epoch promised in discovery. */
  readonly acceptedEpoch: number;
  /** Last epoch whose leader's history is here. */
  readonly currentEpoch: number;
}

/** A failure of the disk or of what is on it. Any but `out-of-order` stops the server. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly kind: "out-of-order" | "io" | "full" | "damaged" | "locked" | "incompatible" | "closed";

  constructor(kind: StorageError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** For storages: what each method says while it is not open. */
export function closedError(): StorageError {
  return new StorageError("closed", "the storage is not open");
}

/**
 * The log, the checkpoint and the epochs of one server; single. Of `append`, `truncate`, `install`
 * and the epoch setters only one is under way at a time: the driver serialises them. `checkpoint`
 * and `trim` may overlap `append`. Every method but `open` needs `open` to have succeeded; after
 * `close` each fails with `closed`.
 */
export interface Storage {
  readonly traits: StorageTraits;
  /**
   * Locks the place against a second server, checks it, and cuts a last commit that was torn.
   *
   * @throws {StorageError} `locked`, `damaged`, `io` or `incompatible` (another version's files).
   */
  open(): Promise<StorageState>;
  /** Highest zxid appended or installed and not truncated. */
  readonly lastZxid: Zxid;
  /**
   * Appends one batch and resolves once it survives a crash. Its bytes are the caller's again then:
   * whoever keeps them makes a copy.
   *
   * @throws {StorageError} `out-of-order` (nothing was written) when `firstZxid` is not above
   * `lastZxid`; `io` or `full`: the log is unusable, the server must stop.
   */
  append(batch: LogBatch): Promise<void>;
  /**
   * Batches in order, from the first transaction above `after`; the first may be part of a commit.
   *
   * @throws {StorageError} `damaged`, from the iteration.
   */
  read(after: Zxid): AsyncIterable<LogBatch>;
  /** Bytes of log above one zxid, up to another, for choosing DIFF or SNAP. */
  sizeBetween(after: Zxid, through: Zxid): Promise<number>;
  /**
   * Removes every transaction above `through`, also from the middle of a batch, durably.
   *
   * @returns false, with nothing removed, when `through` is below the checkpoint, or neither in the
   * log nor the checkpoint's zxid: the caller must ask for a snapshot.
   */
  truncate(through: Zxid): Promise<boolean>;
  /** Makes the epoch durable; independent of the other one. */
  setAcceptedEpoch(epoch: number): Promise<void>;
  setCurrentEpoch(epoch: number): Promise<void>;
  /**
   * Brings the stored tree up to date from the changed nodes in `changes`. A crash on the way
   * leaves the former zxid with some nodes newer, which replay repairs. The last step records the
   * new zxid. With `traits.wholeCheckpoints`, `changes` are all nodes, parents before children, and
   * replace the stored tree in one step at the end.
   */
  checkpoint(changes: Snapshot): Promise<void>;
  /**
   * The stored tree, parents before children; an empty one has zxid `ZXID_ZERO` and no slices.
   *
   * @throws {StorageError} `damaged`, from the iteration.
   */
  load(): Snapshot;
  /**
   * Replaces tree and log by a streamed snapshot and sets the current epoch, in one atomic step at
   * the end. If `whole.slices` throws, everything stays as it was and the error is passed on.
   */
  install(whole: Snapshot, currentEpoch: number): Promise<void>;
  /**
   * Drops log that lies below both `before` and the checkpoint.
   *
   * @returns the lowest zxid from which {@link read} still works without a gap.
   */
  trim(before: Zxid): Promise<Zxid>;
  /** Checks everything stored; one line per thing found wrong, none when all is well. */
  damage(): Promise<readonly string[]>;
  /** Releases everything; what was appended stays. */
  close(): Promise<void>;
}

/** Single. */
export const STORAGE: Token<Storage> = token("storage");
