import { READ_ACL } from "../wire/records.ts";
import { SessionMap } from "../wire/session_id.ts";
import { ZXID_ZERO, type Zxid, zxidHigh, zxidLow } from "../wire/zxid.ts";
import { OPEN_ACL_ID } from "./acl_table.ts";
import { CRC_START, crcOfBytes, digestOfStat, STAT, STAT_INTS } from "./digest.ts";
import { ACL_ID, DIGEST, NONE, PATH_AND_DATA_CRC, ROOT } from "./node_store.ts";
import { encodeUtf8, PathRef, parentEnd } from "./path.ts";
import { type TreeOptions, TreeView } from "./tree_view.ts";

export { NODES_MAX } from "./node_store.ts";
export type { NodeKind } from "./owner.ts";
export { NO_NODE, ROOT, STAT_BYTES, type TreeOptions } from "./tree_view.ts";

/** A global session, part of the replicated state. */
export interface TreeSession {
  readonly timeoutMs: number;
}

/** Told of every change, for checkpoints and snapshots. Runs within each transaction: be quick. */
export interface NodeTracker {
  /** The node was made or changed. */
  touched(node: number): void;
  /** The node of path `bytes[start..end)` goes now; its index may be used again. */
  removed(node: number, bytes: Uint8Array, start: number, end: number): void;
}

/** A node to be made or replaced. Mutable, so that one object serves every transaction. */
export class NodeInput {
  readonly path: PathRef = new PathRef();
  /** Holds the data from `dataStart` to `dataEnd`; an end below the start stands for null. */
  data: Uint8Array = NOTHING;
  dataStart = 0;
  dataEnd = 0;
  /** A list in the tree's `aclTable`, in which the tree becomes one more holder. */
  aclId: number = OPEN_ACL_ID;
  /** Laid out as `STAT`. */
  readonly stat: Int32Array = new Int32Array(STAT_INTS);
}

/**
 * The znodes of one server and its global sessions: the replicated state. `Applier` and snapshot
 * loading change it, nothing else does. Every change keeps digest, counts, ephemerals and look-up
 * table right; what a change means for the parent's stat is the caller's part.
 */
export class Tree extends TreeView {
  /** Highest transaction applied. */
  lastZxid: Zxid = ZXID_ZERO;
  readonly sessions: SessionMap<TreeSession> = new SessionMap();
  readonly #trackers: NodeTracker[] = [];
  /** `/zookeeper`: what lies below it is outside the digest. */
  #system = NONE;

  /** A tree as a fresh server has it: the root and the system nodes (CP 3.4). */
  constructor(options: TreeOptions) {
    super(options);
    this.#makeRoot();
    this.ensureSystemNodes();
  }

  /** Makes those of the system nodes that are missing. */
  ensureSystemNodes(): void {
    const input = new NodeInput();
    for (const path of ["/zookeeper", "/zookeeper/quota", CONFIG_PATH]) {
      const bytes = new Uint8Array(path.length);
      encodeUtf8(path, bytes, 0);
      const hash = this.hash(bytes, 0, bytes.length);
      if (this.findHashed(hash, bytes, 0, bytes.length) !== NONE) continue;
      input.path.set(bytes, 0, bytes.length);
      const isConfig = path === CONFIG_PATH;
      input.aclId = isConfig ? this.aclTable.intern(READ_ACL) : OPEN_ACL_ID;
      input.stat[STAT.aversion] = isConfig ? -1 : 0;
      this.insert(this.find(bytes, 0, parentEnd(bytes, 0, bytes.length)), input, hash);
      this.aclTable.release(input.aclId);
    }
  }

  /**
   * Makes a node below `parent`, which is the node of its path's parent; there is no node of that
   * path yet. The parent's child count follows, its stat does not.
   *
   * @param hash of the path.
   * @param crc running CRC of path and data, when it is known.
   */
  insert(parent: number, input: NodeInput, hash: number, crc?: number): number {
    const { bytes, start, end } = input.path;
    const isSystem = parent === this.#system || this.nodes.isSystem(parent);
    const node = this.nodes.allocate();
    this.nodes.setName(node, isSystem, bytes, parentEnd(bytes, start, end) + 1, end);
    this.nodes.link(parent, node);
    this.index.add(hash, node);
    if (parent === ROOT && isSystemPath(bytes, start, end)) this.#system = node;
    this.counts.nodes += 1;
    this.counts.dataBytes += end - start;
    this.nodes.set(node, ACL_ID, OPEN_ACL_ID);
    this.#fill(node, input, crc);
    this.#touched(parent);
    return node;
  }

