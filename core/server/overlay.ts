import { DigestSum, digestOfStat, STAT } from "../tree/digest.ts";
import { isBelowSystem, parentEnd } from "../tree/path.ts";
import { NO_NODE, type Tree } from "../tree/tree.ts";
import type { JuteWriter } from "../wire/jute.ts";
import { SessionId, SessionMap } from "../wire/session_id.ts";
import type { Zxid } from "../wire/zxid.ts";
import { ChangeQueue, type PendingNode, PendingTable } from "./pending_node.ts";
import { PendingPool } from "./pending_pool.ts";

const PATH_BYTES_FRESH = 1024;
/** Paths that the end of a session lists, bytes: no server of Apache's takes a longer packet. */
const LISTED_BYTES_MAX = 960 * 1024;

/**
 * The tree as it will be: the applied one, and over it the full state of each node that
 * transactions in flight touch, with the digest after all of them (D5). Holds what is not applied
 * yet and no more. Paths are compared as bytes, and states are used again: preparing a write makes
 * no object.
 */
export class Overlay {
  readonly #tree: Tree;
  readonly #sum = new DigestSum();
  readonly #table = new PendingTable();
  readonly #changes = new ChangeQueue();
  /** Where the transaction being prepared began, to go back to. */
  readonly #before = { changes: 0, digestHigh: 0, digestLow: 0 };
  readonly #pool = new PendingPool();
  /** What was looked at last, when nothing in flight touches it. */
  #node = this.#pool.take();
  #parent = this.#pool.take();
  readonly #sessions = new SessionMap<"created" | "closing">();
  /** Nodes in flight that a session will own, in order. */
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

  /** The state of the path in `bytes[start..end)`, good until the next call. */
  look(bytes: Uint8Array, start: number, end: number): PendingNode {
    return this.#look(bytes, start, end, this.#node);
  }

  /** As {@link look}, for a second path at the same time. */
  lookAtParent(bytes: Uint8Array, start: number, end: number): PendingNode {
    return this.#look(bytes, start, end, this.#parent);
  }

