import type { SliceSource } from "../contracts/consensus.ts";
import type { AclRecord, SessionRecord, SnapshotSlice } from "../contracts/storage.ts";
import { decodeUtf8, JuteWriter, putInt } from "../wire/jute.ts";
import type { Zxid } from "../wire/zxid.ts";
import { OPEN_ACL_ID } from "./acl_table.ts";
import { STAT, STAT_INTS } from "./digest.ts";
import { NodeSet } from "./node_set.ts";
import { NO_NODE, type NodeTracker, ROOT, type Tree } from "./tree.ts";

/** A slice ends at the node that passes one of these, so that clients have their turn soon. */
export const SLICE_NODES_MAX = 250;
/** Bytes of node records at which a slice ends; one node alone may take more. */
const SLICE_BYTES_MAX = 32 * 1024;

/**
 * The whole tree, parents before children: for a peer that needs a snapshot. Transactions may be
 * applied between two slices (PP 1.3): what they create, change or delete may or may not be in it,
 * and replaying all that come after its zxid puts that right. The first slice has every session
 * (ZOOKEEPER-3144) and every access control list in use at that time, since a peer is told all of
 * them before the first node; nothing is locked meanwhile (ZOOKEEPER-3531).
 */
export function wholeTree(tree: Tree): SliceSource {
  return new WholeTree(tree);
}

class WholeTree implements SliceSource, NodeTracker {
  readonly zxid: Zxid;
  readonly #tree: Tree;
  readonly #writer: SliceWriter;
  /** Nodes that are in a slice. */
  readonly #written = new NodeSet();
  readonly #ancestors: number[] = [];
  readonly #end: number;
  #node = ROOT;

  constructor(tree: Tree) {
    this.zxid = tree.lastZxid;
    this.#tree = tree;
    this.#writer = new SliceWriter(tree);
    this.#writer.listAllAcls();
    this.#end = tree.indexEnd;
    tree.track(this);
  }

