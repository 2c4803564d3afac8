import type { AdminCommand, AdminReply } from "../core/contracts/admin.ts";
import { type Storage, StorageError } from "../core/contracts/storage.ts";
import { slicesOf } from "../core/server/checkpoints.ts";
import { wholeTree } from "../core/tree/snapshot.ts";
import type { Tree } from "../core/tree/tree.ts";
import { formatZxid } from "../core/wire/zxid.ts";
import { encodeSnapshot } from "../storage/apache/snapshot_writer.ts";
import { TreeRecovery } from "./copy_storage.ts";
import { type DataTurn, heldBy, pause } from "./data_turn.ts";
import { readWhileUsed } from "./read_while_used.ts";

/**
 * `GET /commands/snapshot`: the tree with everything that was acknowledged when the command began,
 * as a snapshot file of Apache ZooKeeper 3.9, which `restore` takes as its body. Name, alias and
 * headers are Apache's. It is read from disk into a tree of its own, so that it is of one moment.
 */
export function snapshotCommand(storage: Storage, turn: DataTurn): AdminCommand {
  return {
    names: ["snapshot", "snap"],
    method: "GET",
    needsServing: true,
    needsAuthority: true,
    run: async ({ args }) => {
      if (args.get("streaming") === "false") return { status: 400, error: ONLY_STREAMS };
      if (turn.holder !== undefined) return heldBy(turn);
      turn.holder = "snapshot";
      const free = (): void => {
        turn.holder = undefined;
      };
      try {
        return await snapshotOf(await readTree(storage), free);
      } catch (error) {
        free();
        if (!(error instanceof StorageError)) throw error;
        return { status: error.kind === "closed" ? 503 : 500, error: error.message };
      }
    },
  };
}

const ONLY_STREAMS =
  "this server writes snapshots for itself when it needs them: leave out streaming=false, or" +
  " have a copy written to its disk by POST backup?path=/new/folder";

async function readTree(storage: Storage): Promise<Tree> {
  const recovery = new TreeRecovery();
  await readWhileUsed(storage, recovery, () => {});
  const { tree, isAsAnnounced } = recovery.found;
  if (isAsAnnounced) return tree;
  throw new StorageError("damaged", "the stored tree is not the one that its log announces");
}

/** @param free called once the last piece was taken, or nobody wants more. */
async function snapshotOf(tree: Tree, free: () => void): Promise<AdminReply> {
  let sizeBytes = 0; // It stands before what it is the size of.
  for await (const piece of piecesOf(tree)) sizeBytes += piece.length;
  return {
    headers: { last_zxid: `0x${formatZxid(tree.lastZxid)}`, snapshot_size: String(sizeBytes) },
    stream: copiesOf(piecesOf(tree), free),
  };
}

/** Each piece is valid until the next is asked for. */
async function* piecesOf(tree: Tree): AsyncGenerator<Uint8Array> {
  const slices = slicesOf(wholeTree(tree), pause);
  const first = await slices.next();
  const { sessions = [], acls = [] } = first.value ?? {};
  const { lastZxid, digestHigh, digestLow } = tree;
  const digest = { zxid: lastZxid, high: digestHigh, low: digestLow };
  async function* nodes(): AsyncGenerator<Uint8Array> {
    for (let next = first; next.done !== true; next = await slices.next()) yield next.value.nodes;
  }
  yield* encodeSnapshot({ sessions, acls, digest }, nodes(), lastZxid);
}

/** No generator: that would not notice the end when nobody has asked for the first piece. */
function copiesOf(
  pieces: AsyncGenerator<Uint8Array>,
  free: () => void,
): AsyncIterableIterator<Uint8Array> {
  return {
    next: async () => {
      const { done, value } = await pieces.next();
      if (done !== true) return { value: value.slice() };
      free();
      return { done, value: undefined };
    },
    return: async () => {
      free();
      await pieces.return(undefined);
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
