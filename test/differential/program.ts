/** A random program as data: it prints well, shrinks well and can be pasted into a test. */

/** Name of an access control list in `acls.ts`. */
export type AclName = string;

/** `@` at the start of a path stands for the program's root, `~` for its place under quotas. */
export type PathText = string | null;

/** The data itself, or `#N`: as much of it as makes the request's frame N bytes long. */
export type DataText = string | null;

export type CreateOp = {
  readonly op: "create" | "create2" | "createContainer" | "createTTL";
  readonly path: PathText;
  readonly data: DataText;
  readonly acl: AclName;
  readonly flags: number;
  readonly ttl?: number;
};
export type DeleteOp = { readonly op: "delete"; readonly path: PathText; readonly version: number };
export type CheckOp = { readonly op: "check"; readonly path: PathText; readonly version: number };
export type SetDataOp = {
  readonly op: "setData";
  readonly path: PathText;
  readonly data: DataText;
  readonly version: number;
};
export type SetAclOp = {
  readonly op: "setACL";
  readonly path: PathText;
  readonly acl: AclName;
  readonly version: number;
};
export type WatchingReadOp = {
  readonly op: "exists" | "getData" | "getChildren" | "getChildren2";
  readonly path: PathText;
  readonly watch: boolean;
};
export type PathOp = {
  readonly op: "getACL" | "sync" | "getEphemerals" | "getAllChildrenNumber";
  readonly path: PathText;
};
export type WatchOp = {
  readonly op: "addWatch" | "checkWatches" | "removeWatches";
  readonly path: PathText;
  /** The mode for addWatch, the type of watcher for the other two. */
  readonly mode: number;
};
export type SetWatchesOp = {
  readonly op: "setWatches" | "setWatches2";
  readonly since: "zero" | "base" | "now" | "future" | "negative";
  /** data, exist, child, and for setWatches2 persistent and recursive; null is a null vector. */
  readonly lists: readonly (readonly PathText[] | null)[];
};
export type MultiOp = { readonly op: "multi" | "multiRead"; readonly ops: readonly Op[] };
export type AuthOp = {
  readonly op: "auth";
  readonly scheme: string | null;
  readonly auth: string | null;
};
export type BareOp = {
  readonly op: "whoAmI" | "ping" | "closeSession" | "reconfig";
};
/** Without a token it asks for a challenge; one that answers none ends the connection. */
export type SaslOp = { readonly op: "sasl"; readonly token?: string };
/** The frame of `of` with its body cut by `cut` bytes, then `tail` (hexadecimal) added. */
export type GarbledOp = {
  readonly op: "garbled";
  readonly of: Op;
  readonly cut: number;
  readonly tail: string;
};
/** A well-formed header with a type that is no request. */
export type UnknownOp = { readonly op: "unknown"; readonly type: number };
/** Bytes that are not a frame at all; length and header included. */
export type RawOp = { readonly op: "raw"; readonly bytes: string };

export type Op =
  | CreateOp
  | DeleteOp
  | CheckOp
  | SetDataOp
  | SetAclOp
  | WatchingReadOp
  | PathOp
  | WatchOp
  | SetWatchesOp
  | MultiOp
  | AuthOp
  | BareOp
  | SaslOp
  | GarbledOp
  | UnknownOp
  | RawOp;

/** Sent in one write on one session, and answered before the next step begins. */
export type BatchStep = {
  readonly kind: "batch";
  readonly session: number;
  readonly ops: readonly Op[];
};
/** One batch for each session, all at once: for programs whose sessions are apart. */
export type TogetherStep = {
  readonly kind: "together";
  readonly batches: readonly (readonly Op[])[];
};
/**
 * `drop` cuts the connection, and the next use of the session re-attaches it. `expire`
 * re-attaches with the shortest timeout, stays silent and waits for the session's end; `vanish`
 * does without the connection meanwhile. `steal` re-attaches while the former connection is open.
 * `wrongPassword` and `zxidAhead` try in vain to re-attach it.
 */
export type SessionStep = {
  readonly kind: "drop" | "expire" | "vanish" | "steal" | "wrongPassword" | "zxidAhead";
  readonly session: number;
};
/** Waits until the server itself has removed the node at `path`. */
export type ReapStep = { readonly kind: "reap"; readonly path: string };
export type Step = BatchStep | TogetherStep | SessionStep | ReapStep;

/**
 * `user:password` for an auth packet by digest in the same write as the handshake,
 * `digest:user:password` for one behind it, `sasl:user:password` for a login by SASL, `x509` for a
 * connection by TLS with a certificate; null proves nothing.
 */
export type Identity = string | null;

export type Program = {
  /** What each session proves when it connects. */
  readonly identities: readonly Identity[];
  /** Where each session connects from; 127.0.0.1 where left out. */
  readonly addresses?: readonly string[];
  /** The xids that each session uses again and again; left out, it counts from 1. */
  readonly xids?: readonly number[];
  /**
   * Each session has a root of its own, so that its answers do not hang on what others do at the
   * same time, but for zxids, which are then not compared.
   */
  readonly apart?: boolean;
  /** Each batch is one request, which ends the connection whatever it is: nobody has logged in. */
  readonly isUninvited?: boolean;
  readonly steps: readonly Step[];
};

/** Number of operations in `program`, those inside of multis included. */
export function countOps(program: Program): number {
  const countIn = (ops: readonly Op[]): number =>
    ops.reduce((sum, op) => sum + 1 + ("ops" in op ? countIn(op.ops) : 0), 0);
  const countOf = (step: Step): number => {
    if (step.kind === "batch") return countIn(step.ops);
    return step.kind === "together" ? countIn(step.batches.flat()) : 1;
  };
  return program.steps.reduce((sum, step) => sum + countOf(step), 0);
}
