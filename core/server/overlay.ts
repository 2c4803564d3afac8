import { DigestSum, digestOfStat, STAT, STAT_INTS } from "../tree/digest.ts";
import { NO_NODE, type Tree } from "../tree/tree.ts";
import { type Acl, OPEN_ACL } from "../wire/records.ts";
import { SessionId, SessionMap } from "../wire/session_id.ts";
import type { Zxid } from "../wire/zxid.ts";
import { type KnownPath, knownPath } from "./known_paths.ts";

/** A znode as it will be once everything prepared has been applied. */
export class PendingNode {
  path: KnownPath = knownPath("");
  /** Transaction that made this state; 0 for a state read from the tree. */
  zxid: Zxid = 0;
  exists = false;
  childCount = 0;
  /** In bytes; 0 for null. */
  dataLength = 0;
  acls: readonly Acl[] = OPEN_ACL;
  /** Running CRC of path and data. */
  crc = 0;
  /** Laid out as {@link STAT}. */
  readonly ints: Int32Array = new Int32Array(STAT_INTS);
  /** What the overlay held for the path before. */
  previous: PendingNode | undefined;

  get version(): number {
    return this.ints[STAT.version] as number;
  }

  get cversion(): number {
    return this.ints[STAT.cversion] as number;
  }

  get aversion(): number {
    return this.ints[STAT.aversion] as number;
  }

  get ownerHigh(): number {
    return this.ints[STAT.owner] as number;
  }

  get ownerLow(): number {
    return this.ints[STAT.owner + 1] as number;
  }

  /** Takes over another state of the same path. */
  copyFrom(other: PendingNode): void {
    this.exists = other.exists;
    this.childCount = other.childCount;
    this.dataLength = other.dataLength;
    this.acls = other.acls;
    this.crc = other.crc;
    const { ints } = this;
    const from = other.ints;
    // Cheaper than `set` for so few.
    for (let i = 0; i < STAT_INTS; i++) ints[i] = from[i] as number;
  }
}

/** Where an {@link Overlay} stood, to go back to. */
export interface OverlayMark {
  readonly count: number;
  readonly digestHigh: number;
  readonly digestLow: number;
}

const POOL_MAX = 4096;

/**
 * The tree as it will be: the applied one, and over it the full state of each node that
 * transactions in flight touch, with the digest after all of them (D5). Holds what is not applied
 * yet and no more.
 */
export class Overlay {
  readonly #tree: Tree;
  readonly #sum = new DigestSum();
  readonly #byPath = new Map<string, PendingNode>();
  /** In zxid order; those before `#head` have been applied. */
  readonly #changes: PendingNode[] = [];
  #head = 0;
  readonly #pool: PendingNode[] = [];
  readonly #sessions = new SessionMap<"created" | "closing">();
  /** States in flight of nodes that a session owns, in order. */
  readonly #owned = new SessionMap<Set<PendingNode>>();

  constructor(tree: Tree) {
    this.#tree = tree;
    this.#sum.set(tree.digestHigh, tree.digestLow);
  }

  get digestHigh(): number {
    return this.#sum.high;
  }

  get digestLow(): number {
    return this.#sum.low;
  }

  /** The state of a path; `into` holds it when nothing in flight touches the path. */
  look(path: KnownPath, into: PendingNode): PendingNode {
    const pending = this.#byPath.get(path.key);
    if (pending !== undefined) return pending;
    const tree = this.#tree;
    const node = tree.findPath(path.key);
    into.path = path;
    into.exists = node !== NO_NODE;
    if (node === NO_NODE) return into;
    into.childCount = tree.childCount(node);
    into.dataLength = tree.dataLength(node);
    into.acls = tree.acls(tree.aclId(node));
    into.crc = path.isSystem ? 0 : tree.crcOfPathAndData(node);
    tree.copyStatInts(node, into.ints, 0);
    return into;
  }

  /**
   * A new state for the path of `from`, equal to it until the caller changes it; then
   * {@link commit} must follow.
   */
  change(from: PendingNode, zxid: Zxid): PendingNode {
    const next = this.#pool.pop() ?? new PendingNode();
    next.path = from.path;
    next.zxid = zxid;
    next.copyFrom(from);
    const { key } = from.path;
    next.previous = this.#byPath.get(key);
    this.#byPath.set(key, next);
    this.#changes.push(next);
    if (from.exists && !from.path.isSystem) {
      this.#sum.subtract(digestOfStat(from.crc, from.ints, 0));
    }
    return next;
  }

