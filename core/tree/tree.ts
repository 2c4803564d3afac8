import type { Acl, Stat } from "../wire/records.ts";
import type { SessionMap } from "../wire/session_id.ts";
import type { Zxid } from "../wire/zxid.ts";

/** What the owner field says a znode is (CP 15). */
export type NodeKind = "persistent" | "ephemeral" | "container" | "ttl";

/** A global session, part of the replicated state. */
export interface TreeSession {
  readonly timeoutMs: number;
}

/** How a {@link Tree} is made. */
export interface TreeOptions {
  /** Any int32; makes collisions in the look-up table unpredictable. */
  readonly hashSeed: number;
  /** Whether TTL owners are recognised (`zookeeper.extendedTypesEnabled`); else they are sessions. */
  readonly extendedTypes: boolean;
}

/** A node that is not there. */
export const NO_NODE = -1;

/** The root's index. */
export const ROOT = 0;

/**
 * The znodes of one server. A znode is named by its index: an integer from 0, valid until the node is
 * deleted, then used again. Reading a field of a node makes no object. Changed by `Applier`,
 * `loadSlice` and nothing else; `lastZxid` says through which transaction.
 */
export declare class Tree {
  constructor(options: TreeOptions);
  /** Highest transaction applied. */
  lastZxid: Zxid;
  /** Global sessions. Iterates in a defined order. */
  readonly sessions: SessionMap<TreeSession>;
  /** Znodes, the root and the system nodes included. */
  get nodeCount(): number;
  get ephemeralCount(): number;
  /** Sum of path lengths and data lengths, in bytes. */
  get approximateDataBytes(): number;
  /** Estimate of the memory that the nodes occupy, in bytes. */
  get bytesUsed(): number;
  /** 64-bit sum of node digests, in int32 halves (PP 1.5). */
  get digestHigh(): number;
  get digestLow(): number;

  /** The node of the path in `bytes[start..end)`; "" is the root too. {@link NO_NODE} if none. */
  find(bytes: Uint8Array, start: number, end: number): number;
  findPath(path: string): number;
  /** `"/"` for the root. */
  pathOf(node: number): string;
  nameOf(node: number): string;
  /** {@link NO_NODE} for the root. */
  parent(node: number): number;

  czxid(node: number): Zxid;
  mzxid(node: number): Zxid;
  pzxid(node: number): Zxid;
  ctime(node: number): number;
  mtime(node: number): number;
  version(node: number): number;
  /** As stored: creations of children, from which sequence numbers come. */
  cversion(node: number): number;
  aversion(node: number): number;
  childCount(node: number): number;
  /** In bytes; 0 for null. */
  dataLength(node: number): number;
  hasNullData(node: number): boolean;
  /** The owner field, raw: a session's halves, or the mark of a container or TTL node. */
  ownerHigh(node: number): number;
  ownerLow(node: number): number;
  kind(node: number): NodeKind;
  /** 0 unless {@link kind} is `ttl`. */
  ttlMs(node: number): number;
  /** The id of the node's ACL list; -1 is world:anyone:all. */
  aclId(node: number): number;
  /** The list of an id; the same array for the same id, as long as a node names it. */
  acls(aclId: number): readonly Acl[];

  /** Writes the Stat that a client sees (68 bytes, CP 9) at `target[at]`; the caller made room. */
  writeStat(node: number, target: Uint8Array, at: number): void;
  stat(node: number): Stat;
  /** Copies the data to `target[at]`; the caller made room for {@link dataLength}. */
  writeData(node: number, target: Uint8Array, at: number): void;
  /** A copy. */
  data(node: number): Uint8Array | null;
  /** Copies the stat as laid out by `STAT` (STAT_INTS ints) to `target[at]`. */
  copyStatInts(node: number, target: Int32Array, at: number): void;
  /** The running CRC of path and data, for `digestOfStat`; of no meaning below `/zookeeper`. */
  crcOfPathAndData(node: number): number;
  /** The node's digest as it is in the sum; 0 below `/zookeeper`. */
  digest(node: number): number;

  /** In order of creation, as of now; the tree must not change meanwhile. */
  forEachChild(node: number, visit: (child: number) => void): void;
  /** First child, {@link NO_NODE} if none; goes on with {@link nextSibling}. */
  firstChild(node: number): number;
  nextSibling(node: number): number;
  /** All nodes below. */
  descendantCount(node: number): number;
  /** First ephemeral of a session in order of creation, {@link NO_NODE} if none. */
  firstEphemeral(sessionHigh: number, sessionLow: number): number;
  nextEphemeral(node: number): number;
}
