/**
 * What servers of an ensemble say to one another: Apache's packets as values (PP 3.2 and 4.1). Many
 * proposals, commits or acknowledgements that follow one another are one value, a range; the codec
 * makes packets of it and ranges of packets.
 */
import type { WriteRequest } from "../../core/contracts/consensus.ts";
import type { LogBatch, SessionRecord } from "../../core/contracts/storage.ts";
import type { SessionId } from "../../core/wire/session_id.ts";
import type { Zxid } from "../../core/wire/zxid.ts";

/** The number in a server's `myid`. */
export type ServerId = number;

/**
 * Leader, zxid and epoch in the vote of a server that has none. Java's `Long.MIN_VALUE` on the
 * wire.
 */
export const NO_VOTE: number = Number.MIN_SAFE_INTEGER;

/** Index is the number on the wire. */
export const ELECTION_STATES = ["looking", "following", "leading", "observing"] as const;

/** What a server does while it votes. */
export type ElectionState = (typeof ELECTION_STATES)[number];

/** A vote, as sent over the election port. */
export interface Notification {
  /** What the sender does. */
  readonly state: ElectionState;
  /** Who shall lead. */
  readonly leader: ServerId;
  /** Last zxid in the log of that server. */
  readonly zxid: Zxid;
  /** Round of the election; Apache's `electionEpoch` or logical clock. */
  readonly round: number;
  /** Current epoch of that server. */
  readonly peerEpoch: number;
  /** Format: 2 with membership, 0 for the short forms of old servers. */
  readonly version: number;
  /** Membership known to the sender, as text (PP 7.2); undefined in the short forms. */
  readonly membership: string | undefined;
  /** Whether the sender runs this program, so that shorter times than Apache's will do (D17). */
  readonly isZookit: boolean;
  /** Newer members that the sender has in its log; told among servers of this program alone. */
  readonly pending?: string | undefined;
}

/** First packet of a learner: FOLLOWERINFO or OBSERVERINFO. */
export interface LearnerInfo {
  readonly kind: "follower-info" | "observer-info";
  readonly acceptedEpoch: number;
  readonly serverId: ServerId;
  /** 0x10000 for every version since 3.4; lower ones are refused. */
  readonly protocolVersion: number;
  readonly membershipVersion: Zxid;
}

/**
 * A packet on a learner's link. Names are Apache's. A range (`first` to `last`) is of one epoch,
 * without a gap, both ends included: as many packets as it has zxids.
 */
export type QuorumPacket =
  | LearnerInfo
  /** LEADERINFO. */
  | { readonly kind: "leader-info"; readonly epoch: number; readonly protocolVersion: number }
  /** ACKEPOCH; `currentEpoch` -1 when the epoch had been accepted already. */
  | { readonly kind: "ack-epoch"; readonly lastZxid: Zxid; readonly currentEpoch: number }
  | { readonly kind: "diff"; readonly zxid: Zxid }
  | { readonly kind: "trunc"; readonly zxid: Zxid }
  /** SNAP; the stream follows. Received: the link stops until the core has asked for the stream. */
  | { readonly kind: "snap"; readonly zxid: Zxid }
  /** PROPOSAL for each transaction; of one epoch, without a gap. */
  | { readonly kind: "proposals"; readonly batch: LogBatch }
  /** PROPOSAL and COMMIT for each transaction; only sent, read as the two it is made of. */
  | { readonly kind: "history"; readonly batch: LogBatch }
  /** COMMIT for each zxid. */
  | { readonly kind: "commits"; readonly first: Zxid; readonly last: Zxid }
  | { readonly kind: "commit-and-activate"; readonly zxid: Zxid; readonly leader: ServerId }
  /** INFORM for each transaction; of one epoch, without a gap. */
  | { readonly kind: "informs"; readonly batch: LogBatch }
  /** INFORMANDACTIVATE; a batch of one. */
  | { readonly kind: "inform-and-activate"; readonly batch: LogBatch; readonly leader: ServerId }
  /** NEWLEADER; `membership` is the newest that the leader has seen. */
  | { readonly kind: "new-leader"; readonly epoch: number; readonly membership: string }
  | { readonly kind: "up-to-date" }
  /** ACK for each zxid; that of NEWLEADER and UPTODATE has the counter 0. */
  | { readonly kind: "acks"; readonly first: Zxid; readonly last: Zxid }
  /** PING; a learner's echo carries the sessions that it heard of since the last. */
  | {
      readonly kind: "ping";
      readonly zxid: Zxid;
      readonly touched: readonly SessionRecord[] | undefined;
    }
  /** REQUEST; `sync` has an empty body. Its bytes are good during the step that takes it. */
  | { readonly kind: "request"; readonly request: WriteRequest }
  /** REVALIDATE, to the leader. */
  | { readonly kind: "revalidate"; readonly session: SessionId; readonly timeoutMs: number }
  /** REVALIDATE, from the leader. */
  | { readonly kind: "revalidated"; readonly session: SessionId; readonly alive: boolean }
  | { readonly kind: "sync" };

/** The learner protocol that is spoken here. */
export const PROTOCOL_VERSION = 0x10000;

/** For a request that has to wait until a step is over: its bytes are the caller's. */
export function copyOf(request: WriteRequest): WriteRequest {
  const bytes = request.bytes.slice(request.bodyStart, request.bodyEnd);
  return { ...request, bytes, bodyStart: 0, bodyEnd: bytes.length };
}
