import {
  locateNodeRecord,
  type NodeRecord,
  nodeRecordPath,
} from "../core/contracts/node_record.ts";
import { type SnapshotSlice, StorageError } from "../core/contracts/storage.ts";
import { ZkError } from "../core/errors/zk_error.ts";
import { isValidPathAt } from "../core/tree/path.ts";
import { SnapshotLoader } from "../core/tree/snapshot_loader.ts";
import { NO_NODE, ROOT, Tree } from "../core/tree/tree.ts";
import { SessionId } from "../core/wire/session_id.ts";
import { EPOCH_MAX, epochOf, ZXID_ZERO } from "../core/wire/zxid.ts";
import { readSnapshot } from "../storage/apache/snapshot_reader.ts";
import type { RecoveredTree } from "./copy_storage.ts";

/**
 * Reads a snapshot of Apache ZooKeeper 3.9 into a tree while it arrives. The checksum is compared,
 * the digest is not: Apache takes it from beside a tree that changes.
 *
 * @throws {StorageError} `incompatible` when it is none, damaged, or not one that can be restored:
 * whoever sent it can put that right.
 */
export async function receiveSnapshot(body: AsyncIterable<Uint8Array>): Promise<RecoveredTree> {
  let sizeBytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      sizeBytes += chunk.length;
      yield chunk;
    }
  }
  try {
    return { tree: await load(counted()), txnCount: 0, isAsAnnounced: true };
  } catch (cause) {
    if (!(cause instanceof StorageError || cause instanceof ZkError)) throw cause;
    const why = sizeBytes === 0 ? NO_BODY : `not a snapshot to restore: ${cause.message}`;
    throw new StorageError("incompatible", why, { cause });
  }
}

async function load(chunks: AsyncIterable<Uint8Array>): Promise<Tree> {
  const tree = new Tree({ hashSeed: 0, extendedTypes: true });
  const loader = new SnapshotLoader(tree);
  const slices = readSnapshot(chunks, "the body");
  let next = await slices.next();
  for (; next.done !== true; next = await slices.next()) {
    requireNames(next.value);
    loader.load(next.value);
    if (loader.orphanCount > 0) throw new StorageError("incompatible", NO_PARENT);
  }
  const { lastZxid } = next.value;
  if (lastZxid === undefined) throw new StorageError("incompatible", NO_ZXID);
  if (lastZxid <= ZXID_ZERO) throw new StorageError("incompatible", NO_TXN);
  if (epochOf(lastZxid) >= EPOCH_MAX - 1) throw new StorageError("incompatible", NO_ROOM);
  const deleted = leftBehind(tree);
  loader.load({ sessions: undefined, acls: [], deleted, nodeCount: 0, nodes: new Uint8Array(0) });
  loader.finish(lastZxid);
  return tree;
}

/**
 * Ephemeral znodes whose sessions are not in the snapshot: nobody would ever delete them. Apache
 * takes them away when it loads one, too (`ZooKeeperServer.loadData`).
 *
 * @throws {StorageError} when one has children, which would go with its session, or is the root.
 */
function leftBehind(tree: Tree): readonly string[] {
  const paths: string[] = [];
  for (let node = ROOT; node < tree.indexEnd; node++) {
    if (!tree.isNode(node) || tree.kind(node) !== "ephemeral") continue;
    if (node === ROOT || tree.firstChild(node) !== NO_NODE) {
      const name = JSON.stringify(tree.pathOf(node).slice(0, NAME_SHOWN_MAX));
      throw new StorageError(
        "incompatible",
        `${name} is ephemeral and has children, or is the root`,
      );
    }
    const owner = new SessionId(tree.ownerHigh(node), tree.ownerLow(node));
    if (!tree.sessions.has(owner)) paths.push(tree.pathOf(node));
  }
  return paths;
}

/** Names that no client could have given would make the stored tree one that cannot be read. */
function requireNames({ nodes, nodeCount }: SnapshotSlice): void {
  const record: NodeRecord = { pathStart: 0, pathEnd: 0, aclAt: 0, end: 0 };
  for (let i = 0; i < nodeCount; i++) {
    locateNodeRecord(nodes, record.end, record);
    const { pathStart, pathEnd } = record;
    if (pathStart === pathEnd || isValidPathAt(nodes, pathStart, pathEnd)) continue;
    const shown = JSON.stringify(nodeRecordPath(nodes, record).slice(0, NAME_SHOWN_MAX));
    throw new StorageError("incompatible", `no znode can have the name ${shown}`);
  }
}

/** Of a name in a message, characters. */
const NAME_SHOWN_MAX = 100;
const NO_PARENT = "it has a znode before its parent, or without one";
const NO_TXN = "it holds no transaction";
const NO_ROOM = "its last transaction is so high that none could follow";
const NO_BODY =
  "send a snapshot as the body (curl --data-binary @FILE), or name a backup: path=/backups/monday";
const NO_ZXID =
  "it does not tell its last transaction, as files of servers before 3.9 do not; take it from the" +
  " command `snapshot`, or restore their whole folder by path=";
