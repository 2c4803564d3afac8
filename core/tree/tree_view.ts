import { decodeUtf8, JuteReader, putInt, putPart } from "../wire/jute.ts";
import { type Acl, readStat, type Stat } from "../wire/records.ts";
import { type Zxid, zxidFromHalves } from "../wire/zxid.ts";
import { AclTable } from "./acl_table.ts";
import { DigestSum, STAT, STAT_INTS } from "./digest.ts";
import { Ephemerals } from "./ephemerals.ts";
import {
  ACL_ID,
  CHILD_COUNT,
  DATA_LENGTH,
  DIGEST,
  FIRST_CHILD,
  NEXT_SIBLING,
  NONE,
  NodeStore,
  NULL_DATA,
  PARENT,
  PATH_AND_DATA_CRC,
  ROOT,
} from "./node_store.ts";
import { kindOfOwner, type NodeKind, ttlOfOwner } from "./owner.ts";
import { encodeUtf8 } from "./path.ts";
import { PathIndex } from "./path_index.ts";

export { ROOT } from "./node_store.ts";
/** A node that is not there. */
export const NO_NODE: number = NONE;
/** Size of the Stat that {@link TreeView.writeStat} writes. */
export const STAT_BYTES = 68;

/** How a tree is made. */
export interface TreeOptions {
  /** Any int32; makes collisions in the look-up table unpredictable. */
  readonly hashSeed: number;
  /**
   * Whether TTL owners are recognised (`zookeeper.extendedTypesEnabled`); else they are sessions.
   */
  readonly extendedTypes: boolean;
}

/**
 * What can be read of a tree. A znode is named by its index: an integer from 0, valid until the
 * node is deleted, then used again. Reading a field makes no object.
 */
export class TreeView {
  readonly options: TreeOptions;
  readonly aclTable: AclTable = new AclTable();
  protected readonly nodes: NodeStore = new NodeStore();
  protected readonly index: PathIndex;
  protected readonly ephemerals: Ephemerals = new Ephemerals(this.nodes);
  protected readonly digestSum: DigestSum = new DigestSum();
  protected readonly counts: { nodes: number; dataBytes: number } = { nodes: 0, dataBytes: 0 };
  #scratch: Uint8Array = new Uint8Array(256);

  constructor(options: TreeOptions) {
    this.options = options;
    this.index = new PathIndex(this.nodes, options.hashSeed);
  }

  /** Znodes, the root and the system nodes included. */
  get nodeCount(): number {
    return this.counts.nodes;
  }

  get ephemeralCount(): number {
    return this.ephemerals.count;
  }

  /** Sum of path lengths and data lengths, in bytes. */
  get approximateDataBytes(): number {
    return this.counts.dataBytes;
  }

  /** Memory that the nodes occupy, in bytes: records, names, data and look-up table. */
  get bytesUsed(): number {
    return this.nodes.bytesHeld + this.index.bytesHeld;
  }

  /** High half of the 64-bit sum of node digests (PP 1.5), a signed int32. */
  get digestHigh(): number {
    return this.digestSum.high;
  }

  get digestLow(): number {
    return this.digestSum.low;
  }

  /**
   * @returns the node of the path in `bytes[start..end)`, or {@link NO_NODE}; "" is the root too.
   */
  find(bytes: Uint8Array, start: number, end: number): number {
    return this.findHashed(this.hash(bytes, start, end), bytes, start, end);
  }

  /** As {@link find}, of a path whose {@link hash} is known. */
  findHashed(hash: number, bytes: Uint8Array, start: number, end: number): number {
    if (this.isRoot(bytes, start, end)) return ROOT;
    return this.index.find(hash, bytes, start, end);
  }

  /** As {@link find}, of a path whose node may be the one of index `guess`. */
  findFrom(guess: number, bytes: Uint8Array, start: number, end: number): number {
    const mayBe = guess !== NO_NODE && guess < this.nodes.end && this.nodes.isUsed(guess);
    if (mayBe && this.nodes.hasPath(guess, bytes, start, end)) return guess;
    return this.find(bytes, start, end);
  }

  /** Of a path, for look-up tables beside the tree's own. */
  hash(bytes: Uint8Array, start: number, end: number): number {
    return this.index.hash(bytes, start, end);
  }

  /** Whether it is one of the root's two names. */
  isRoot(bytes: Uint8Array, start: number, end: number): boolean {
    return end - start <= 1 && (end === start || bytes[start] === SLASH);
  }

