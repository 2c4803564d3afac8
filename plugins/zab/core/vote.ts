import type { Zxid } from "../../../core/wire/zxid.ts";
import type { ElectionState, ServerId } from "../messages.ts";

/** Whom a server wants to lead, and why (`Vote` in Apache ZooKeeper). */
export interface Vote {
  readonly leader: ServerId;
  /** Last zxid in the log of the one proposed. */
  readonly zxid: Zxid;
  /** Current epoch of the one proposed. */
  readonly peerEpoch: number;
  /** Round in which the vote was cast. */
  readonly round: number;
}

/** A vote as another server told it. */
export interface Ballot extends Vote {
  readonly state: ElectionState;
  /** Format of the notification. */
  readonly version: number;
}

/** Who has more of the history: the later epoch, then the longer log, then the higher id. */
export function isBetter(one: Vote, other: Vote): boolean {
  if (one.peerEpoch !== other.peerEpoch) return one.peerEpoch > other.peerEpoch;
  if (one.zxid !== other.zxid) return one.zxid > other.zxid;
  return one.leader > other.leader;
}

/** Whether two servers that still look for a leader vote alike. */
export function isEqual(one: Vote, other: Vote): boolean {
  return (
    one.leader === other.leader &&
    one.zxid === other.zxid &&
    one.round === other.round &&
    one.peerEpoch === other.peerEpoch
  );
}

/**
 * Whether two servers that have settled follow the same leader. Their zxids and rounds may differ
 * for good (ZOOKEEPER-1732, 1805); old formats do not tell the epoch.
 */
export function isSameReign(one: Ballot, other: Ballot): boolean {
  if (one.state === "looking" || other.state === "looking") return isEqual(one, other);
  if (one.leader !== other.leader) return false;
  return one.version > 0 === other.version > 0 ? one.peerEpoch === other.peerEpoch : true;
}
