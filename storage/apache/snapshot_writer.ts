import { type FileHandle, open, rename } from "node:fs/promises";
import type { AclRecord, SessionRecord, Snapshot } from "../../core/contracts/storage.ts";
import { DIGEST_VERSION } from "../../core/tree/digest.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { writeAcls, writeSessionId } from "../../core/wire/records.ts";
import type { Zxid } from "../../core/wire/zxid.ts";
import { ADLER_START, adler32 } from "./adler32.ts";
import { type Layout, removeFile } from "./layout.ts";
import { NodeDigest } from "./node_digest.ts";
import { SNAPSHOT_MAGIC, SNAPSHOT_VERSION } from "./snapshot_reader.ts";
import type { DigestAt } from "./txn_log.ts";

const COPY_BYTES = 1 << 20;
const NO_DIGEST: DigestAt = { zxid: 0, high: 0, low: 0 };

/**
 * Chooses what the digest section says, once the last node was taken. `digest` is that of the nodes
 * as written: that of the tree, unless it changed on the way.
 */
export type ChooseDigest = (digest: DigestAt) => DigestAt | undefined;

/**
 * Writes a whole tree to a file of its own, synced, ready to be renamed to a snapshot. Apache's
 * format wants all access control lists before the first node, and they are known after the last:
 * so the nodes go to a file of their own first.
 *
 * @param checkUsable throws when the storage was closed meanwhile; called after each slice.
 * @returns the path.
 */
export async function writeSnapshotFile(
  layout: Layout,
  whole: Snapshot,
  on: { readonly checkUsable: () => void; readonly chooseDigest: ChooseDigest },
): Promise<string> {
  const nodesPath = layout.ownPath("nodes");
  const path = layout.ownPath("snapshot");
  const nodes = await open(nodesPath, "w+", 0o600);
  try {
    const { sessions, acls, digest } = await takeSlices(nodes, whole, on.checkUsable);
    const file = await open(path, "w", 0o600);
    try {
      const chosen = on.chooseDigest(digest) ?? NO_DIGEST;
      const tables = { sessions, acls, digest: chosen };
      for await (const bytes of encodeSnapshot(tables, readAll(nodes))) await file.write(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    on.checkUsable();
    return path;
  } catch (error) {
    await removeFile(path);
    throw error;
  } finally {
    await nodes.close();
    await removeFile(nodesPath);
  }
}

/** Gives a written snapshot its name. */
export async function publishSnapshot(layout: Layout, from: string, zxid: number): Promise<void> {
  await rename(from, layout.snapshotPath(zxid));
}

/** What stands in a snapshot besides its nodes. */
export interface Tables {
  readonly sessions: readonly SessionRecord[];
  readonly acls: readonly AclRecord[];
  readonly digest: DigestAt;
}

async function takeSlices(
  nodes: FileHandle,
  whole: Snapshot,
  checkUsable: () => void,
): Promise<Tables> {
  const acls = new Map<number, AclRecord>();
  const digest = new NodeDigest();
  let sessions: readonly SessionRecord[] = [];
  for await (const slice of whole.slices) {
    checkUsable();
    if (slice.sessions !== undefined) sessions = slice.sessions;
    for (const list of slice.acls) acls.set(list.id, list);
    digest.add(slice.nodes, slice.nodeCount);
    if (slice.nodeCount > 0) await nodes.write(slice.nodes);
  }
  checkUsable();
  const { high, low } = digest.sum;
  return { sessions, acls: [...acls.values()], digest: { zxid: whole.zxid, high, low } };
}

/**
 * The bytes of a snapshot: header, tables, nodes and two seals, as 3.8 writes them (PP 1.2); with
 * `lastZxid` a third, as 3.9 does. Each piece is valid until the next is asked for.
 */
export async function* encodeSnapshot(
  { sessions, acls, digest }: Tables,
  nodes: AsyncIterable<Uint8Array>,
  lastZxid?: Zxid,
): AsyncGenerator<Uint8Array> {
  const writer = new JuteWriter();
  let sum = ADLER_START;
  const counted = (bytes: Uint8Array): Uint8Array => {
    sum = adler32(sum, bytes, 0, bytes.length);
    return bytes;
  };
  function* sealed(fill: () => void): Generator<Uint8Array> {
    writer.clear();
    fill();
    yield counted(writer.view());
    writer.clear();
    writer.int(0);
    writer.int(sum | 0);
    writer.string("/");
    yield counted(writer.view());
  }
  writer.int(SNAPSHOT_MAGIC);
  writer.int(SNAPSHOT_VERSION);
  writer.long(-1);
  writer.int(sessions.length);
  for (const { id, timeoutMs } of sessions) {
    writeSessionId(writer, id);
    writer.int(timeoutMs);
  }
  writer.int(acls.length);
  for (const one of acls) {
    writer.long(one.id);
    writeAcls(writer, one.acls);
  }
  yield counted(writer.view());
  for await (const bytes of nodes) yield counted(bytes);
  yield* sealed(() => writer.string("/"));
  yield* sealed(() => {
    writer.long(digest.zxid);
    writer.int(DIGEST_VERSION);
    writer.int(digest.high);
    writer.int(digest.low);
  });
  if (lastZxid !== undefined) yield* sealed(() => writer.long(lastZxid));
}

async function* readAll(file: FileHandle): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  for (let offset = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, COPY_BYTES, offset);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    offset += bytesRead;
  }
}