  findPath(path: string): number {
    const scratch = this.#room(path.length * 3);
    return this.find(scratch, 0, encodeUtf8(path, scratch, 0));
  }

  /** `"/"` for the root. */
  pathOf(node: number): string {
    const length = this.pathLength(node);
    if (length === 0) return "/";
    const scratch = this.#room(length);
    this.writePath(node, scratch, 0);
    return decodeUtf8(scratch, 0, length);
  }

  nameOf(node: number): string {
    const length = this.nodes.nameLength(node);
    const scratch = this.#room(length);
    this.nodes.copyName(node, scratch, 0);
    return decodeUtf8(scratch, 0, length);
  }

  /** Bytes of the path as snapshots write it: 0 for the root. */
  pathLength(node: number): number {
    let length = 0;
    for (let n = node; n !== ROOT; n = this.parent(n)) length += 1 + this.nodes.nameLength(n);
    return length;
  }

  /** Writes the path, {@link pathLength} bytes, to `target[at..)`. */
  writePath(node: number, target: Uint8Array, at: number): void {
    let to = at + this.pathLength(node);
    for (let n = node; n !== ROOT; n = this.parent(n)) {
      to -= this.nodes.nameLength(n);
      this.nodes.copyName(n, target, to);
      target[--to] = SLASH;
    }
  }

  /** Bytes of the name. */
  nameLength(node: number): number {
    return this.nodes.nameLength(node);
  }

  /** Writes the name, {@link nameLength} bytes, to `target[at..)`. */
  writeName(node: number, target: Uint8Array, at: number): void {
    this.nodes.copyName(node, target, at);
  }

  /** Every node's index is below this. */
  get indexEnd(): number {
    return this.nodes.end;
  }

  /** Whether an index below {@link indexEnd} is a node now. */
  isNode(index: number): boolean {
    return this.nodes.isUsed(index);
  }

  /** {@link NO_NODE} for the root. */
  parent(node: number): number {
    return this.nodes.get(node, PARENT);
  }

  /**
   * First child, {@link NO_NODE} if none; goes on with {@link nextSibling}, in order of creation.
   */
  firstChild(node: number): number {
    return this.nodes.get(node, FIRST_CHILD);
  }

  nextSibling(node: number): number {
    return this.nodes.get(node, NEXT_SIBLING);
  }

  /** All nodes below; takes time in proportion to their number, except for the root. */
  descendantCount(node: number): number {
    if (node === ROOT) return this.counts.nodes - 1;
    let count = 0;
    for (let n = this.nextBelow(node, node); n !== NONE; n = this.nextBelow(n, node)) count += 1;
    return count;
  }

  /**
   * The node after `node` in a walk of all below `top`, parents first; {@link NO_NODE} at the end.
   */
  nextBelow(node: number, top: number): number {
    const child = this.firstChild(node);
    if (child !== NONE) return child;
    for (let n = node; n !== top; n = this.parent(n)) {
      const sibling = this.nextSibling(n);
      if (sibling !== NONE) return sibling;
    }
    return NONE;
  }

  /** First ephemeral of a session in order of creation, {@link NO_NODE} if none. */
  firstEphemeral(sessionHigh: number, sessionLow: number): number {
    return this.ephemerals.first(sessionHigh, sessionLow);
  }

  nextEphemeral(node: number): number {
    return this.ephemerals.next(node);
  }

  czxid(node: number): Zxid {
    return this.#long(node, STAT.czxid);
  }

  mzxid(node: number): Zxid {
    return this.#long(node, STAT.mzxid);
  }

  pzxid(node: number): Zxid {
    return this.#long(node, STAT.pzxid);
  }

  /** Ms since 1970, as are all times. */
  ctime(node: number): number {
    return this.#long(node, STAT.ctime);
  }

  mtime(node: number): number {
    return this.#long(node, STAT.mtime);
  }

  version(node: number): number {
    return this.nodes.get(node, STAT.version);
  }

  /** As stored: creations of children, from which sequence numbers come. */
  cversion(node: number): number {
    return this.nodes.get(node, STAT.cversion);
  }

  aversion(node: number): number {
    return this.nodes.get(node, STAT.aversion);
  }

  childCount(node: number): number {
    return this.nodes.get(node, CHILD_COUNT);
  }

  /** The owner field, raw: a session's halves, or the mark of a container or TTL node. */
  ownerHigh(node: number): number {
    return this.nodes.get(node, STAT.owner);
  }

  ownerLow(node: number): number {
    return this.nodes.get(node, STAT.owner + 1);
  }