  /** Counts a changed state into the digest. */
  commit(changed: PendingNode): void {
    if (!changed.exists) return;
    if (changed.ownerHigh !== 0 || changed.ownerLow !== 0) this.#own(changed);
    if (changed.path.isSystem) return;
    this.#sum.add(digestOfStat(changed.crc, changed.ints, 0));
  }

  /** Where {@link rollback} may go back to. */
  mark(): OverlayMark {
    return {
      count: this.#changes.length,
      digestHigh: this.#sum.high,
      digestLow: this.#sum.low,
    };
  }

  /** Forgets every change since `mark`; nothing may have been released meanwhile. */
  rollback(mark: OverlayMark): void {
    while (this.#changes.length > mark.count) {
      const change = this.#changes.pop() as PendingNode;
      const { key } = change.path;
      if (change.previous === undefined) this.#byPath.delete(key);
      else this.#byPath.set(key, change.previous);
      this.#recycle(change);
    }
    this.#sum.set(mark.digestHigh, mark.digestLow);
  }

  /** Everything up to `zxid` has been applied to the tree. */
  release(zxid: Zxid): void {
    const changes = this.#changes;
    while (this.#head < changes.length) {
      const change = changes[this.#head] as PendingNode;
      if (change.zxid > zxid) break;
      this.#head += 1;
      const { key } = change.path;
      if (this.#byPath.get(key) === change) this.#byPath.delete(key);
      this.#recycle(change);
    }
    if (this.#head === changes.length) {
      changes.length = 0;
      this.#head = 0;
    } else if (this.#head > POOL_MAX) {
      changes.splice(0, this.#head);
      this.#head = 0;
    }
  }

  #own(changed: PendingNode): void {
    const owner = new SessionId(changed.ownerHigh, changed.ownerLow);
    const states = this.#owned.get(owner);
    if (states === undefined) this.#owned.set(owner, new Set([changed]));
    else states.add(changed);
  }

  #disown(change: PendingNode): void {
    const states = this.#owned.getHalves(change.ownerHigh, change.ownerLow);
    if (states === undefined || !states.delete(change) || states.size > 0) return;
    this.#owned.delete(new SessionId(change.ownerHigh, change.ownerLow));
  }

  #recycle(change: PendingNode): void {
    if (change.ownerHigh !== 0 || change.ownerLow !== 0) this.#disown(change);
    change.previous = undefined;
    if (this.#pool.length < POOL_MAX) this.#pool.push(change);
  }

  /**
   * Paths of the ephemerals a session will have, in order of creation. Takes time for what the
   * session has, not for what is in flight: thousands of sessions may end at once.
   */
  ephemeralsOf(session: SessionId): string[] {
    const paths = new Set<string>();
    const tree = this.#tree;
    let node = tree.firstEphemeral(session.high, session.low);
    for (; node !== NO_NODE; node = tree.nextEphemeral(node)) {
      const path = tree.pathOf(node);
      if (!this.#byPath.has(path)) paths.add(path);
    }
    for (const state of this.#owned.get(session) ?? []) {
      // Only the last state of a path says what will be.
      if (this.#byPath.get(state.path.key) === state) paths.add(state.path.text);
    }
    return [...paths];
  }

  /** Whether a session will exist and not be closing. */
  isSessionAlive(session: SessionId): boolean {
    const pending = this.#sessions.get(session);
    if (pending !== undefined) return pending === "created";
    return this.#tree.sessions.has(session);
  }

  /** Whether it exists or is closing. */
  isSessionKnown(session: SessionId): boolean {
    return this.#sessions.has(session) || this.#tree.sessions.has(session);
  }

  sessionCreated(session: SessionId): void {
    this.#sessions.set(session, "created");
  }

  sessionClosing(session: SessionId): void {
    this.#sessions.set(session, "closing");
  }

  /** The creation or closing of a session has been applied. */
  releaseSession(session: SessionId, state: "created" | "closing"): void {
    if (this.#sessions.get(session) === state) this.#sessions.delete(session);
  }
}
