import {
  type LogBatch,
  type Snapshot,
  type SnapshotSlice,
  type Storage,
  StorageError,
} from "../core/contracts/storage.ts";
import { Applier } from "../core/tree/apply.ts";
import type { ApplyListener } from "../core/tree/apply_listener.ts";
import { SnapshotLoader } from "../core/tree/snapshot_loader.ts";
import { Tree } from "../core/tree/tree.ts";
import { getInt } from "../core/wire/jute.ts";
import { OPCODES } from "../core/wire/opcodes.ts";
import { formatZxid, type Zxid } from "../core/wire/zxid.ts";

/** How far a copy is. */
export interface CopyProgress {
  readonly step: "tree" | "log" | "check";
  /** Znodes or transactions so far. */
  readonly count: number;
}

/** What a storage holds, as a server that starts on it has it. */
export interface RecoveredTree {
  readonly tree: Tree;
  /** Transactions replayed on the checkpoint. */
  readonly txnCount: number;
  /** Whether the tree is the one that the last transaction announced. */
  readonly isAsAnnounced: boolean;
}

/** Makes a tree in memory of a stored one and of the log behind it, as a start does. */
export class TreeRecovery implements Pick<Storage, "checkpoint" | "append"> {
  readonly #tree = new Tree({ hashSeed: 0, extendedTypes: true });
  readonly #applier = new Applier(this.#tree, IGNORE);
  #txnCount = 0;
  #isAsAnnounced = true;

  constructor() {
    this.#applier.verifiesDigest = true;
  }

  /** Takes the stored tree, which is whole. @throws what its slices throw. */
  async checkpoint({ zxid, slices }: Snapshot): Promise<void> {
    const loader = new SnapshotLoader(this.#tree);
    for await (const slice of slices) loader.load(slice);
    loader.finish(zxid);
  }

  /** Takes the next part of the log. */
  async append({ bytes, count }: LogBatch): Promise<void> {
    const applier = this.#applier;
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + getInt(bytes, at);
      const before = applier.digestMismatches;
      applier.apply(bytes, at + 4, end);
      // Errors announce nothing. Of the others only the last one counts: a tree that was written
      // while it changed is right at its end alone.
      if (applier.header.type !== OPCODES.error) {
        this.#isAsAnnounced = applier.digestMismatches === before;
      }
      at = end;
    }
    this.#txnCount += count;
  }

  /** What has come of it so far. */
  get found(): RecoveredTree {
    return { tree: this.#tree, txnCount: this.#txnCount, isAsAnnounced: this.#isAsAnnounced };
  }
}

/**
 * Reads an open storage, which nobody changes meanwhile, into a tree.
 *
 * @throws {StorageError} `damaged`.
 */
export async function recoverTree(storage: Storage): Promise<RecoveredTree> {
  const recovery = new TreeRecovery();
  const stored = storage.load();
  await recovery.checkpoint(stored);
  for await (const batch of storage.read(stored.zxid)) await recovery.append(batch);
  return recovery.found;
}

/**
 * Copies tree, log and epochs from one open storage to another one, which is empty, and compares
 * what servers on both would have.
 *
 * @returns the tree of both.
 * @throws {StorageError} `incompatible` when the target is not empty; `damaged` when the trees are
 * not the same.
 */
export async function copyStorage(
  from: Storage,
  to: Storage,
  progress: (progress: CopyProgress) => void,
): Promise<RecoveredTree> {
  const state = await from.open();
  const target = await to.open();
  if (target.lastZxid > 0 || target.checkpointZxid > 0) {
    const last = formatZxid(target.lastZxid);
    throw new StorageError("incompatible", `the target holds transactions up to ${last} already`);
  }
  const { zxid, slices } = from.load();
  await to.checkpoint(counted({ zxid, slices }, progress));
  let txnCount = 0;
  for await (const batch of from.read(zxid)) {
    await to.append(batch);
    txnCount += batch.count;
    progress({ step: "log", count: txnCount });
  }
  await to.setAcceptedEpoch(state.acceptedEpoch);
  await to.setCurrentEpoch(state.currentEpoch);
  progress({ step: "check", count: 0 });
  const before = describe((await recoverTree(from)).tree);
  const copy = await recoverTree(to);
  const after = describe(copy.tree);
  if (before === after) return copy;
  throw new StorageError("damaged", `the copy is not the original: ${before}, then ${after}`);
}

function counted(snapshot: Snapshot, progress: (progress: CopyProgress) => void): Snapshot {
  async function* slices(): AsyncGenerator<SnapshotSlice> {
    let count = 0;
    for await (const slice of snapshot.slices) {
      yield slice;
      count += slice.nodeCount;
      progress({ step: "tree", count });
    }
  }
  return { zxid: snapshot.zxid, slices: slices() };
}

/** What must be the same: in one line, to be shown when it is not. */
function describe(tree: Tree): string {
  const last: Zxid = tree.lastZxid;
  const sessions = `${tree.sessions.size} sessions`;
  return `digest ${digestText(tree)} at ${formatZxid(last)}, ${tree.nodeCount} znodes, ${sessions}`;
}

/** The tree digest as Apache's `hash` word prints it, in hexadecimal. */
export function digestText(tree: Tree): string {
  const hex = (half: number): string => (half >>> 0).toString(16).padStart(8, "0");
  return hex(tree.digestHigh) + hex(tree.digestLow);
}

const nothing = (): void => {};
const IGNORE: ApplyListener = {
  created: nothing,
  deleted: nothing,
  dataSet: nothing,
  aclSet: nothing,
  checked: nothing,
  failed: nothing,
  multiStarted: nothing,
  multiEnded: nothing,
  sessionCreated: nothing,
  sessionClosed: nothing,
};
