import { CRC_START, crcOfBytes, STAT, STAT_INTS } from "../tree/digest.ts";
import { NO_NODE } from "../tree/tree.ts";
import { decodeUtf8, type JuteWriter, putPart } from "../wire/jute.ts";
import { type Acl, OPEN_ACL } from "../wire/records.ts";
import { type Zxid, zxidHigh, zxidLow } from "../wire/zxid.ts";

const BUCKETS_FRESH = 4096;
const QUEUE_FRESH = 4096;

/** A znode as it will be once everything prepared has been applied. Made by `PendingPool`. */
export class PendingNode {
  // What releasing a node looks at comes first, to lie together.
  /** The last transaction that changed it; 0 when none in flight does. */
  zxid: Zxid = 0;
  /** The next in the same bucket of {@link PendingTable}. */
  next: PendingNode | undefined;
  /** As the tree's look-up table has it. */
  hash = 0;
  /** Bytes of the path; none for the root. */
  pathLength = 0;
  /** Its index in the tree when it was looked at, or `NO_NODE`; another may have that by now. */
  treeNode: number = NO_NODE;
  /** Holds the path from {@link pathAt} on. */
  path: Uint8Array;
  pathAt: number;
  /** Below `/zookeeper`, and so outside the digest. */
  isSystem = false;
  exists = false;
  childCount = 0;
  /** In bytes; 0 for null. */
  dataLength = 0;
  acls: readonly Acl[] = OPEN_ACL;
  /** Running CRC of path and data. */
  crc = 0;
  /** Its part of the tree's digest; 0 where it has none. */
  digest = 0;
  /** Holds the stat from {@link statAt} on, laid out as {@link STAT}. */
  readonly ints: Int32Array;
  readonly statAt: number;
  #pathRoom: number;

  /** Takes memory that may lie in one piece with that of others. */
  constructor(
    ints: Int32Array,
    statAt: number,
    path: Uint8Array,
    pathAt: number,
    pathRoom: number,
  ) {
    this.ints = ints;
    this.statAt = statAt;
    this.path = path;
    this.pathAt = pathAt;
    this.#pathRoom = pathRoom;
  }

  get version(): number {
    return this.ints[this.statAt + STAT.version] as number;
  }

  set version(version: number) {
    this.ints[this.statAt + STAT.version] = version;
  }

  get cversion(): number {
    return this.ints[this.statAt + STAT.cversion] as number;
  }

  set cversion(cversion: number) {
    this.ints[this.statAt + STAT.cversion] = cversion;
  }

  get aversion(): number {
    return this.ints[this.statAt + STAT.aversion] as number;
  }

  set aversion(aversion: number) {
    this.ints[this.statAt + STAT.aversion] = aversion;
  }

  get ownerHigh(): number {
    return this.ints[this.statAt + STAT.owner] as number;
  }

  get ownerLow(): number {
    return this.ints[this.statAt + STAT.owner + 1] as number;
  }

  setOwner(high: number, low: number): void {
    this.ints[this.statAt + STAT.owner] = high;
    this.ints[this.statAt + STAT.owner + 1] = low;
  }

  /** Whether a session, a container or a time to live is in the owner's place. */
  get isOwned(): boolean {
    return this.ownerHigh !== 0 || this.ownerLow !== 0;
  }

  /** The path as a string. */
  get text(): string {
    return this.pathLength === 0
      ? "/"
      : decodeUtf8(this.path, this.pathAt, this.pathAt + this.pathLength);
  }

  /** Bytes that there is memory for. */
  get pathRoom(): number {
    return this.#pathRoom;
  }

  setPath(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length > this.#pathRoom) {
      this.path = new Uint8Array(length);
      this.pathAt = 0;
      this.#pathRoom = length;
    }
    putPart(this.path, this.pathAt, bytes, start, end);
    this.pathLength = length;
  }

  hasPath(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.pathLength !== end - start) return false;
    const { path, pathAt } = this;
    // From the end, where paths differ.
    for (let i = end - start - 1; i >= 0; i--) {
      if (path[pathAt + i] !== bytes[start + i]) return false;
    }
    return true;
  }

  /** Sets a 64-bit field of the stat. */
  setLong(field: number, value: number): void {
    this.ints[this.statAt + field] = zxidHigh(value);
    this.ints[this.statAt + field + 1] = zxidLow(value);
  }

  /** Makes the stat that of a node made just now. */
  stampNew(zxid: Zxid, timeMs: number): void {
    const { ints, statAt: at } = this;
    for (let i = 0; i < STAT_INTS; i++) ints[at + i] = 0;
    this.setLong(STAT.czxid, zxid);
    this.setLong(STAT.mzxid, zxid);
    this.setLong(STAT.pzxid, zxid);
    this.setLong(STAT.ctime, timeMs);
    this.setLong(STAT.mtime, timeMs);
  }

  /** Takes over another state of the same path. */
  copyFrom(other: PendingNode): void {
    this.zxid = other.zxid;
    this.treeNode = other.treeNode;
    this.exists = other.exists;
    this.childCount = other.childCount;
    this.dataLength = other.dataLength;
    this.acls = other.acls;
    this.crc = other.crc;
    this.digest = other.digest;
    const { ints, statAt: at } = this;
    const { ints: from, statAt: fromAt } = other;
    // Cheaper than `set` for so few.
    for (let i = 0; i < STAT_INTS; i++) ints[at + i] = from[fromAt + i] as number;
  }
}

