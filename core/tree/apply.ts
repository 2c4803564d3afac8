import { ERROR_CODES, ZkError } from "../errors/zk_error.ts";
import { getInt } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import { SessionId } from "../wire/session_id.ts";
import { type Zxid, zxidHigh, zxidLow } from "../wire/zxid.ts";
import type { ApplyListener } from "./apply_listener.ts";
import { STAT } from "./digest.ts";
import { CONTAINER_OWNER_HIGH, TTL_MARK } from "./owner.ts";
import { type PathRef, parentEnd } from "./path.ts";
import { Quotas } from "./quota.ts";
import { NO_NODE, NodeInput, ROOT, type Tree } from "./tree.ts";
import { readTxnHeader, TXN_DIGEST_BYTES, TXN_HEADER_BYTES, TxnHeader } from "./txn.ts";
import { TxnCursor } from "./txn_cursor.ts";

export type { ApplyListener } from "./apply_listener.ts";

/** What is known of a node that transactions in flight change. */
export interface PreparedNode {
  /** The last transaction in flight that changes it. */
  readonly zxid: Zxid;
  /** The index that it had when it was looked at, or `NO_NODE`; another may have it by now. */
  readonly treeNode: number;
  /**
   * Running CRC of path and data after that transaction; of no meaning below `/zookeeper`. Where it
   * is taken over, a server's own digests check the stat alone; those of others the data too.
   */
  readonly crc: number;
}

/**
 * Applies transactions to a tree. Total: on any tree, also one that has some of the effects already
 * (PP 1.3), it makes what can be made and never fails for what it finds there.
 */
export class Applier {
  /** Of the transaction being applied, or of the last one. */
  readonly header: TxnHeader = new TxnHeader();
  readonly quotas: Quotas;
  /**
   * Whether to compare the digest that a transaction carries with the tree's after it. To be off
   * while transactions are replayed on a snapshot that may have some of them.
   */
  verifiesDigest = false;
  /** Transactions whose digest was not the tree's. */
  digestMismatches = 0;
  readonly #tree: Tree;
  readonly #listener: ApplyListener;
  readonly #input = new NodeInput();
  readonly #path: PathRef = this.#input.path;
  readonly #cursor = new TxnCursor();
  #bytes: Uint8Array = NOTHING;
  #prepared: PreparedNode | undefined;
  #preparedSecond: PreparedNode | undefined;

  constructor(tree: Tree, listener: ApplyListener) {
    this.#tree = tree;
    this.#listener = listener;
    this.quotas = new Quotas(tree);
  }

  /**
   * Applies the transaction in `bytes[start..end)`: header, body and, where there is one, digest.
   * `tree.lastZxid` moves after the effects, of a multi once (ZOOKEEPER-3127).
   *
   * @param prepared the node that it changes first, where it was prepared here: that saves a
   * create and a setData a look-up, and a setData the checksum.
   * @param preparedSecond the one that it changes next: the one that a create makes, whose checksum
   * that saves.
   * @throws {ZkError} `MarshallingError` or `Unimplemented` when the bytes are not a transaction;
   * nothing was applied then.
   */
  apply(
    bytes: Uint8Array,
    start: number,
    end: number,
    prepared?: PreparedNode,
    preparedSecond?: PreparedNode,
  ): void {
    const { header } = this;
    this.#prepared = prepared;
    this.#preparedSecond = preparedSecond;
    if (end - start < TXN_HEADER_BYTES) throw new ZkError("MarshallingError");
    readTxnHeader(header, bytes, start);
    this.#bytes = bytes;
    const bodyEnd = this.#applyBody(start + TXN_HEADER_BYTES, end);
    if (header.zxid > this.#tree.lastZxid) this.#tree.lastZxid = header.zxid;
    if (this.verifiesDigest && end - bodyEnd >= TXN_DIGEST_BYTES) this.#verify(bodyEnd);
  }

  /** @returns where the body ends. */
  #applyBody(start: number, end: number): number {
    const { type } = this.header;
    switch (type) {
      case OPCODES.createSession:
        return this.#createSession(start, end);
      case OPCODES.closeSession:
        return this.#closeSession(start, end);
      case OPCODES.multi:
        return this.#multi(start, end);
      default: {
        const bodyEnd = this.#cursor.read(type, this.#bytes, start, end);
        this.#perform(type);
        return bodyEnd;
      }
    }
  }

