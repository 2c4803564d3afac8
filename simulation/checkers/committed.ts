import { readTxn, type SubTxn, type Txn, type TxnBody } from "../../core/tree/txn.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { SessionId } from "../../core/wire/session_id.ts";
import type { Zxid } from "../../core/wire/zxid.ts";
import type { LedgerEntry } from "../ledger.ts";

/** What a znode was after a transaction. */
export interface NodeState {
  readonly data: string;
  readonly version: number;
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  /** The session of an ephemeral, 0 for others. */
  readonly owner: bigint;
}

/** From this transaction on a znode is this, or not there. */
export interface Moment {
  readonly zxid: Zxid;
  readonly state: NodeState | undefined;
}

/** A transaction of a session. */
export interface CommittedTxn {
  readonly zxid: Zxid;
  readonly session: bigint;
  readonly body: TxnBody;
}

/**
 * The story that the committed transactions tell, in a model of its own: it knows nothing of the
 * server's tree.
 */
export class Committed {
  readonly txns: CommittedTxn[] = [];
  readonly bySession: Map<bigint, CommittedTxn[]> = new Map();
  readonly findings: string[] = [];
  readonly #moments = new Map<string, Moment[]>();
  readonly #sessions = new Map<bigint, "open" | "closed">();
  /** Transactions that changed the children of a znode. */
  readonly #childChanges = new Map<string, Zxid[]>();
  readonly #children = new Map<string, Set<string>>();

  constructor(entries: readonly LedgerEntry[]) {
    for (const { bytes } of entries) this.#take(readTxn(bytes, 0, bytes.length));
  }

  get last(): Zxid {
    return this.txns.at(-1)?.zxid ?? 0;
  }

  /** A znode as it was after the transaction `zxid`. */
  stateAt(path: string, zxid: Zxid): NodeState | undefined {
    return lastUpTo(this.#moments.get(path) ?? [], zxid)?.state;
  }

  /** When a znode came, changed and went. */
  momentsOf(path: string): readonly Moment[] {
    return this.#moments.get(path) ?? [];
  }

  /** Transactions that added or removed a child. */
  childChangesOf(path: string): readonly Zxid[] {
    return this.#childChanges.get(path) ?? [];
  }

  /** Names of the children after the transaction `zxid`, sorted. */
  childrenAt(path: string, zxid: Zxid): string[] {
    const names = [...(this.#children.get(path) ?? [])];
    const prefix = path === "/" ? "/" : `${path}/`;
    return names.filter((name) => this.stateAt(prefix + name, zxid) !== undefined).sort();
  }

  /** Sessions that have not ended. */
  *openSessions(): Iterable<bigint> {
    for (const [session, state] of this.#sessions) if (state === "open") yield session;
  }

  #take({ header, body }: Txn): void {
    const { zxid } = header;
    const session = new SessionId(header.sessionHigh, header.sessionLow).toBigInt();
    const txn = { zxid, session, body };
    this.txns.push(txn);
    let ofSession = this.bySession.get(session);
    if (ofSession === undefined) this.bySession.set(session, (ofSession = []));
    ofSession.push(txn);
    switch (body.type) {
      case OPCODES.createSession:
        this.#sessions.set(session, "open");
        return;
      case OPCODES.closeSession:
        return this.#closeSession(session, zxid);
      case OPCODES.multi:
        if (body.txns.some((sub) => sub.type === OPCODES.error)) return;
        for (const sub of body.txns) this.#apply(sub, zxid, session);
        return;
      case OPCODES.setAcl:
        return;
      default:
        this.#apply(body, zxid, session);
    }
  }

  #closeSession(session: bigint, zxid: Zxid): void {
    this.#sessions.set(session, "closed");
    for (const [path, moments] of this.#moments) {
      if (moments.at(-1)?.state?.owner === session) this.#set(path, zxid, undefined);
    }
  }

  #apply(txn: SubTxn, zxid: Zxid, session: bigint): void {
    switch (txn.type) {
      case OPCODES.error:
      case OPCODES.check:
        return;
      case OPCODES.delete:
      case OPCODES.deleteContainer:
        return this.#set(txn.path, zxid, undefined);
      case OPCODES.setData:
      case OPCODES.reconfig: {
        const before = this.stateAt(txn.path, zxid);
        if (before === undefined) return;
        const isNext = txn.version === before.version + 1;
        if (!isNext && txn.type === OPCODES.setData) {
          this.findings.push(
            `${txn.path} went from version ${before.version} to ${txn.version} at ${zxid}`,
          );
        }
        const { version } = txn;
        return this.#set(txn.path, zxid, {
          ...before,
          data: textOf(txn.data),
          version,
          mzxid: zxid,
        });
      }
      default: {
        const owner = txn.ephemeral ? session : 0n;
        if (txn.ephemeral && this.#sessions.get(session) === "closed") {
          this.findings.push(`the closed session ${session} created the ephemeral ${txn.path}`);
        }
        const data = textOf(txn.data);
        this.#set(txn.path, zxid, { data, version: 0, czxid: zxid, mzxid: zxid, owner });
      }
    }
  }

  #set(path: string, zxid: Zxid, state: NodeState | undefined): void {
    let moments = this.#moments.get(path);
    if (moments === undefined) this.#moments.set(path, (moments = []));
    const was = moments.at(-1)?.state;
    moments.push({ zxid, state });
    if ((was === undefined) === (state === undefined)) return;
    const slash = path.lastIndexOf("/");
    const parent = slash === 0 ? "/" : path.slice(0, slash);
    let changes = this.#childChanges.get(parent);
    if (changes === undefined) this.#childChanges.set(parent, (changes = []));
    changes.push(zxid);
    let names = this.#children.get(parent);
    if (names === undefined) this.#children.set(parent, (names = new Set()));
    names.add(path.slice(slash + 1));
  }
}

function lastUpTo(moments: readonly Moment[], zxid: Zxid): Moment | undefined {
  let [low, high] = [0, moments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((moments[middle] as Moment).zxid <= zxid) low = middle + 1;
    else high = middle;
  }
  return moments[low - 1];
}

const TEXT = new TextDecoder();

function textOf(data: Uint8Array | null): string {
  return data === null ? "" : TEXT.decode(data);
}
