import { demandAbove, partOfBatch } from "../../core/contracts/log_batch.ts";
import {
  locateNodeRecord,
  type NodeRecord,
  nodeRecordPath,
} from "../../core/contracts/node_record.ts";
import {
  closedError,
  type LogBatch,
  type SessionRecord,
  type Snapshot,
  type SnapshotSlice,
  type Storage,
  type StorageState,
  type StorageTraits,
} from "../../core/contracts/storage.ts";
import { getInt, putInt } from "../../core/wire/jute.ts";
import type { Acl } from "../../core/wire/records.ts";
import { ZXID_ZERO, type Zxid } from "../../core/wire/zxid.ts";

const SLICE_NODES = 2_000;
const NO_ACLS: readonly Acl[] = [];

interface StoredNode {
  readonly record: Uint8Array;
  /** Undefined for world:anyone:all, whose id is -1 in every snapshot. */
  readonly acls: readonly Acl[] | undefined;
}

interface StoredTree {
  readonly nodes: Map<string, StoredNode>;
  sessions: readonly SessionRecord[];
}

/** A {@link Storage} without a disk. */
export class MemoryStorage implements Storage {
  readonly traits: StorageTraits = { durable: false };
  #batches: LogBatch[] = [];
  #tree: StoredTree = { nodes: new Map(), sessions: [] };
  #lastZxid = ZXID_ZERO;
  #checkpointZxid = ZXID_ZERO;
  /** Below this the log has been dropped. */
  #floorZxid = ZXID_ZERO;
  #acceptedEpoch = 0;
  #currentEpoch = 0;
  #isOpen = false;

  open(): Promise<StorageState> {
    this.#isOpen = true;
    return Promise.resolve({
      lastZxid: this.#lastZxid,
      checkpointZxid: this.#checkpointZxid,
      acceptedEpoch: this.#acceptedEpoch,
      currentEpoch: this.#currentEpoch,
    });
  }

  get lastZxid(): Zxid {
    return this.#lastZxid;
  }