  next(): SnapshotSlice | undefined {
    if (this.#node === this.#end) return undefined;
    const visitEnd = Math.min(this.#end, this.#node + VISITS_MAX);
    while (this.#node < visitEnd && !this.#writer.isFull) this.#visit(this.#node++);
    if (this.#node === this.#end) this.close();
    return this.#writer.take([]);
  }

  close(): void {
    this.#node = this.#end;
    this.#tree.untrack(this);
  }

  touched(): void {}

  /** A later node may get the index: it is not written yet, and must be before its children. */
  removed(node: number): void {
    this.#written.delete(node);
  }

  #visit(node: number): void {
    if (!this.#tree.isNode(node)) return;
    for (let n = node; n !== NO_NODE && !this.#written.has(n); n = this.#tree.parent(n)) {
      this.#ancestors.push(n);
    }
    for (let n = this.#ancestors.pop(); n !== undefined; n = this.#ancestors.pop()) {
      this.#written.add(n);
      this.#writer.add(n);
    }
  }
}

/** Remembers what changes in a tree, so that a checkpoint writes that and no more. */
export class ChangeTracker implements NodeTracker {
  readonly #tree: Tree;
  #touched = new NodeSet();
  #deleted: string[] = [];

  /** Everything is unchanged at first. */
  constructor(tree: Tree) {
    this.#tree = tree;
    tree.track(this);
  }

  /**
   * What changed since the last call; from now on changes are for the next one. Nodes come in no
   * order: a child may be before its parent.
   */
  take(): SliceSource {
    const source = new ChangedNodes(this.#tree, this.#touched, this.#deleted);
    this.#touched = new NodeSet();
    this.#deleted = [];
    return source;
  }

  touched(node: number): void {
    this.#touched.add(node);
  }

  removed(node: number, bytes: Uint8Array, start: number, end: number): void {
    this.#touched.delete(node);
    this.#deleted.push(decodeUtf8(bytes, start, end));
  }
}

class ChangedNodes implements SliceSource {
  readonly zxid: Zxid;
  readonly #tree: Tree;
  readonly #writer: SliceWriter;
  readonly #nodes: NodeSet;
  readonly #deleted: readonly string[];
  #deletedAt = 0;
  #node: number;

  constructor(tree: Tree, nodes: NodeSet, deleted: readonly string[]) {
    this.zxid = tree.lastZxid;
    this.#tree = tree;
    this.#writer = new SliceWriter(tree);
    this.#nodes = nodes;
    this.#deleted = deleted;
    this.#node = nodes.next(0);
  }

  next(): SnapshotSlice | undefined {
    const deleted = this.#deleted.slice(this.#deletedAt, this.#deletedAt + SLICE_NODES_MAX);
    this.#deletedAt += deleted.length;
    if (deleted.length < SLICE_NODES_MAX) this.#addNodes();
    const isLast = this.#node === -1 && this.#deletedAt === this.#deleted.length;
    if (isLast && this.#writer.isEmpty && deleted.length === 0) {
      return this.#writer.isFirst ? this.#writer.take([]) : undefined;
    }
    return this.#writer.take(deleted);
  }

  close(): void {
    this.#node = -1;
    this.#deletedAt = this.#deleted.length;
  }

  #addNodes(): void {
    while (this.#node !== -1 && !this.#writer.isFull) {
      // Deleted meanwhile: the next checkpoint says so.
      if (this.#tree.isNode(this.#node)) this.#writer.add(this.#node);
      this.#node = this.#nodes.next(this.#node + 1);
    }
  }
}

/** Encodes nodes as Apache's snapshots do, and cuts slices. */
class SliceWriter {
  readonly #tree: Tree;
  readonly #listed = new Set<number>();
  readonly #stat = new Int32Array(STAT_INTS);
  #acls: AclRecord[] = [];
  #nodeCount = 0;
  // Used again for each slice: megabytes of new buffers would make the collector's work long. It
  // begins small, since what has changed since the last checkpoint may be little.
  readonly #writer = new JuteWriter(4_096);
  isFirst = true;

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  get isEmpty(): boolean {
    return this.#nodeCount === 0;
  }

  get isFull(): boolean {
    return this.#nodeCount >= SLICE_NODES_MAX || this.#writer.length >= SLICE_BYTES_MAX;
  }

  /** Puts every list of the tree into the next slice. */
  listAllAcls(): void {
    for (const id of this.#tree.aclTable.ids()) this.#listAcl(id);
  }

  add(node: number): void {
    const tree = this.#tree;
    const pathLength = tree.pathLength(node);
    const dataLength = tree.dataLength(node);
    const aclId = this.#listAcl(tree.aclId(node));
    let at = this.#writer.reserve(FIXED_BYTES + pathLength + dataLength);
    const { bytes } = this.#writer;
    putInt(bytes, at, pathLength);
    tree.writePath(node, bytes, at + 4);
    at += 4 + pathLength;
    putInt(bytes, at, tree.hasNullData(node) ? -1 : dataLength);
    tree.writeData(node, bytes, at + 4);
    at += 4 + dataLength;
    putInt(bytes, at, aclId < 0 ? -1 : 0);
    putInt(bytes, at + 4, aclId);
    at += 8;
    tree.copyStatInts(node, this.#stat, 0);
    for (const field of PERSISTED) {
      putInt(bytes, at, this.#stat[field] as number);
      at += 4;
    }
    this.#nodeCount += 1;
  }

  take(deleted: readonly string[]): SnapshotSlice {
    const slice = {
      sessions: this.isFirst ? sessionsOf(this.#tree) : undefined,
      acls: this.#acls,
      deleted,
      nodeCount: this.#nodeCount,
      nodes: this.#writer.view(),
    };
    this.isFirst = false;
    this.#acls = [];
    this.#nodeCount = 0;
    this.#writer.clear();
    return slice;
  }

  #listAcl(id: number): number {
    if (id !== OPEN_ACL_ID && !this.#listed.has(id)) {
      this.#listed.add(id);
      this.#acls.push({ id, acls: this.#tree.acls(id) });
    }
    return id;
  }
}

function sessionsOf(tree: Tree): SessionRecord[] {
  const sessions: SessionRecord[] = [];
  for (const [id, { timeoutMs }] of tree.sessions.entries()) sessions.push({ id, timeoutMs });
  return sessions;
}

/** StatPersisted, int by int (PP 1.2). */
export const PERSISTED: readonly number[] = [
  ...longs(STAT.czxid, STAT.mzxid, STAT.ctime, STAT.mtime),
  ...[STAT.version, STAT.cversion, STAT.aversion],
  ...longs(STAT.owner, STAT.pzxid),
];

function longs(...fields: number[]): number[] {
  return fields.flatMap((field) => [field, field + 1]);
}

/** Of a node besides path and data: their lengths, the ACL list's id, the stat. */
const FIXED_BYTES = 16 + 4 * PERSISTED.length;
/** Indexes that a slice of a whole tree looks at; most may be unused. */
const VISITS_MAX = 50_000;