  kind(node: number): NodeKind {
    return kindOfOwner(this.ownerHigh(node), this.ownerLow(node), this.options.extendedTypes);
  }

  /** 0 unless {@link kind} is `ttl`. */
  ttlMs(node: number): number {
    return this.kind(node) === "ttl" ? ttlOfOwner(this.ownerHigh(node), this.ownerLow(node)) : 0;
  }

  /** The id of the node's ACL list; -1 is world:anyone:all. */
  aclId(node: number): number {
    return this.nodes.get(node, ACL_ID);
  }

  /** The list of an id that a node has; the same array for the same id. */
  acls(aclId: number): readonly Acl[] {
    return this.aclTable.list(aclId);
  }

  /** In bytes; 0 for null. */
  dataLength(node: number): number {
    return Math.max(0, this.nodes.get(node, DATA_LENGTH));
  }

  hasNullData(node: number): boolean {
    return this.nodes.get(node, DATA_LENGTH) === NULL_DATA;
  }

  /** Copies the data, {@link dataLength} bytes, to `target[at..)`. */
  writeData(node: number, target: Uint8Array, at: number): void {
    const from = this.nodes.dataOffset(node);
    putPart(target, at, this.nodes.dataArray(node), from, from + this.dataLength(node));
  }

  /** A copy. */
  data(node: number): Uint8Array | null {
    if (this.hasNullData(node)) return null;
    const copy = new Uint8Array(this.dataLength(node));
    this.writeData(node, copy, 0);
    return copy;
  }

  /** Writes the Stat that a client sees, {@link STAT_BYTES} bytes (CP 9), to `target[at..)`. */
  writeStat(node: number, target: Uint8Array, at: number): void {
    const ints = this.nodes.ints(node);
    const from = this.nodes.base(node);
    const children = ints[from + CHILD_COUNT] as number;
    const isOwned = this.kind(node) === "ephemeral";
    putLong(target, at, ints, from + STAT.czxid);
    putLong(target, at + 8, ints, from + STAT.mzxid);
    putLong(target, at + 16, ints, from + STAT.ctime);
    putLong(target, at + 24, ints, from + STAT.mtime);
    putInt(target, at + 32, ints[from + STAT.version] as number);
    putInt(target, at + 36, 2 * (ints[from + STAT.cversion] as number) - children);
    putInt(target, at + 40, ints[from + STAT.aversion] as number);
    putInt(target, at + 44, isOwned ? (ints[from + STAT.owner] as number) : 0);
    putInt(target, at + 48, isOwned ? (ints[from + STAT.owner + 1] as number) : 0);
    putInt(target, at + 52, this.dataLength(node));
    putInt(target, at + 56, children);
    putLong(target, at + 60, ints, from + STAT.pzxid);
  }

  /** The same as an object. */
  stat(node: number): Stat {
    const bytes = new Uint8Array(STAT_BYTES);
    this.writeStat(node, bytes, 0);
    return readStat(new JuteReader(bytes));
  }

  /** Copies the stat, `STAT_INTS` ints laid out as `STAT`, to `target[at..)`. */
  copyStatInts(node: number, target: Int32Array, at: number): void {
    const ints = this.nodes.ints(node);
    const from = this.nodes.base(node);
    for (let i = 0; i < STAT_INTS; i++) target[at + i] = ints[from + i] as number;
  }

  /** The running CRC of path and data, for `digestOfStat`. */
  crcOfPathAndData(node: number): number {
    return this.nodes.get(node, PATH_AND_DATA_CRC);
  }

  /** The node's part of the tree digest; 0 when it {@link isOutsideDigest}. */
  digest(node: number): number {
    return this.nodes.get(node, DIGEST);
  }

  /** Whether the node lies below `/zookeeper`, which the digest leaves out (PP 1.5). */
  isOutsideDigest(node: number): boolean {
    return this.nodes.isSystem(node);
  }

  #long(node: number, field: number): number {
    return zxidFromHalves(this.nodes.get(node, field), this.nodes.get(node, field + 1));
  }

  /** Scratch memory, good until the next call. */
  #room(sizeBytes: number): Uint8Array {
    if (sizeBytes > this.#scratch.length) this.#scratch = new Uint8Array(sizeBytes * 2);
    return this.#scratch;
  }
}

function putLong(target: Uint8Array, at: number, ints: Int32Array, from: number): void {
  putInt(target, at, ints[from] as number);
  putInt(target, at + 4, ints[from + 1] as number);
}

const SLASH = 0x2f;
