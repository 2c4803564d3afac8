import { partOfBatch } from "../core/contracts/log_batch.ts";
import {
  type Snapshot,
  type SnapshotSlice,
  type Storage,
  StorageError,
} from "../core/contracts/storage.ts";
import { epochOf, formatZxid, type Zxid } from "../core/wire/zxid.ts";
import type { CopyProgress } from "./copy_storage.ts";

const ATTEMPTS = 3;

/**
 * Reads what an open storage holds, also while a server uses it: the tree of the last checkpoint,
 * and the log behind it up to the last transaction that was durable when the tree was through.
 *
 * @returns the zxid of the last transaction.
 * @throws {StorageError} `damaged` when something of that is missing; what `to` throws.
 */
export async function readWhileUsed(
  from: Storage,
  to: Pick<Storage, "checkpoint" | "append">,
  progress: (progress: CopyProgress) => void,
): Promise<Zxid> {
  const snapshot = await beginToLoad(from);
  // Begun before the tree is through: what a reader needs next is not trimmed.
  let log = from.read(snapshot.zxid)[Symbol.asyncIterator]();
  let next = await log.next();
  try {
    let count = 0;
    async function* counted(): AsyncGenerator<SnapshotSlice> {
      for await (const slice of snapshot.slices) {
        yield slice;
        progress({ step: "tree", count: (count += slice.nodeCount) });
      }
    }
    await to.checkpoint({ zxid: snapshot.zxid, slices: counted() });
    const through = from.lastZxid;
    if (next.done === true) {
      log = from.read(snapshot.zxid)[Symbol.asyncIterator]();
      next = await log.next();
    }
    let last: Zxid = snapshot.zxid;
    count = 0;
    for (; next.done !== true && last < through; next = await log.next()) {
      const batch = partOfBatch(next.value, snapshot.zxid, through);
      if (batch === undefined) break;
      requireNext(last, batch.firstZxid);
      await to.append(batch);
      last = batch.lastZxid;
      progress({ step: "log", count: (count += batch.count) });
    }
    return last;
  } finally {
    await log.return?.();
  }
}

function requireNext(last: Zxid, first: Zxid): void {
  if (first === last + 1 || epochOf(first) > epochOf(last)) return;
  const gap = `${formatZxid(last)} and ${formatZxid(first)}`;
  throw new StorageError("damaged", `transactions between ${gap} are not in the log any more`);
}

/** The stored tree, of which the first slice is read already: from then on it does not change. */
async function beginToLoad(from: Storage): Promise<Snapshot> {
  for (let attempt = 1; ; attempt++) {
    const { zxid, slices } = from.load();
    const rest = slices[Symbol.asyncIterator]();
    const first = await rest.next();
    // Between the two a checkpoint may have ended.
    if (from.load().zxid === zxid) return { zxid, slices: resume(first, rest) };
    await rest.return?.();
    if (attempt === ATTEMPTS)
      throw new StorageError("io", "checkpoints come too fast for a backup");
  }
}

async function* resume(
  first: IteratorResult<SnapshotSlice>,
  rest: AsyncIterator<SnapshotSlice>,
): AsyncGenerator<SnapshotSlice> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