  #perform(type: number): void {
    const { pathStart, pathEnd } = this.#cursor;
    this.#path.set(this.#bytes, pathStart, pathEnd);
    switch (type) {
      case OPCODES.create:
      case OPCODES.create2:
      case OPCODES.createContainer:
      case OPCODES.createTtl:
        return this.#create(type);
      case OPCODES.delete:
      case OPCODES.deleteContainer:
        return this.#delete(true);
      case OPCODES.setData:
      case OPCODES.reconfig:
        return this.#setData();
      case OPCODES.setAcl:
        return this.#setAcl();
      case OPCODES.check:
        return this.#listener.checked();
      default:
        return this.#listener.failed(this.#cursor.code);
    }
  }

  #create(type: number): void {
    const tree = this.#tree;
    const { bytes, start, end } = this.#path;
    // Preparing changes the parent first; a guess that is wrong costs a look-up.
    const guess = this.#prepared?.treeNode ?? NO_NODE;
    const parent = tree.findFrom(guess, bytes, start, parentEnd(bytes, start, end));
    if (parent === NO_NODE) return this.#listener.failed(ERROR_CODES.NoNode);
    const { aclStart, aclEnd } = this.#cursor;
    const aclId = tree.aclTable.internBytes(bytes, aclStart, aclEnd);
    const hash = tree.hash(bytes, start, end);
    const existing = tree.findHashed(hash, bytes, start, end);
    if (existing === NO_NODE) this.#createNew(parent, aclId, type, hash);
    else {
      tree.setAcl(existing, aclId, tree.aversion(existing));
      // Stored before its parent was, which may not know of it yet. Java does so for `create`
      // alone, and its other creates may use a sequence number twice after a crash.
      this.#raiseCversion(parent);
      this.#listener.failed(ERROR_CODES.NodeExists);
    }
    tree.aclTable.release(aclId);
  }

  #createNew(parent: number, aclId: number, type: number, hash: number): void {
    this.#raiseCversion(parent);
    this.#setStat(type);
    this.#takeData();
    this.#input.aclId = aclId;
    const node = this.#tree.insert(parent, this.#input, hash, this.#knownCrc(this.#preparedSecond));
    this.quotas.created(node, this.#path);
    this.#listener.created(node, this.#path, type);
  }

  #raiseCversion(parent: number): void {
    const { parentCversion } = this.#cursor;
    const cversion = parentCversion === -1 ? this.#tree.cversion(parent) + 1 : parentCversion;
    this.#tree.raiseCversion(parent, cversion, this.header.zxid);
  }

  /**
   * Deletes the node at the current path; the parent's pzxid moves even when there is none
   * (ZOOKEEPER-3145).
   */
  #delete(tellsFailure: boolean): void {
    const tree = this.#tree;
    const { bytes, start, end } = this.#path;
    const parent = tree.find(bytes, start, parentEnd(bytes, start, end));
    const node = tree.find(bytes, start, end);
    if (parent === NO_NODE || node === NO_NODE || node === ROOT) {
      if (parent !== NO_NODE && node !== ROOT) tree.raisePzxid(parent, this.header.zxid);
      if (tellsFailure) this.#listener.failed(ERROR_CODES.NoNode);
      return;
    }
    this.#listener.beforeChange?.(node, this.#path);
    tree.raisePzxid(parent, this.header.zxid);
    this.quotas.deleting(node, this.#path);
    const aclId = tree.aclTable.retain(tree.aclId(node));
    tree.remove(node, bytes, start, end);
    this.#listener.deleted(this.#path, aclId, parent);
    tree.aclTable.release(aclId);
  }

  #setData(): void {
    const tree = this.#tree;
    const { bytes, start, end } = this.#path;
    const prepared = this.#prepared;
    const node = tree.findFrom(prepared?.treeNode ?? NO_NODE, bytes, start, end);
    if (node === NO_NODE) return this.#listener.failed(ERROR_CODES.NoNode);
    this.#listener.beforeChange?.(node, this.#path);
    const { stat } = this.#input;
    putLong(stat, STAT.mzxid, this.header.zxid);
    putLong(stat, STAT.mtime, this.header.timeMs);
    stat[STAT.version] = this.#cursor.version;
    this.#takeData();
    const grownBytes =
      Math.max(0, this.#input.dataEnd - this.#input.dataStart) - tree.dataLength(node);
    tree.setData(node, this.#input, this.#knownCrc(prepared));
    this.quotas.dataSet(node, this.#path, grownBytes);
    this.#listener.dataSet(node, this.#path);
  }

  /** In a multi, or with more in flight behind this one, the checksum may be of later data. */
  #knownCrc(node: PreparedNode | undefined): number | undefined {
    const { zxid, type } = this.header;
    return node?.zxid === zxid && type !== OPCODES.multi ? node.crc : undefined;
  }

  #setAcl(): void {
    const tree = this.#tree;
    const { bytes, start, end } = this.#path;
    const node = tree.find(bytes, start, end);
    if (node === NO_NODE) return this.#listener.failed(ERROR_CODES.NoNode);
    const { aclStart, aclEnd, version } = this.#cursor;
    const aclId = tree.aclTable.internBytes(bytes, aclStart, aclEnd);
    tree.setAcl(node, aclId, version);
    tree.aclTable.release(aclId);
    this.#listener.aclSet(node, this.#path);
  }

  #createSession(start: number, end: number): number {
    const { sessionHigh, sessionLow } = this.header;
    this.#cursor.begin(this.#bytes, start, end);
    const timeoutMs = this.#cursor.int();
    this.#tree.sessions.set(new SessionId(sessionHigh, sessionLow), { timeoutMs });
    this.#listener.sessionCreated(timeoutMs);
    return this.#cursor.offset;
  }

  #closeSession(start: number, end: number): number {
    const cursor = this.#cursor;
    const bodyEnd = this.#skipPaths(start, end);
    cursor.begin(this.#bytes, start, end);
    const count = bodyEnd === start ? 0 : cursor.int();
    for (let i = 0; i < count; i++) {
      cursor.readPath();
      this.#path.set(this.#bytes, cursor.pathStart, cursor.pathEnd);
      this.#delete(false);
    }
    this.#deleteRemaining();
    const { sessionHigh, sessionLow } = this.header;
    this.#tree.sessions.delete(new SessionId(sessionHigh, sessionLow));
    this.#listener.sessionClosed();
    return bodyEnd;
  }

  /** Checks the paths of a session's close, which old servers left out. @returns where they end. */
  #skipPaths(start: number, end: number): number {
    const cursor = this.#cursor;
    cursor.begin(this.#bytes, start, end);
    const count = cursor.remaining === 0 ? 0 : cursor.int();
    for (let i = 0; i < count; i++) cursor.readPath();
    return cursor.offset;
  }

  /** Deletes what ephemerals of the session the close did not list. */
  #deleteRemaining(): void {
    const tree = this.#tree;
    const { sessionHigh, sessionLow } = this.header;
    for (;;) {
      const node = tree.firstEphemeral(sessionHigh, sessionLow);
      if (node === NO_NODE) return;
      const path = new Uint8Array(tree.pathLength(node));
      tree.writePath(node, path, 0);
      this.#path.set(path, 0, path.length);
      this.#delete(false);
    }
  }

  /** All or nothing: checks every operation before it performs the first. */
  #multi(start: number, end: number): number {
    const cursor = this.#cursor;
    const { failed, bodyEnd } = this.#checkMulti(start, end);
    const count = Math.max(0, getInt(this.#bytes, start));
    this.#listener.multiStarted(count);
    let at = start + 4;
    for (let i = 0; i < count; i++) {
      const type = getInt(this.#bytes, at);
      const subStart = at + 8;
      at = subStart + Math.max(0, getInt(this.#bytes, at + 4));
      cursor.read(type, this.#bytes, subStart, at);
      if (failed) this.#listener.failed(type === OPCODES.error ? cursor.code : 0);
      else this.#perform(type);
    }
    this.#listener.multiEnded();
    return bodyEnd;
  }

  #checkMulti(start: number, end: number): { failed: boolean; bodyEnd: number } {
    const cursor = this.#cursor;
    let failed = false;
    cursor.begin(this.#bytes, start, end);
    const count = cursor.int();
    let at = cursor.offset;
    for (let i = 0; i < count; i++) {
      cursor.begin(this.#bytes, at, end);
      const type = cursor.int();
      const sizeBytes = Math.max(0, cursor.skipBuffer());
      at = cursor.offset;
      if (type === OPCODES.error) failed = true;
      cursor.read(type, this.#bytes, at - sizeBytes, at);
    }
    return { failed, bodyEnd: at };
  }

  #setStat(type: number): void {
    const { stat } = this.#input;
    const { zxid, timeMs } = this.header;
    putLong(stat, STAT.czxid, zxid);
    putLong(stat, STAT.mzxid, zxid);
    putLong(stat, STAT.pzxid, zxid);
    putLong(stat, STAT.ctime, timeMs);
    putLong(stat, STAT.mtime, timeMs);
    stat[STAT.version] = 0;
    stat[STAT.cversion] = 0;
    stat[STAT.aversion] = 0;
    stat[STAT.owner] = this.#ownerHigh(type);
    stat[STAT.owner + 1] = this.#ownerLow(type);
  }

  #ownerHigh(type: number): number {
    if (type === OPCODES.createContainer) return CONTAINER_OWNER_HIGH;
    if (type === OPCODES.createTtl) return TTL_MARK | (this.#cursor.ttlHigh & 0xff);
    return this.#cursor.isEphemeral ? this.header.sessionHigh : 0;
  }

  #ownerLow(type: number): number {
    if (type === OPCODES.createTtl) return this.#cursor.ttlLow;
    return this.#cursor.isEphemeral ? this.header.sessionLow : 0;
  }

  #takeData(): void {
    this.#input.data = this.#bytes;
    this.#input.dataStart = this.#cursor.dataStart;
    this.#input.dataEnd = this.#cursor.dataEnd;
  }

  #verify(at: number): void {
    const high = getInt(this.#bytes, at + 4);
    const low = getInt(this.#bytes, at + 8);
    if (high !== this.#tree.digestHigh || low !== this.#tree.digestLow) this.digestMismatches += 1;
  }
}

function putLong(stat: Int32Array, at: number, value: number): void {
  stat[at] = zxidHigh(value);
  stat[at + 1] = zxidLow(value);
}

const NOTHING = new Uint8Array(0);