  #look(bytes: Uint8Array, from: number, end: number, into: PendingNode): PendingNode {
    const tree = this.#tree;
    const start = tree.isRoot(bytes, from, end) ? end : from;
    const hash = tree.hash(bytes, start, end);
    const pending = this.#table.find(hash, bytes, start, end);
    if (pending !== undefined) return pending;
    into.setPath(bytes, start, end);
    into.hash = hash;
    into.isSystem = isBelowSystem(bytes, start, end);
    const node = this.#remaining(tree.findHashed(hash, bytes, start, end));
    into.treeNode = node;
    into.exists = node !== NO_NODE;
    into.digest = 0;
    if (node === NO_NODE) return into;
    into.childCount = tree.childCount(node);
    into.dataLength = tree.dataLength(node);
    into.acls = tree.acls(tree.aclId(node));
    if (!into.isSystem) {
      into.crc = tree.crcOfPathAndData(node);
      into.digest = tree.digest(node);
    }
    tree.copyStatInts(node, into.ints, into.statAt);
    return into;
  }

  /** The applied node, unless it goes with a session that is closing. */
  #remaining(node: number): number {
    if (node === NO_NODE) return node;
    const [high, low] = [this.#tree.ownerHigh(node), this.#tree.ownerLow(node)];
    if (high === 0 && low === 0) return node;
    return this.#sessions.getHalves(high, low) === "closing" ? NO_NODE : node;
  }

  /** From here on {@link rollback} goes back to where it is now. */
  begin(): void {
    const changes = this.#changes;
    for (let at = this.#before.changes; at < changes.end; at++) {
      const former = changes.takeFormer(at);
      if (former !== undefined) this.#pool.give(former);
    }
    this.#before.changes = changes.end;
    this.#before.digestHigh = this.#sum.high;
    this.#before.digestLow = this.#sum.low;
  }

  /**
   * Puts a node that was looked at in flight. The caller changes it in place, which changes what
   * {@link look} sees from now on; then {@link commit} must follow.
   */
  change(node: PendingNode, zxid: Zxid): void {
    this.#sum.subtract(node.digest);
    if (node.zxid === zxid) {
      // What it was before this transaction is kept already.
      if (node.isOwned) this.#disown(node);
      return;
    }
    this.#changes.push(node, zxid, node.zxid === 0 ? this.#add(node) : this.#save(node));
    node.zxid = zxid;
  }

  #add(node: PendingNode): undefined {
    if (node === this.#node) this.#node = this.#pool.take();
    else this.#parent = this.#pool.take();
    this.#table.add(node);
  }

  #save(node: PendingNode): PendingNode {
    if (node.isOwned) this.#disown(node);
    const saved = this.#pool.take();
    saved.copyFrom(node);
    return saved;
  }

  /** Counts a changed node into the digest. */
  commit(node: PendingNode): void {
    node.digest = 0;
    if (!node.exists) return;
    if (node.isOwned) this.#own(node);
    if (node.isSystem) return;
    node.digest = digestOfStat(node.crc, node.ints, node.statAt);
    this.#sum.add(node.digest);
  }

  /** Forgets every change since {@link begin}; nothing may have been released meanwhile. */
  rollback(): void {
    const changes = this.#changes;
    while (changes.end > this.#before.changes) {
      const former = changes.takeFormer(changes.end - 1);
      const node = changes.pop();
      if (node.isOwned) this.#disown(node);
      if (former === undefined) {
        this.#table.remove(node);
        this.#pool.give(node);
      } else {
        node.copyFrom(former);
        if (node.exists && node.isOwned) this.#own(node);
        this.#pool.give(former);
      }
    }
    this.#sum.set(this.#before.digestHigh, this.#before.digestLow);
  }

  /** Everything up to `zxid` has been applied to the tree. */
  release(zxid: Zxid): void {
    const changes = this.#changes;
    while (changes.firstZxid <= zxid) {
      const node = changes.shift();
      // Not when a later one has changed it too, nor when it has just gone.
      if (node.zxid > zxid || node.zxid === 0) continue;
      this.#table.remove(node);
      if (this.#owned.size > 0 && node.isOwned) this.#disown(node);
      this.#pool.give(node);
    }
  }

  /**
   * The first node that is changed by what is in flight: by the next transaction to be applied, or
   * by a later one when that changes none.
   */
  get nextNode(): PendingNode | undefined {
    return this.#changes.at(0);
  }

  /** The node that is changed right after {@link nextNode}. */
  get secondNode(): PendingNode | undefined {
    return this.#changes.at(1);
  }

  #own(node: PendingNode): void {
    const owner = new SessionId(node.ownerHigh, node.ownerLow);
    const nodes = this.#owned.get(owner);
    if (nodes === undefined) this.#owned.set(owner, new Set([node]));
    else nodes.add(node);
  }

  #disown(node: PendingNode): void {
    const nodes = this.#owned.getHalves(node.ownerHigh, node.ownerLow);
    if (nodes === undefined || !nodes.delete(node) || nodes.size > 0) return;
    this.#owned.delete(new SessionId(node.ownerHigh, node.ownerLow));
  }

  /**
   * Ends a session: the ephemerals that it will have go, and their paths are appended to `out`, in
   * order of creation. Takes time for what the session has, not for what is in flight, and makes
   * nothing for what is applied already: {@link look} finds none of it any more. A list that gets
   * too long is cut (ZOOKEEPER-4306): whoever applies the end removes the rest too.
   */
  closeSession(session: SessionId, zxid: Zxid, out: JuteWriter): void {
    const tree = this.#tree;
    const countAt = out.reserve(4);
    let count = 0;
    const gone = (path: Uint8Array, start: number, end: number): void => {
      this.#childGone(path, start, parentEnd(path, start, end), zxid);
      if (out.length - countAt + end - start > LISTED_BYTES_MAX) return;
      count += 1;
      out.int(end - start);
      out.rawPart(path, start, end);
    };
    let path = new Uint8Array(PATH_BYTES_FRESH);
    let node = tree.firstEphemeral(session.high, session.low);
    for (; node !== NO_NODE; node = tree.nextEphemeral(node)) {
      const length = tree.pathLength(node);
      if (length > path.length) path = new Uint8Array(length);
      tree.writePath(node, path, 0);
      // What is in flight says itself whether it will be there, below.
      if (this.#table.find(tree.hash(path, 0, length), path, 0, length) !== undefined) continue;
      if (!isBelowSystem(path, 0, length)) this.#sum.subtract(tree.digest(node));
      gone(path, 0, length);
    }
    for (const pending of [...(this.#owned.get(session) ?? [])]) {
      gone(pending.path, pending.pathAt, pending.pathAt + pending.pathLength);
      this.change(pending, zxid);
      pending.exists = false;
      this.commit(pending);
    }
    out.intAt(countAt, count);
    this.#sessions.set(session, "closing");
  }

  #childGone(path: Uint8Array, start: number, end: number, zxid: Zxid): void {
    const parent = this.lookAtParent(path, start, end);
    this.change(parent, zxid);
    parent.childCount -= 1;
    parent.setLong(STAT.pzxid, zxid);
    this.commit(parent);
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

  /** The creation or closing of a session has been applied. */
  releaseSession(session: SessionId, state: "created" | "closing"): void {
    if (this.#sessions.get(session) === state) this.#sessions.delete(session);
  }
}
