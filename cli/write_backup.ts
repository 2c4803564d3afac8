import { existsSync, readdirSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { partOfBatch } from "../core/contracts/log_batch.ts";
import {
  type Snapshot,
  type SnapshotSlice,
  type Storage,
  StorageError,
} from "../core/contracts/storage.ts";
import { epochOf, formatZxid, type Zxid } from "../core/wire/zxid.ts";
import { SqliteStorage } from "../storage/sqlite/mod.ts";
import { type CopyProgress, type RecoveredTree, recoverTree } from "./copy_storage.ts";

const ATTEMPTS = 3;

/** Why a folder cannot be filled with data; undefined when it is not there, or empty. */
export function findOccupied(folder: string): string | undefined {
  const isFree = !existsSync(folder) || readdirSync(folder).length === 0;
  return isFree ? undefined : `${folder} holds something already: name a new folder`;
}

/**
 * Writes what an open storage holds, also while a server uses it, to a new data folder in SQLite:
 * the tree of the last checkpoint, and the log behind it up to the last transaction that was
 * durable when the tree was through. The folder has its name only once it is whole, checked and
 * synced.
 *
 * @returns the tree that a server on the backup would have.
 * @throws {StorageError} `incompatible` when something is there already; `damaged` when the backup
 * is not the tree that its last transaction announces, or when the source is damaged.
 */
export async function writeBackup(
  from: Storage,
  folder: string,
  progress: (progress: CopyProgress) => void,
): Promise<RecoveredTree> {
  const occupied = findOccupied(folder);
  if (occupied !== undefined) throw new StorageError("incompatible", occupied);
  const path = resolve(folder);
  const part = `${path}.part`;
  await rm(part, { recursive: true, force: true });
  const to = new SqliteStorage({ path: part });
  try {
    await to.open();
    await copyWhileUsed(from, to, progress);
    progress({ step: "check", count: 0 });
    const copy = await recoverTree(to);
    if (!copy.isAsAnnounced) {
      throw new StorageError("damaged", "the backup is not the tree that its log announces");
    }
    await to.close();
    await rename(part, path);
    await syncFolder(dirname(path));
    return copy;
  } catch (error) {
    await to.close();
    await rm(part, { recursive: true, force: true });
    throw error;
  }
}

async function copyWhileUsed(
  from: Storage,
  to: Storage,
  progress: (progress: CopyProgress) => void,
): Promise<void> {
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
    // The promises of the server that it came from are not the backup's.
    await to.setAcceptedEpoch(epochOf(last));
    await to.setCurrentEpoch(epochOf(last));
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

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
