import { isAbsolute } from "node:path";
import type { AdminCommand, AdminReply } from "../core/contracts/admin.ts";
import type { Consensus } from "../core/contracts/consensus.ts";
import type { Logger } from "../core/contracts/logger.ts";
import { StorageError } from "../core/contracts/storage.ts";
import { slicesOf } from "../core/server/checkpoints.ts";
import { wholeTree } from "../core/tree/snapshot.ts";
import type { Tree } from "../core/tree/tree.ts";
import { formatZxid, ZXID_ZERO } from "../core/wire/zxid.ts";
import { summary } from "./backup_command.ts";
import { type RecoveredTree, recoverTree } from "./copy_storage.ts";
import { type DataTurn, heldBy, pause } from "./data_turn.ts";
import { receiveSnapshot } from "./receive_snapshot.ts";
import { findStoredData } from "./stored_data.ts";
import { findUnfinished } from "./write_backup.ts";

interface RestoreParts {
  readonly consensus: Consensus;
  readonly logger: Logger;
  /** Room on the disk of the data; left out where they are in memory. */
  readonly freeBytes?: (() => Promise<number>) | undefined;
}

/** Taken by a znode beside its path and data, at most. */
const NODE_BYTES = 150;
/** Of journals, and for what is written next: a full disk stops the server. */
const SPARE_BYTES = 32 * 1024 * 1024;

/**
 * `POST /commands/restore`: the server replaces its data by those in the request's body, a snapshot
 * as `snapshot` hands it out; with `?path=/backups/monday` by those in a folder of its machine.
 * They are read and checked before anything changes; it serves nobody for as long as it takes to
 * store them. Its name, its alias, the body and `last_zxid` are Apache's, the path is ours.
 */
export function restoreCommand(parts: RestoreParts, turn: DataTurn): AdminCommand {
  return {
    names: ["restore", "rest"],
    method: "POST",
    needsServing: true,
    needsAuthority: true,
    run: async ({ args, body }) => {
      const path = args.get("path");
      if (parts.consensus.restore === undefined) return { status: 409, error: NOT_ALONE };
      if (path !== undefined && !isAbsolute(path)) {
        return { status: 400, error: "path must be absolute" };
      }
      if (turn.holder !== undefined) return heldBy(turn);
      turn.holder = "restore";
      try {
        const found = path === undefined ? await receiveSnapshot(body) : await readBackup(path);
        return await restore(parts, found, path ?? "the request's body");
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        parts.logger.warn("not restored", { from: path, why: error.message });
        return { status: STATUS[error.kind] ?? 500, error: error.message };
      } finally {
        turn.holder = undefined;
      }
    },
  };
}

const NOT_ALONE =
  "a member of an ensemble cannot go back without the others: stop all of them, and start each on" +
  " a copy that `zookit restore --to` has made (docs/operations.md)";

/** What the operator can put right has a status of its own; everything else is 500. */
const STATUS: { readonly [Kind in StorageError["kind"]]?: number } = {
  incompatible: 400,
  locked: 409,
  closed: 503,
  full: 507,
};

async function restore(
  { consensus, logger, freeBytes }: RestoreParts,
  found: RecoveredTree,
  from: string,
): Promise<AdminReply> {
  demandRoom(found.tree, (await freeBytes?.()) ?? Number.POSITIVE_INFINITY);
  const source = wholeTree(found.tree);
  const { zxid } = source;
  const restored = summary(found);
  logger.warn("clients are disconnected: data are restored", { from, restored });
  await consensus.restore?.({ zxid, slices: slicesOf(source, pause) });
  logger.warn("data were restored", { from, zxid });
  const { nodeCount } = found.tree;
  return { fields: { last_zxid: `0x${formatZxid(zxid)}`, node_count: nodeCount, restored } };
}

/** A tree is written twice, to a journal and to its place, before the former one goes. */
function demandRoom({ approximateDataBytes, nodeCount }: Tree, freeBytes: number): void {
  const neededBytes = 2 * (approximateDataBytes + nodeCount * NODE_BYTES) + SPARE_BYTES;
  if (freeBytes >= neededBytes) return;
  const mib = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MiB`;
  const text = `storing this takes ${mib(neededBytes)}, but ${mib(freeBytes)} of the disk are free`;
  throw new StorageError("full", text);
}

/**
 * The tree that a server on this folder would have.
 *
 * @throws {StorageError} `incompatible` when there are no data, else as the storage.
 */
async function readBackup(folder: string): Promise<RecoveredTree> {
  const unfinished = findUnfinished(folder);
  if (unfinished !== undefined) throw new StorageError("incompatible", unfinished);
  const data = findStoredData(folder);
  if (data === undefined) {
    const what = "shows neither log.db nor version-2: is it a backup, and may this server read it?";
    throw new StorageError("incompatible", `${folder} ${what}`);
  }
  const { storage } = data;
  let found: RecoveredTree;
  try {
    await storage.open();
    found = await recoverTree(storage);
  } catch (cause) {
    const kind = cause instanceof StorageError ? cause.kind : "damaged";
    const { message } = cause as Error;
    // Of the server's own files the message must not seem to speak.
    const why = message.includes(folder) ? message : `${folder}: ${message}`;
    throw new StorageError(kind, why, { cause });
  } finally {
    await storage.close();
  }
  if (!found.isAsAnnounced) {
    throw new StorageError("damaged", `${folder}: the tree is not the one that its log announces`);
  }
  if (found.tree.lastZxid === ZXID_ZERO) {
    throw new StorageError("incompatible", `${folder} holds no transaction and no whole tree`);
  }
  return found;
}
