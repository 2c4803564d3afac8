import type { Preparer, WriteRequest } from "../../../core/contracts/consensus.ts";
import type { LogBatch } from "../../../core/contracts/storage.ts";
import type { SessionId } from "../../../core/wire/session_id.ts";
import type { Zxid } from "../../../core/wire/zxid.ts";
import type { Notification, QuorumPacket, ServerId } from "../messages.ts";

/**
 * One connection between a learner and a leader. The driver numbers them and never uses a number
 * again, so that whatever comes late from an old one is known by it.
 */
export type LinkId = number;

/**
 * All that can happen to a server, as its core sees it. Objects and bytes belong to the driver
 * again after the step, but for a {@link LogBatch}, which is kept and must not change.
 */
export type Input =
  // Life.
  /** Members that the tree of the checkpoint shows, before `replayed`. */
  | { readonly kind: "recalled"; readonly members: string }
  /** Before `start`: a batch of the own log, in order, that the tree has applied. */
  | { readonly kind: "replayed"; readonly batch: LogBatch }
  /** The tree holds the whole log. First step but for `replayed`. */
  | { readonly kind: "start"; readonly stored: Stored }
  /** Take part no longer: closes and answers nothing more. */
  | { readonly kind: "stop" }
  /** Time has passed; due at `ZabCore.nextTickMs`, harmless at any time. */
  | { readonly kind: "tick" }
  // Election port.
  | { readonly kind: "notification"; readonly from: ServerId; readonly vote: Notification }
  // Quorum port.
  /** Outcome of `listen`. */
  | { readonly kind: "listening"; readonly ok: boolean }
  /** Outcome of `dial`: a link, or undefined for failure. */
  | { readonly kind: "dialled"; readonly sid: ServerId; readonly link: LinkId | undefined }
  /** In order for each link; the first packet of a link makes it known. */
  | { readonly kind: "packet"; readonly link: LinkId; readonly packet: QuorumPacket }
  /** Some of a stream went over the link in either direction; at most a few times a second. */
  | { readonly kind: "progress"; readonly link: LinkId }
  /** The link has broken, or a bound of its queues was passed. */
  | { readonly kind: "closed"; readonly link: LinkId }
  // Disk: exactly one for each effect that asks for it, but that `durable` may stand for several.
  /** Everything appended up to here survives a crash. */
  | { readonly kind: "durable"; readonly zxid: Zxid }
  /** Not an answer: whether so much is to be appended that others should wait for this disk. */
  | { readonly kind: "backlog"; readonly isLong: boolean }
  /** Outcome of `store-epoch`. */
  | { readonly kind: "epoch-stored"; readonly which: EpochName; readonly epoch: number }
  /** Outcome of `truncate`; not ok: nothing was removed, only a snapshot helps. */
  | { readonly kind: "truncated"; readonly ok: boolean }
  /** Outcome of `receive-snapshot`; not ok: the tree is empty. */
  | { readonly kind: "snapshot-received"; readonly ok: boolean }
  /** Outcome of `install`, with the members that the new tree shows. */
  | { readonly kind: "installed"; readonly members: string }
  /** Outcome of `reload`. */
  | { readonly kind: "reloaded" }
  /** Outcome of `examine-log`. */
  | {
      readonly kind: "log-examined";
      readonly link: LinkId;
      /** Whether `after` is in the log, or the checkpoint's zxid, and all above it can be read. */
      readonly ok: boolean;
      /** Bytes from `after` to `through`. */
      readonly logBytes: number;
      /** Bytes, roughly, of the stream that a snapshot would be. */
      readonly snapshotBytes: number;
    }
  // Server.
  /** Outcome of `lead`. */
  | { readonly kind: "led"; readonly preparer: Preparer; readonly sessions: Sessions }
  /** A write of a client of this server, or its own. */
  | { readonly kind: "request"; readonly request: WriteRequest }
  /** A client of this server asks for a sync. */
  | { readonly kind: "sync"; readonly session: SessionId }
  /** A client of this server presents a session. */
  | { readonly kind: "revalidate"; readonly session: SessionId; readonly timeoutMs: number }
  /** Ends a turn in which there were steps: what was gathered leaves now. */
  | { readonly kind: "flush" };

/** Which of the two epochs that are kept on disk. */
export type EpochName = "accepted" | "current";

/** What is on disk when a server starts. */
export interface Stored {
  /** Last zxid of the log, which the tree has applied. */
  readonly lastZxid: Zxid;
  readonly acceptedEpoch: number;
  readonly currentEpoch: number;
}

/** Global sessions of the tree. */
export type Sessions = readonly { readonly id: SessionId; readonly timeoutMs: number }[];
