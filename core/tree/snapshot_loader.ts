import type { SnapshotSlice } from "../contracts/storage.ts";
import { ZkError } from "../errors/zk_error.ts";
import { JuteReader, JuteWriter } from "../wire/jute.ts";
import type { Zxid } from "../wire/zxid.ts";
import { OPEN_ACL_ID } from "./acl_table.ts";
import { encodeUtf8, parentEnd } from "./path.ts";
import { PERSISTED } from "./snapshot.ts";
import { NO_NODE, NodeInput, ROOT, type Tree } from "./tree.ts";

/**
 * Puts the slices of a snapshot into a tree, which is a fresh one unless the slices are changes to
 * what it holds. Digest, counts and ephemerals are right after each slice; quotas are the caller's
 * (`Quotas.rebuild`).
 */
export class SnapshotLoader {
  /** Nodes left out because their parent was missing: deleted while the snapshot was taken. */
  orphanCount = 0;
  readonly #tree: Tree;
  readonly #input = new NodeInput();
  readonly #reader = new JuteReader(NOTHING);
  /** The parent that was looked up last, for its children come one after the other. */
  readonly #parentPath = new JuteWriter(256);
  #parent = NO_NODE;
  /** Ids of the snapshot to ids of the tree. */
  readonly #aclIds = new Map<number, number>([[OPEN_ACL_ID, OPEN_ACL_ID]]);

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  /**
   * Takes the next slice.
   *
   * @throws {ZkError} `MarshallingError` for bytes that are not nodes or name an ACL list that is
   * in no slice so far: the snapshot is damaged, and the tree is to be thrown away.
   */
  load(slice: SnapshotSlice): void {
    const { aclTable, sessions } = this.#tree;
    if (slice.sessions !== undefined) {
      sessions.clear();
      for (const { id, timeoutMs } of slice.sessions) sessions.set(id, { timeoutMs });
    }
    for (const { id, acls } of slice.acls) this.#aclIds.set(id, aclTable.intern(acls));
    for (const path of slice.deleted) this.#delete(path);
    this.#parent = NO_NODE;
    this.#reader.reset(slice.nodes, 0, slice.nodes.length);
    for (let i = 0; i < slice.nodeCount; i++) this.#loadNode();
  }

  /** After the last slice; `zxid` is the snapshot's. Makes system nodes that it did not have. */
  finish(zxid: Zxid): void {
    for (const id of this.#aclIds.values()) this.#tree.aclTable.release(id);
    this.#aclIds.clear();
    this.#tree.ensureSystemNodes();
    this.#tree.lastZxid = zxid;
  }

  #delete(path: string): void {
    const bytes = new Uint8Array(path.length * 3);
    const end = encodeUtf8(path, bytes, 0);
    const node = this.#tree.find(bytes, 0, end);
    if (node !== NO_NODE && node !== ROOT) this.#tree.remove(node, bytes, 0, end);
  }

  #loadNode(): void {
    const tree = this.#tree;
    const input = this.#input;
    const { bytes, start, end } = this.#readNode();
    const hash = tree.hash(bytes, start, end);
    const node = tree.findHashed(hash, bytes, start, end);
    if (node !== NO_NODE) return tree.replace(node, input);
    const parent = this.#find(bytes, start, parentEnd(bytes, start, end));
    if (parent === NO_NODE) this.orphanCount += 1;
    else tree.insert(parent, input, hash);
  }

  /** Of a parent's path. */
  #find(bytes: Uint8Array, start: number, end: number): number {
    const known = this.#parentPath;
    if (this.#parent !== NO_NODE && isSame(known, bytes, start, end)) return this.#parent;
    known.clear();
    known.rawPart(bytes, start, end);
    this.#parent = this.#tree.find(bytes, start, end);
    return this.#parent;
  }

  #readNode(): NodeInput["path"] {
    const input = this.#input;
    const reader = this.#reader;
    const pathLength = reader.skipBuffer();
    if (pathLength < 0) throw new ZkError("MarshallingError");
    input.path.set(reader.bytes, reader.offset - pathLength, reader.offset);
    const dataLength = reader.skipBuffer();
    input.data = reader.bytes;
    input.dataStart = reader.offset - dataLength;
    input.dataEnd = reader.offset;
    const aclId = this.#aclIds.get(reader.long());
    if (aclId === undefined) throw new ZkError("MarshallingError");
    input.aclId = aclId;
    for (const field of PERSISTED) input.stat[field] = reader.int();
    return input.path;
  }
}

function isSame(
  { bytes: known, length }: JuteWriter,
  bytes: Uint8Array,
  start: number,
  end: number,
) {
  if (end - start !== length) return false;
  for (let i = length - 1; i >= 0; i--) if (known[i] !== bytes[start + i]) return false;
  return true;
}

const NOTHING = new Uint8Array(0);