  async append(batch: LogBatch): Promise<void> {
    this.#requireOpen();
    demandAbove(this.#lastZxid, batch);
    // The caller may use its buffer again.
    this.#batches.push({ ...batch, bytes: batch.bytes.slice() });
    this.#lastZxid = batch.lastZxid;
  }

  async *read(after: Zxid): AsyncGenerator<LogBatch> {
    this.#requireOpen();
    let at = after;
    for (;;) {
      const batch = this.#batches[this.#indexAbove(at)];
      const part = batch && partOfBatch(batch, at, batch.lastZxid);
      if (part === undefined) return;
      at = part.lastZxid;
      yield part;
      this.#requireOpen();
    }
  }

  async sizeBetween(after: Zxid, through: Zxid): Promise<number> {
    this.#requireOpen();
    let sizeBytes = 0;
    for (let index = this.#indexAbove(after); index < this.#batches.length; index++) {
      const part = partOfBatch(this.#batches[index]!, after, through);
      if (part === undefined) break;
      sizeBytes += part.bytes.length;
    }
    return sizeBytes;
  }

  async truncate(through: Zxid): Promise<boolean> {
    this.#requireOpen();
    if (through < this.#checkpointZxid || through > this.#lastZxid) return false;
    const index = this.#indexAbove(through - 1);
    const batch = this.#batches[index];
    const part = batch && partOfBatch(batch, batch.firstZxid - 1, through);
    if (part?.lastZxid !== through && through !== this.#checkpointZxid) return false;
    this.#batches.length = index;
    if (part !== undefined) this.#batches.push(part);
    this.#lastZxid = through;
    return true;
  }

  async setAcceptedEpoch(epoch: number): Promise<void> {
    this.#requireOpen();
    this.#acceptedEpoch = epoch;
  }

  async setCurrentEpoch(epoch: number): Promise<void> {
    this.#requireOpen();
    this.#currentEpoch = epoch;
  }

  async checkpoint(changes: Snapshot): Promise<void> {
    this.#requireOpen();
    await takeInto(this.#tree, changes);
    this.#requireOpen();
    this.#checkpointZxid = changes.zxid;
    if (this.#lastZxid < changes.zxid) this.#lastZxid = changes.zxid;
  }

  load(): Snapshot {
    this.#requireOpen();
    return { zxid: this.#checkpointZxid, slices: slicesOf(this.#tree) };
  }

  async install(whole: Snapshot, currentEpoch: number): Promise<void> {
    this.#requireOpen();
    const tree: StoredTree = { nodes: new Map(), sessions: [] };
    await takeInto(tree, whole);
    this.#requireOpen();
    this.#tree = tree;
    this.#batches = [];
    this.#lastZxid = whole.zxid;
    this.#checkpointZxid = whole.zxid;
    this.#floorZxid = whole.zxid;
    this.#currentEpoch = currentEpoch;
  }

  async trim(before: Zxid): Promise<Zxid> {
    this.#requireOpen();
    const limit = Math.min(before, this.#checkpointZxid);
    const index = this.#indexAbove(limit);
    if (index > 0) this.#floorZxid = this.#batches[index - 1]!.lastZxid;
    this.#batches.splice(0, index);
    return this.#floorZxid;
  }

  async damage(): Promise<readonly string[]> {
    this.#requireOpen();
    return [];
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }

  /** The first batch with a transaction above `zxid`. */
  #indexAbove(zxid: Zxid): number {
    let low = 0;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#batches[middle]!.lastZxid > zxid) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #requireOpen(): void {
    if (!this.#isOpen) throw closedError();
  }
}

async function takeInto(tree: StoredTree, snapshot: Snapshot): Promise<void> {
  const lists = new Map<number, readonly Acl[]>();
  for await (const slice of snapshot.slices) {
    if (slice.sessions !== undefined) tree.sessions = slice.sessions;
    for (const { id, acls } of slice.acls) lists.set(id, acls);
    for (const path of slice.deleted) tree.nodes.delete(path);
    takeNodes(tree.nodes, slice.nodes, lists);
  }
}

function takeNodes(
  target: Map<string, StoredNode>,
  nodes: Uint8Array,
  lists: ReadonlyMap<number, readonly Acl[]>,
): void {
  const found: NodeRecord = { pathStart: 0, pathEnd: 0, aclAt: 0, end: 0 };
  for (let at = 0; at < nodes.length; at = found.end) {
    locateNodeRecord(nodes, at, found);
    const aclId = getInt(nodes, found.aclAt + 4);
    const acls = aclId === -1 ? undefined : (lists.get(aclId) ?? NO_ACLS);
    target.set(nodeRecordPath(nodes, found), { record: nodes.slice(at, found.end), acls });
  }
}

async function* slicesOf(tree: StoredTree): AsyncGenerator<SnapshotSlice> {
  // A path sorts behind its prefixes, so parents come before children.
  const paths = [...tree.nodes.keys()].sort();
  const ids = new Map<readonly Acl[], number>();
  for (let start = 0; start === 0 || start < paths.length; start += SLICE_NODES) {
    if (paths.length === 0 && tree.sessions.length === 0) return;
    const part = paths.slice(start, start + SLICE_NODES);
    const nodes = part.map((path) => tree.nodes.get(path)!);
    const known = ids.size;
    const records = nodes.map((node) => withAclId(node, ids));
    yield {
      sessions: start === 0 ? tree.sessions : undefined,
      acls: [...ids].slice(known).map(([acls, id]) => ({ id, acls })),
      deleted: [],
      nodeCount: part.length,
      nodes: Buffer.concat(records),
    };
  }
}

/** The record with the id that its list has in this snapshot. */
function withAclId({ record, acls }: StoredNode, ids: Map<readonly Acl[], number>): Uint8Array {
  if (acls === undefined) return record;
  let id = ids.get(acls);
  if (id === undefined) ids.set(acls, (id = ids.size + 1));
  const copy = record.slice();
  const found: NodeRecord = { pathStart: 0, pathEnd: 0, aclAt: 0, end: 0 };
  locateNodeRecord(copy, 0, found);
  putInt(copy, found.aclAt, 0);
  putInt(copy, found.aclAt + 4, id);
  return copy;
}
