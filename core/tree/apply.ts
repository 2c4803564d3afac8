import type { PathRef } from "./path.ts";
import type { Tree } from "./tree.ts";
import { TxnHeader } from "./txn.ts";

/**
 * Told what a transaction did, synchronously and in order, right after each effect, so that a Stat
 * encoded in the call is the one a client must see (mid-multi, CP 4.3) and watches fire in the order
 * of CP 5.2. The header of the transaction is `applier.header`; a {@link PathRef} is valid during
 * the call.
 */
export interface ApplyListener {
  /** A create of any kind; the parent is `tree.parent(node)`. `type` is the transaction's. */
  created(node: number, path: PathRef, type: number): void;
  /**
   * A delete, also by a session's close; once for each node. `aclId` is the node's last ACL list;
   * `parent` its parent's index (-1 when that is missing too, in replays only).
   */
  deleted(path: PathRef, aclId: number, parent: number): void;
  dataSet(node: number, path: PathRef): void;
  aclSet(node: number, path: PathRef): void;
  /** A check inside a multi that succeeded. */
  checked(): void;
  /**
   * An operation that had no effect: an error transaction, one operation of a failed multi (0 for
   * those before the culprit), or in a replay an effect that was there already.
   */
  failed(code: number): void;
  /** A multi of `count` operations begins; one call of the above follows for each. */
  multiStarted(count: number): void;
  multiEnded(): void;
  sessionCreated(timeoutMs: number): void;
  /** After the `deleted` of its ephemerals. */
  sessionClosed(): void;
  /** Before a setData or delete, for whoever wants the data as it was. */
  beforeChange?(node: number, path: PathRef): void;
}

/** How an {@link Applier} works. */
export interface ApplierOptions {
  /** Compare the digest that a transaction carries with the tree's after it. */
  readonly verifyDigest: boolean;
}

/**
 * Applies transactions to a tree. Total: on any tree, also one that has some of the effects already
 * (PP 1.3), it makes what can be made and never fails for what it finds there.
 */
export class Applier {
  /** Of the transaction being applied, or of the last one. */
  readonly header: TxnHeader = new TxnHeader();
  /** Transactions whose digest was not the tree's. */
  digestMismatches = 0;
  readonly #tree: Tree;

  constructor(tree: Tree, listener: ApplyListener, options: ApplierOptions) {
    this.#tree = tree;
    void listener;
    void options;
  }

  /**
   * Applies the transaction in `bytes[start..end)`: header, body and, where there is one, digest.
   * `tree.lastZxid` moves after the effects.
   *
   * @throws {ZkError} `MarshallingError` or `Unimplemented` when the bytes are not a transaction;
   * nothing was applied then.
   */
  apply(bytes: Uint8Array, start: number, end: number): void {
    void this.#tree;
    void bytes;
    void start;
    void end;
  }
}
