import type { ErrorName } from "../errors/zk_error.ts";
import type { JuteWriter } from "../wire/jute.ts";
import type { Id } from "../wire/records.ts";
import type { SessionId } from "../wire/session_id.ts";
import type { Zxid } from "../wire/zxid.ts";
import type { SessionTracker } from "./sessions.ts";
import type { Snapshot, SnapshotSlice } from "./storage.ts";
import { type Token, token } from "./token.ts";
import type { Peer } from "./transport.ts";

/**
 * A write on its way to the leader. Belongs to the caller, who uses it again: whoever keeps any of
 * it beyond the call makes a copy.
 */
export interface WriteRequest {
  /** The author; `NO_SESSION` for a container's deletion. */
  readonly session: SessionId;
  /** By which the server knows the outcome again; 0 for requests that it makes itself. */
  readonly cxid: number;
  /** One of `OPCODES` that is a write, `createSession` or `closeSession`. */
  readonly opcode: number;
  /** The bytes that hold the request's body, verbatim from `bodyStart` to `bodyEnd`. */
  readonly bytes: Uint8Array;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  /** Identities of the connection when the frame was received. */
  readonly ids: readonly Id[];
}

/** What this server is at the moment. */
export interface ConsensusStatus {
  readonly role: "standalone" | "looking" | "leader" | "follower" | "observer";
  /** Which clients may be served. */
  readonly serving: "none" | "read-only" | "read-write";
  readonly serverId: number;
  readonly epoch: number;
}

/** One learner of a leader, for operators. */
export interface LearnerFigures {
  readonly id: number;
  /** Gets what is committed and does not acknowledge it. */
  readonly isObserver: boolean;
  /** Whether its acknowledgements count. */
  readonly isVoting: boolean;
  /** Whether it has the leader's history and serves clients. */
  readonly isSynced: boolean;
  /** It has this and all before on disk; 0 before its first acknowledgement. */
  readonly ackedZxid: Zxid;
  /** Transactions sent to it and not acknowledged; 0 for observers and while it is not synced. */
  readonly lag: number;
  /** What its connection has carried; undefined once that is closed. */
  readonly traffic?: LearnerTraffic | undefined;
}

/** What the connection of a learner has carried, in packets as Apache counts them. */
export interface LearnerTraffic {
  readonly peer: Peer;
  /** When it was made, wall clock, ms. */
  readonly establishedMs: number;
  /** At most so many packets, and exactly so many bytes, wait for the socket to take them. */
  readonly queuedPackets: number;
  readonly queuedBytes: number;
  readonly received: number;
  /** Without what was read from the log to bring it up to date. */
  readonly sent: number;
  /** Requests of clients among what was received. */
  readonly requests: number;
  /** The last zxid sent to it; -1 before the first. */
  readonly lastZxid: Zxid;
  /** Begins to count {@link received}, {@link sent} and {@link requests} anew. */
  reset(): void;
}

/** What only a member of an ensemble can tell an operator. */
export interface EnsembleFigures {
  /** Who leads, as far as this server knows; -1 when it knows nobody. */
  readonly leaderId: number;
  /** Members that may vote. */
  readonly voterCount: number;
  /** Ticks that a learner may take to come and be brought up to date. */
  readonly initLimit: number;
  /** Ticks without a word after which leader and learner give each other up. */
  readonly syncLimit: number;
  /** Undefined unless this server leads. */
  readonly leading:
    | {
        /** Since it began to serve as leader. */
        readonly uptimeMs: number;
        /** In the order in which they came. */
        readonly learners: readonly LearnerFigures[];
        /** Syncs asked for and not answered. */
        readonly pendingSyncs: number;
        /** Bytes of the transactions proposed since the start; -1 before the first. */
        readonly proposalSizes: {
          readonly last: number;
          readonly min: number;
          readonly max: number;
        };
      }
    | undefined;
}

/**
 * Turns requests into transactions. Made by {@link Replica.lead}, one for each leadership; sees the
 * tree and the effects of all it has prepared that are not applied yet (D5).
 */
export interface Preparer {
  /**
   * Appends exactly one transaction to `out`: TxnHeader, body and TxnDigest, without a length.
   * A request that is refused becomes an `error` transaction, so that order is kept.
   *
   * @param zxid above every one prepared before.
   * @param timeMs the leader's wall clock.
   * @param refusal set when the caller knows already that it must fail (`SessionMoved`).
   */
  prepare(
    request: WriteRequest,
    stamp: { readonly zxid: Zxid; readonly timeMs: number },
    out: JuteWriter,
    refusal?: ErrorName,
  ): void;
  /**
   * As {@link prepare}, for a `reconfig` that consensus has agreed to: the transaction that writes
   * the new members to `/zookeeper/config`, if the author may write there.
   *
   * @param membership the new members, as text.
   * @returns whether it may; if not, an `error` transaction was appended.
   */
  prepareReconfig(
    request: WriteRequest,
    stamp: { readonly zxid: Zxid; readonly timeMs: number },
    out: JuteWriter,
    membership: string,
  ): boolean;
}

