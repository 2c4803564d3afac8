/**
 * Reply codes, from `KeeperException.Code` in Apache ZooKeeper. Never renumber: clients match on
 * the number, and some (kazoo) fail on a number they do not know.
 */
export const ERROR_CODES = {
  SystemError: -1,
  RuntimeInconsistency: -2,
  DataInconsistency: -3,
  ConnectionLoss: -4,
  MarshallingError: -5,
  Unimplemented: -6,
  OperationTimeout: -7,
  BadArguments: -8,
  UnknownSession: -12,
  NewConfigNoQuorum: -13,
  ReconfigInProgress: -14,
  NoNode: -101,
  NoAuth: -102,
  BadVersion: -103,
  NoChildrenForEphemerals: -108,
  NodeExists: -110,
  NotEmpty: -111,
  SessionExpired: -112,
  InvalidCallback: -113,
  InvalidAcl: -114,
  AuthFailed: -115,
  SessionMoved: -118,
  NotReadOnly: -119,
  EphemeralOnLocalSession: -120,
  NoWatcher: -121,
  RequestTimeout: -122,
  ReconfigDisabled: -123,
  SessionClosedRequireSaslAuth: -124,
  QuotaExceeded: -125,
  ThrottledOp: -127,
} as const;

/** The name of a reply code; matched by callers instead of message text. */
export type ErrorName = keyof typeof ERROR_CODES;

const NAMES = new Map<number, ErrorName>(
  (Object.keys(ERROR_CODES) as ErrorName[]).map((name) => [ERROR_CODES[name], name]),
);

/** The name for a reply code, or undefined for a number that ZooKeeper never assigned. */
export function errorName(code: number): ErrorName | undefined {
  return NAMES.get(code);
}

/**
 * A refusal that has a code in ZooKeeper's client protocol. Thrown at API edges and by decoders;
 * inside the tree an {@link Outcome} carries the name instead.
 */
export class ZkError extends Error {
  override readonly name = "ZkError";
  readonly kind: ErrorName;
  /** The path or value that was refused, where there is one. */
  readonly path: string | undefined;

  constructor(kind: ErrorName, path?: string, options?: ErrorOptions) {
    super(path === undefined ? kind : `${kind}: ${path}`, options);
    this.kind = kind;
    this.path = path;
  }

  /** The number that goes on the wire. */
  get code(): number {
    return ERROR_CODES[this.kind];
  }
}

/** A result where failure is ordinary: a value, or the name of the reply code. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ErrorName };
