import { type FileHandle, open, rename } from "node:fs/promises";
import type { AclRecord, SessionRecord, Snapshot } from "../../core/contracts/storage.ts";
import { DIGEST_VERSION } from "../../core/tree/digest.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { writeAcls, writeSessionId } from "../../core/wire/records.ts";
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
      await assemble(file, nodes, { sessions, acls, digest: chosen });
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

interface Tables {
  readonly sessions: readonly SessionRecord[];
  readonly acls: ReadonlyMap<number, AclRecord>;
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
  return { sessions, acls, digest: { zxid: whole.zxid, high, low } };
}

/** Header, tables, nodes and two seals, as 3.8 writes them (PP 1.2). */
async function assemble(file: FileHandle, nodes: FileHandle, tables: Tables): Promise<void> {
  const writer = new JuteWriter();
  writer.int(SNAPSHOT_MAGIC);
  writer.int(SNAPSHOT_VERSION);
  writer.long(-1);
  writer.int(tables.sessions.length);
  for (const { id, timeoutMs } of tables.sessions) {
    writeSessionId(writer, id);
    writer.int(timeoutMs);
  }
  writer.int(tables.acls.size);
  for (const { id, acls } of tables.acls.values()) {
    writer.long(id);
    writeAcls(writer, acls);
  }
  let sum = ADLER_START;
  const put = async (bytes: Uint8Array): Promise<void> => {
    sum = adler32(sum, bytes, 0, bytes.length);
    await file.write(bytes);
  };
  await put(writer.view());
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  for (let offset = 0; ; ) {
    const { bytesRead } = await nodes.read(buffer, 0, COPY_BYTES, offset);
    if (bytesRead === 0) break;
    await put(buffer.subarray(0, bytesRead));
    offset += bytesRead;
  }
  const putSealed = async (fill: () => void): Promise<void> => {
    writer.clear();
    fill();
    await put(writer.view());
    writer.clear();
    writer.int(0);
    writer.int(sum | 0);
    writer.string("/");
    await put(writer.view());
  };
  await putSealed(() => writer.string("/"));
  await putSealed(() => {
    writer.long(tables.digest.zxid);
    writer.int(DIGEST_VERSION);
    writer.int(tables.digest.high);
    writer.int(tables.digest.low);
  });
}