/**
 * The server, as consensus sees it: the replicated state machine and its clients. All calls are
 * synchronous but `replace`; none may be made from within another.
 */
export interface Replica {
  /** Zxid of the last transaction applied. */
  readonly lastApplied: Zxid;
  /** Bytes, roughly, of a snapshot of the tree. */
  readonly snapshotBytes: number;
  /** The global sessions of the tree. */
  readonly sessions: readonly { readonly id: SessionId; readonly timeoutMs: number }[];
  /** Members that the tree shows in `/zookeeper/config`, as text; empty where there are none. */
  readonly shownMembers: string;
  /** Begins a leadership: what the former preparer had in flight is forgotten. */
  lead(): Preparer;
  /** Ends a leadership. */
  unlead(): void;
  /**
   * Applies one committed transaction, answers its client if it is ours, and fires watches.
   * In ascending zxid order; `bytes` may be used again after the call.
   */
  deliver(bytes: Uint8Array, start: number, end: number): void;
  /**
   * Members in force that no transaction has brought: `/zookeeper/config` shows them from now on,
   * and after each {@link replace} by a tree without newer ones, until a transaction brings others.
   * Nobody is served meanwhile.
   */
  configure(membership: string, version: Zxid): void;
  /** Ends a run of deliveries: what clients must hear of it leaves now. */
  flush(): void;
  /**
   * Replaces the whole tree. If the slices throw, the tree is empty afterwards and that is thrown.
   */
  replace(snapshot: Snapshot): Promise<void>;
  /** Nodes changed since the last call, cut into slices; or all nodes. See {@link SliceSource}. */
  changes(whole: boolean): SliceSource;
  /** The status has changed; on leaving `read-write` clients are disconnected. */
  statusChanged(status: ConsensusStatus): void;
  /** A broken invariant or disk: this server stops, and `state` reports the error. */
  failed(error: unknown): void;
}

/** Hands out a snapshot slice by slice, each cut in at most about 2 ms. */
export interface SliceSource {
  /** Everything up to here is in the slices. */
  readonly zxid: Zxid;
  /**
   * The next slice, as the tree is now, maybe without nodes; undefined at the end. Its `nodes` are
   * good until the next call, which uses the same memory.
   */
  next(): SliceOrEnd;
  /** Ends it early; not needed after the end. */
  close(): void;
}

/** A slice, or undefined once there are no more. */
export type SliceOrEnd = SnapshotSlice | undefined;

/**
 * Puts writes in one total order and keeps them. Single. The server calls it from one turn of the
 * event loop at a time; it calls back through {@link Replica}, never from within `submit`.
 */
export interface Consensus {
  readonly status: ConsensusStatus;
  /**
   * Recovers what is stored, then takes part. Resolves when it has begun; serving may come later.
   */
  start(replica: Replica): Promise<void>;
  /** Stops taking part; what was submitted and not delivered stays unanswered. Bounded in time. */
  stop(): Promise<void>;
  /**
   * Takes a write. Requests of one server are put in the order submitted. The outcome comes as a
   * delivered transaction with the same session and cxid, or never if serving ends.
   */
  submit(request: WriteRequest): void;
  /**
   * Calls `done` once everything that the leader had committed when it heard of this has been
   * delivered here, and before any write is delivered that was submitted later. In the order asked;
   * never from within the call.
   */
  sync(session: SessionId, done: () => void): void;
  /** A global session's client was heard of. */
  touch(session: SessionId, timeoutMs: number): void;
  /**
   * Asks whoever leads whether a session lives, gives it a full time-out and makes this server its
   * owner. Answers may come from within the call, or never if serving ends.
   */
  revalidate(session: SessionId, timeoutMs: number, done: (alive: boolean) => void): void;
  /**
   * Replaces tree and log by a snapshot, durably and in one step. Nobody is served meanwhile:
   * clients are disconnected first, and what they wrote and was not delivered stays unanswered.
   * Resolves when clients may come again, to the new tree and its sessions, which have their full
   * time-outs. When it fails, the former tree is served again, unless the disk failed. Left out
   * where others would have to agree, as in an ensemble.
   *
   * @throws {StorageError} `closed` when nobody is served: at the start, while it stops, and while
   * another snapshot is taken. Passes on what `whole.slices` throws.
   */
  restore?(whole: Snapshot): Promise<void>;
  /** The tracker of global sessions, when this server leads; undefined otherwise. */
  readonly tracker: SessionTracker | undefined;
  /** Text of `/zookeeper/config`; empty for a server that stands alone. */
  readonly membership: string;
  /** Undefined for a server that stands alone. */
  readonly ensemble: EnsembleFigures | undefined;
}

/** Single. */
export const CONSENSUS: Token<Consensus> = token("consensus");