  /** Gives an existing node other data, stat and ACL: a snapshot has it in a newer state. */
  replace(node: number, input: NodeInput): void {
    if (this.kind(node) === "ephemeral") this.ephemerals.remove(node);
    this.#fill(node, input);
  }

  #fill(node: number, input: NodeInput, crc?: number): void {
    const ints = this.nodes.ints(node);
    const at = this.nodes.base(node);
    for (let i = 0; i < STAT_INTS; i++) ints[at + i] = input.stat[i] as number;
    if (this.kind(node) === "ephemeral") this.ephemerals.add(node);
    this.#setAclId(node, input.aclId);
    this.#setData(node, input, crc);
  }

  /**
   * Sets data, mzxid, mtime and version from `input`, whose path is the node's.
   *
   * @param crc running CRC of path and data, when it is known.
   */
  setData(node: number, input: NodeInput, crc?: number): void {
    const ints = this.nodes.ints(node);
    const at = this.nodes.base(node);
    ints[at + STAT.mzxid] = input.stat[STAT.mzxid] as number;
    ints[at + STAT.mzxid + 1] = input.stat[STAT.mzxid + 1] as number;
    ints[at + STAT.mtime] = input.stat[STAT.mtime] as number;
    ints[at + STAT.mtime + 1] = input.stat[STAT.mtime + 1] as number;
    ints[at + STAT.version] = input.stat[STAT.version] as number;
    this.#setData(node, input, crc);
  }

  /** Sets the data and nothing else, of a node below `/zookeeper`: statistics of a quota. */
  setDataInPlace(node: number, data: Uint8Array): void {
    this.counts.dataBytes += data.length - this.dataLength(node);
    this.nodes.setData(node, data, 0, data.length);
    this.#touched(node);
  }

  /** The node of `/zookeeper/config`; `NONE` in a tree from servers that know of none. */
  get configNode(): number {
    return this.find(CONFIG_BYTES, 0, CONFIG_BYTES.length);
  }

  /** Sets the data of `/zookeeper/config`, as if the transaction `zxid` had; no news is none. */
  setConfig(data: Uint8Array, zxid: Zxid, timeMs: number): void {
    const input = new NodeInput();
    const node = this.configNode;
    if (node === NONE || isEqual(this.data(node), data)) return;
    input.path.set(CONFIG_BYTES, 0, CONFIG_BYTES.length);
    input.data = data;
    input.dataEnd = data.length;
    input.stat[STAT.mzxid] = zxidHigh(zxid);
    input.stat[STAT.mzxid + 1] = zxidLow(zxid);
    input.stat[STAT.mtime] = zxidHigh(timeMs);
    input.stat[STAT.mtime + 1] = zxidLow(timeMs);
    input.stat[STAT.version] = -1;
    this.setData(node, input);
  }

  setAcl(node: number, aclId: number, aversion: number): void {
    this.#setAclId(node, aclId);
    this.nodes.set(node, STAT.aversion, aversion);
    this.#statChanged(node);
  }

  /** Raises the stored cversion, and with it pzxid; a lower or equal one changes nothing. */
  raiseCversion(node: number, cversion: number, zxid: Zxid): void {
    if (cversion <= this.cversion(node)) return;
    this.nodes.set(node, STAT.cversion, cversion);
    this.#setPzxid(node, zxid);
  }

  /** Raises pzxid; a lower or equal one changes nothing. */
  raisePzxid(node: number, zxid: Zxid): void {
    if (zxid > this.pzxid(node)) this.#setPzxid(node, zxid);
  }

  /**
   * Deletes the node of path `bytes[start..end)` and, which a replay onto a newer state needs, all
   * below it. Not for the root.
   */
  remove(node: number, bytes: Uint8Array, start: number, end: number): void {
    while (this.firstChild(node) !== NONE) this.#removeLeafBelow(node);
    for (const tracker of this.#trackers) tracker.removed(node, bytes, start, end);
    if (this.kind(node) === "ephemeral") this.ephemerals.remove(node);
    if (node === this.#system) this.#system = NONE;
    const parent = this.parent(node);
    this.digestSum.subtract(this.nodes.get(node, DIGEST));
    this.counts.nodes -= 1;
    this.counts.dataBytes -= end - start + this.dataLength(node);
    this.aclTable.release(this.aclId(node));
    this.index.remove(this.index.hash(bytes, start, end), node);
    this.nodes.unlink(node);
    this.nodes.release(node);
    this.#touched(parent);
  }

  #removeLeafBelow(node: number): void {
    let leaf = node;
    while (this.firstChild(leaf) !== NONE) leaf = this.firstChild(leaf);
    const path = new Uint8Array(this.pathLength(leaf));
    this.writePath(leaf, path, 0);
    this.remove(leaf, path, 0, path.length);
  }

  /** From now on tells of every change. */
  track(tracker: NodeTracker): void {
    this.#trackers.push(tracker);
  }

  untrack(tracker: NodeTracker): void {
    const at = this.#trackers.indexOf(tracker);
    if (at >= 0) this.#trackers.splice(at, 1);
  }

  #makeRoot(): void {
    const input = new NodeInput();
    const root = this.nodes.allocate();
    this.nodes.setName(root, false, NOTHING, 0, 0);
    this.nodes.set(root, ACL_ID, OPEN_ACL_ID);
    this.counts.nodes = 1;
    this.#fill(root, input);
  }

  #setData(node: number, input: NodeInput, knownCrc?: number): void {
    const { data, dataStart, dataEnd } = input;
    this.counts.dataBytes += Math.max(0, dataEnd - dataStart) - this.dataLength(node);
    this.nodes.setData(node, data, dataStart, dataEnd);
    if (!this.nodes.isSystem(node)) {
      this.nodes.set(node, PATH_AND_DATA_CRC, knownCrc ?? crcOfInput(node, input));
    }
    this.#statChanged(node);
  }

  #setAclId(node: number, aclId: number): void {
    const former = this.aclId(node);
    if (former === aclId) return;
    this.aclTable.retain(aclId);
    this.aclTable.release(former);
    this.nodes.set(node, ACL_ID, aclId);
  }

  #setPzxid(node: number, zxid: Zxid): void {
    this.nodes.set(node, STAT.pzxid, zxidHigh(zxid));
    this.nodes.set(node, STAT.pzxid + 1, zxidLow(zxid));
    this.#statChanged(node);
  }

  /** Brings the digests up to date after any change of data or stat. */
  #statChanged(node: number): void {
    if (!this.nodes.isSystem(node)) {
      const ints = this.nodes.ints(node);
      const at = this.nodes.base(node);
      const digest = digestOfStat(ints[at + PATH_AND_DATA_CRC] as number, ints, at);
      this.digestSum.subtract(ints[at + DIGEST] as number);
      this.digestSum.add(digest);
      ints[at + DIGEST] = digest;
    }
    this.#touched(node);
  }

  #touched(node: number): void {
    for (const tracker of this.#trackers) tracker.touched(node);
  }
}

function crcOfInput(node: number, { path, data, dataStart, dataEnd }: NodeInput): number {
  // The digest calls the root "".
  const crc = node === ROOT ? CRC_START : crcOfBytes(CRC_START, path.bytes, path.start, path.end);
  return crcOfBytes(crc, data, dataStart, dataEnd);
}

function isEqual(one: Uint8Array | null, other: Uint8Array): boolean {
  return one?.length === other.length && other.every((byte, at) => one[at] === byte);
}

function isSystemPath(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== SYSTEM_PATH.length) return false;
  for (let i = 0; i < SYSTEM_PATH.length; i++) {
    if (bytes[start + i] !== SYSTEM_PATH[i]) return false;
  }
  return true;
}

const NOTHING = new Uint8Array(0);
const CONFIG_PATH = "/zookeeper/config";
const CONFIG_BYTES = new TextEncoder().encode(CONFIG_PATH);
const SYSTEM_PATH = new TextEncoder().encode("/zookeeper");
