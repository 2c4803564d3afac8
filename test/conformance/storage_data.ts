/** Builders for what a storage is given: transactions, batches, node records, snapshots. */
import assert from "node:assert/strict";
import type {
  AclRecord,
  LogBatch,
  SessionRecord,
  Snapshot,
  SnapshotSlice,
  Storage,
} from "../../core/contracts/storage.ts";
import { JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import { makeZxid, type Zxid } from "../../core/wire/zxid.ts";

const SET_DATA = 5;

/** Where epoch 2 begins; no transaction has this zxid. */
export const EPOCH_2: Zxid = makeZxid(2, 0);

/** A text as the data of a znode. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A batch of one transaction for each zxid: TxnHeader and `bodySize` bytes of body (PP 2). */
export function batchOf(zxids: readonly Zxid[], bodySize = 20): LogBatch {
  const writer = new JuteWriter();
  for (const zxid of zxids) {
    writer.int(32 + bodySize);
    writer.long(0x1234);
    writer.int(7);
    writer.long(zxid);
    writer.long(1_700_000_000_000);
    writer.int(SET_DATA);
    writer.raw(new Uint8Array(bodySize).fill(zxid));
  }
  const firstZxid = zxids[0] as Zxid;
  const lastZxid = zxids[zxids.length - 1] as Zxid;
  return { firstZxid, lastZxid, count: zxids.length, bytes: writer.copy() };
}

/** The zxids of a batch's transactions, read from its bytes. */
export function zxidsOf(batch: LogBatch): Zxid[] {
  const zxids: Zxid[] = [];
  const reader = new JuteReader(batch.bytes);
  while (reader.remaining > 0) {
    const size = reader.int();
    reader.skip(12);
    zxids.push(reader.long());
    reader.skip(size - 20);
  }
  return zxids;
}

/** What a test says of a znode; its Stat has `mzxid` and zeros elsewhere. */
export interface NodeData {
  /** `"/"` is the root. */
  readonly path: string;
  readonly data?: Uint8Array | null;
  readonly aclId?: number;
  readonly mzxid?: Zxid;
}

/** A slice of these znodes. */
export function sliceOf(
  nodes: readonly NodeData[],
  parts: {
    readonly sessions?: readonly SessionRecord[];
    readonly acls?: readonly AclRecord[];
    readonly deleted?: readonly string[];
  } = {},
): SnapshotSlice {
  const writer = new JuteWriter();
  for (const { path, data = null, aclId = -1, mzxid = 0 } of nodes) {
    writer.string(path === "/" ? "" : path);
    writer.buffer(data);
    writer.long(aclId);
    writer.long(0);
    writer.long(mzxid);
    writer.raw(new Uint8Array(44));
  }
  const { sessions, acls = [], deleted = [] } = parts;
  return { sessions, acls, deleted, nodeCount: nodes.length, nodes: writer.copy() };
}

/** A snapshot of these slices. */
export function snapshotOf(zxid: Zxid, ...slices: readonly SnapshotSlice[]): Snapshot {
  return { zxid, slices: iterate(slices) };
}

async function* iterate(slices: readonly SnapshotSlice[]): AsyncGenerator<SnapshotSlice> {
  yield* slices;
}

/** A snapshot read to its end: znodes in their order with the text of their data, ACLs resolved. */
export interface ReadSnapshot {
  readonly zxid: Zxid;
  readonly sessions: readonly string[];
  readonly nodes: readonly string[];
}

/** Reads a snapshot to its end; each znode becomes `path=data@mzxid`, with `!ids` for its ACL. */
export async function readSnapshot(snapshot: Snapshot): Promise<ReadSnapshot> {
  const sessions: string[] = [];
  const nodes: string[] = [];
  const lists = new Map<number, string>();
  for await (const slice of snapshot.slices) {
    for (const { id, timeoutMs } of slice.sessions ?? []) sessions.push(`${id} ${timeoutMs}`);
    for (const { id, acls } of slice.acls) lists.set(id, acls.map((acl) => acl.id).join());
    const reader = new JuteReader(slice.nodes);
    for (let i = 0; i < slice.nodeCount; i++) {
      const path = reader.text();
      const data = reader.buffer();
      const aclId = reader.long();
      reader.skip(8);
      const text = data === null ? "null" : new TextDecoder().decode(data);
      const acl = aclId === -1 ? "" : `!${lists.get(aclId)}`;
      nodes.push(`${path}=${text}@${reader.long()}${acl}`);
      reader.skip(44);
    }
    if (reader.remaining > 0) throw new Error("nodeCount is too small");
  }
  return { zxid: snapshot.zxid, sessions, nodes };
}

/** The zxids that `read(after)` gives; checks what each batch says of itself. */
export async function readAll(storage: Storage, after: Zxid): Promise<Zxid[]> {
  const zxids: Zxid[] = [];
  for await (const batch of storage.read(after)) {
    const part = zxidsOf(batch);
    assert.equal(batch.count, part.length);
    assert.equal(batch.firstZxid, part[0]);
    assert.equal(batch.lastZxid, part.at(-1));
    zxids.push(...part);
  }
  return zxids;
}

/** Appends them one after the other. */
export async function fill(storage: Storage, ...batches: readonly LogBatch[]): Promise<void> {
  for (const batch of batches) await storage.append(batch);
}
