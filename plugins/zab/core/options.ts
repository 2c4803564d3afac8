import type { ServerId } from "../messages.ts";

/** Settings of one member, with Apache's names where it has them. */
export interface ZabOptions {
  readonly serverId: ServerId;
  /** Members that the configuration names, as text (PP 7.2). */
  readonly membership: string;
  /** What this server is if the membership does not name it. */
  readonly peerType: "participant" | "observer";
  /** Milliseconds of a tick. */
  readonly tickTimeMs: number;
  /** Ticks that a learner may take to connect and synchronise, and a leader to be established. */
  readonly initLimit: number;
  /** Ticks without a word after which leader and learner give each other up. */
  readonly syncLimit: number;
  /** Transactions kept in memory for learners that lag, at least. */
  readonly commitLogCount: number;
  /** Log that may be sent instead of a snapshot, as a part of its size; below 0: none. */
  readonly snapshotSizeFactor: number;
  /** Serve read-only clients while there is no quorum. */
  readonly readOnlyMode: boolean;
  readonly reconfigEnabled: boolean;
  /** Whether a membership may have a single voter. */
  readonly standaloneEnabled: boolean;
  /** Counter after which an epoch's zxids begin, to try what happens when they end. Default 0. */
  readonly initialCounter?: number | undefined;
}
