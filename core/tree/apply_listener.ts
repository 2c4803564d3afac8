import type { PathRef } from "./path.ts";

/**
 * Told what a transaction did, synchronously and in order, right after each effect, so that a Stat
 * encoded in the call is the one a client must see (mid-multi, CP 4.3) and watches fire in the
 * order of CP 5.2. The transaction's header is `applier.header`; a {@link PathRef} is valid during
 * the call.
 */
export interface ApplyListener {
  /** A create of any kind; the parent is `tree.parent(node)`. `type` is the transaction's. */
  created(node: number, path: PathRef, type: number): void;
  /**
   * A delete, also by a session's close: once for each node. `aclId` is the list that the node had,
   * to be used during the call; `parent` the node it was a child of.
   */
  deleted(path: PathRef, aclId: number, parent: number): void;
  dataSet(node: number, path: PathRef): void;
  aclSet(node: number, path: PathRef): void;
  /** A check inside a multi that succeeded. */
  checked(): void;
  /**
   * An operation without effect: an error transaction, each operation of a failed multi (0 for
   * those before the culprit), or in a replay what was done already.
   */
  failed(code: number): void;
  /** A multi of `count` operations begins; one call of the above follows for each. */
  multiStarted(count: number): void;
  multiEnded(): void;
  sessionCreated(timeoutMs: number): void;
  /** After the `deleted` of its ephemerals. */
  sessionClosed(): void;
  /** Before the data of a node is set or the node deleted, for whoever wants what it held. */
  beforeChange?(node: number, path: PathRef): void;
}
