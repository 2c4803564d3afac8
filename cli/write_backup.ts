import { existsSync, readdirSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Storage, StorageError } from "../core/contracts/storage.ts";
import { epochOf } from "../core/wire/zxid.ts";
import { SqliteStorage } from "../storage/sqlite/mod.ts";
import { type CopyProgress, type RecoveredTree, recoverTree } from "./copy_storage.ts";
import { readWhileUsed } from "./read_while_used.ts";

/** What the name of a folder ends with until its backup is whole. */
const PART = ".part";

/** Why a folder cannot be filled with data; undefined when it is not there, or empty. */
export function findOccupied(folder: string): string | undefined {
  const isFree = !existsSync(folder) || readdirSync(folder).length === 0;
  return isFree ? undefined : `${folder} holds something already: name a new folder`;
}

/** Why a folder is no backup to rely on, by its name alone; undefined when it may be one. */
export function findUnfinished(folder: string): string | undefined {
  // Its tree may be whole, but of no one moment without the log that was to follow.
  const isPart = resolve(folder).endsWith(PART);
  return isPart ? `${folder} is of a backup that was never finished` : undefined;
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
  const part = `${path}${PART}`;
  await rm(part, { recursive: true, force: true });
  const to = new SqliteStorage({ path: part });
  try {
    await to.open();
    const epoch = epochOf(await readWhileUsed(from, to, progress));
    // The promises of the server that it came from are not the backup's.
    await to.setAcceptedEpoch(epoch);
    await to.setCurrentEpoch(epoch);
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

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