/** Finds pending nodes by the hash and the bytes of their paths; makes nothing on the way. */
export class PendingTable {
  #buckets: (PendingNode | undefined)[] = new Array(BUCKETS_FRESH).fill(undefined);
  #count = 0;

  find(hash: number, bytes: Uint8Array, start: number, end: number): PendingNode | undefined {
    let node = this.#buckets[hash & (this.#buckets.length - 1)];
    while (node !== undefined && (node.hash !== hash || !node.hasPath(bytes, start, end))) {
      node = node.next;
    }
    return node;
  }

  /** Adds a node whose path is not in the table. */
  add(node: PendingNode): void {
    if (this.#count >= this.#buckets.length * 2) this.#grow();
    this.#put(node);
    this.#count += 1;
  }

  /** Takes out a node that is in the table. */
  remove(node: PendingNode): void {
    const at = node.hash & (this.#buckets.length - 1);
    let before = this.#buckets[at];
    if (before === node) {
      this.#buckets[at] = node.next;
    } else {
      while (before !== undefined && before.next !== node) before = before.next;
      if (before !== undefined) before.next = node.next;
    }
    node.next = undefined;
    this.#count -= 1;
  }

  #put(node: PendingNode): void {
    const at = node.hash & (this.#buckets.length - 1);
    node.next = this.#buckets[at];
    this.#buckets[at] = node;
  }

  #grow(): void {
    const old = this.#buckets;
    this.#buckets = new Array(old.length * 4).fill(undefined);
    for (const first of old) {
      for (let node = first; node !== undefined; ) {
        const { next } = node;
        this.#put(node);
        node = next;
      }
    }
  }
}

/**
 * Which nodes were changed by which transactions, in order; and for the transaction being prepared
 * what they were before. A ring that grows: entries keep their number.
 */
export class ChangeQueue {
  #nodes: PendingNode[] = new Array(QUEUE_FRESH).fill(NO_PENDING);
  #zxids: Zxid[] = new Array(QUEUE_FRESH).fill(0);
  #former: (PendingNode | undefined)[] = new Array(QUEUE_FRESH).fill(undefined);
  #start = 0;
  #end = 0;

  /** The number of the next entry. */
  get end(): number {
    return this.#end;
  }

  /** The transaction of the oldest entry; infinite when there is none. */
  get firstZxid(): Zxid {
    if (this.#start === this.#end) return Number.POSITIVE_INFINITY;
    return this.#zxids[this.#start & (this.#zxids.length - 1)] as Zxid;
  }

  /** @param former a copy of what the node was; undefined when it was not in flight. */
  push(node: PendingNode, zxid: Zxid, former: PendingNode | undefined): void {
    if (this.#end - this.#start >= this.#nodes.length) this.#grow();
    const at = this.#end & (this.#nodes.length - 1);
    this.#nodes[at] = node;
    this.#zxids[at] = zxid;
    this.#former[at] = former;
    this.#end += 1;
  }

  /** The node of the entry `place` after the oldest; undefined when there is none. */
  at(place: number): PendingNode | undefined {
    if (this.#start + place >= this.#end) return undefined;
    return this.#nodes[(this.#start + place) & (this.#nodes.length - 1)];
  }

  /** Takes the oldest entry out. */
  shift(): PendingNode {
    const node = this.#nodes[this.#start & (this.#nodes.length - 1)] as PendingNode;
    this.#start += 1;
    return node;
  }

  /** Takes the newest entry out. */
  pop(): PendingNode {
    this.#end -= 1;
    return this.#nodes[this.#end & (this.#nodes.length - 1)] as PendingNode;
  }

  /** Takes what was pushed as `former` with entry `number`, also when the entry is gone. */
  takeFormer(number: number): PendingNode | undefined {
    const at = number & (this.#former.length - 1);
    const former = this.#former[at];
    this.#former[at] = undefined;
    return former;
  }

  #grow(): void {
    const nodes = this.#nodes;
    const zxids = this.#zxids;
    const former = this.#former;
    const size = nodes.length * 2;
    this.#nodes = new Array(size).fill(NO_PENDING);
    this.#zxids = new Array(size).fill(0);
    this.#former = new Array(size).fill(undefined);
    for (let number = this.#start; number < this.#end; number++) {
      const from = number & (nodes.length - 1);
      const to = number & (size - 1);
      this.#nodes[to] = nodes[from] as PendingNode;
      this.#zxids[to] = zxids[from] as Zxid;
      this.#former[to] = former[from];
    }
  }
}

const NO_PENDING = new PendingNode(new Int32Array(0), 0, new Uint8Array(0), 0, 0);

/** Of a path at `start..end`, behind which its data lies; the root's path is empty. */
export function crcOfPathAndData(
  out: JuteWriter,
  start: number,
  end: number,
  dataBytes: number,
): number {
  const { bytes } = out;
  const crc = end - start === 1 ? CRC_START : crcOfBytes(CRC_START, bytes, start, end);
  return crcOfBytes(crc, bytes, end + 4, end + 4 + dataBytes);
}
