import type { Replica } from "../../core/contracts/consensus.ts";
import { forEachTxn } from "../../core/contracts/log_batch.ts";
import type { LogBatch, Storage } from "../../core/contracts/storage.ts";
import type { Zxid } from "../../core/wire/zxid.ts";
import { contiguousRuns } from "./batches.ts";

/** What a {@link rebuild} tells. */
export interface RebuildUser {
  /** The tree is that of the checkpoint. */
  loaded(): void;
  /**
   * Is given every transaction of the log above the checkpoint, in batches that may be kept, once
   * the tree has them.
   */
  replayed(batch: LogBatch): void;
}

/** Makes the tree what the checkpoint and the whole log say. */
export async function rebuild(
  storage: Storage,
  replica: Replica,
  user?: RebuildUser,
): Promise<void> {
  const stored = storage.load();
  await replica.replace(stored);
  user?.loaded();
  for await (const batch of storage.read(stored.zxid)) {
    for (const run of contiguousRuns(batch)) {
      forEachTxn(run, (bytes, start, end) => replica.deliver(bytes, start, end));
      user?.replayed(run);
    }
  }
}

/** Makes the tree empty. */
export async function makeEmpty(replica: Replica): Promise<void> {
  const slices = (async function* () {})();
  await replica.replace({ zxid: 0, slices });
}

/**
 * Whether everything above `after` can be read from the log, and `after` is in it, or is where it
 * begins.
 */
export async function isReadableFrom(storage: Storage, after: Zxid): Promise<boolean> {
  if (after > storage.lastZxid) return false;
  const floor = await storage.trim(0); // Drops nothing, and says where the log begins.
  if (after <= floor) return after === floor;
  for await (const { firstZxid } of storage.read(after - 1)) return firstZxid === after;
  return false;
}
