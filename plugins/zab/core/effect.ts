import type { ConsensusStatus } from "../../../core/contracts/consensus.ts";
import type { LogBatch } from "../../../core/contracts/storage.ts";
import type { SessionId } from "../../../core/wire/session_id.ts";
import type { Zxid } from "../../../core/wire/zxid.ts";
import type { Notification, QuorumPacket, ServerId } from "../messages.ts";
import type { EpochName, LinkId } from "./input.ts";

/**
 * What the core wants done. The driver performs the effects of a step in order, each begun before
 * the next step, and obeys four rules:
 *
 * - What is sent on a link, streams included, leaves in the order of the effects.
 * - What is asked of the disk is done one after the other, in the order of the effects.
 * - `deliver`, `synced` and `lead` have happened when the next effect begins.
 * - Whatever needs something to be durable first is asked for only after that: sending never has to
 *   wait for the disk.
 */
export type Effect =
  // Election port.
  /** Send a vote; a newer one to the same server may replace it while it waits. */
  | { readonly kind: "notify"; readonly to: ServerId; readonly vote: Notification }
  // Quorum port.
  /** Accept learners. Answered by `listening`. */
  | { readonly kind: "listen" }
  /** Accept no more learners. */
  | { readonly kind: "unlisten" }
  /** Connect to the quorum port of a server, once. Answered by `dialled`. */
  | { readonly kind: "dial"; readonly sid: ServerId }
  | { readonly kind: "send"; readonly link: LinkId; readonly packet: QuorumPacket }
  /** SNAP with the zxid last delivered, then the whole tree as a stream (PP 4.4). */
  | { readonly kind: "send-snapshot"; readonly link: LinkId }
  /** PROPOSAL and COMMIT for each transaction of the stored log above `after`, to `through`. */
  | {
      readonly kind: "send-log";
      readonly link: LinkId;
      readonly after: Zxid;
      readonly through: Zxid;
    }
  /** Read nothing more on a link that a learner has dialled, or go on. */
  | { readonly kind: "hold"; readonly link: LinkId; readonly isHeld: boolean }
  /** Close a link; `reason` is for the log. */
  | { readonly kind: "close"; readonly link: LinkId; readonly reason: string }
  // Disk.
  /** Append to the log; batches that wait may be written as one. Answered by `durable`. */
  | { readonly kind: "append"; readonly batch: LogBatch }
  /** Answered by `epoch-stored`. */
  | { readonly kind: "store-epoch"; readonly which: EpochName; readonly epoch: number }
  /**
   * Cut the log above `through`. With `reload`, then build the tree from what is left, because it
   * has applied what was cut. Answered by `truncated`.
   */
  | { readonly kind: "truncate"; readonly through: Zxid; readonly reload: boolean }
  /** Read the stream that follows SNAP on the link into the tree. `snapshot-received` answers. */
  | { readonly kind: "receive-snapshot"; readonly link: LinkId; readonly zxid: Zxid }
  /**
   * Replace log and stored tree by the tree as it is now and set the current epoch, all in one
   * atomic step. Answered by `installed`.
   */
  | { readonly kind: "install"; readonly epoch: number }
  /** Build the tree from what is stored. Answered by `reloaded`. */
  | { readonly kind: "reload" }
  /** Look whether a learner can have the log from `after` to `through`. `log-examined` answers. */
  | {
      readonly kind: "examine-log";
      readonly link: LinkId;
      readonly after: Zxid;
      readonly through: Zxid;
    }
  // Server.
  /** Apply every transaction of the batch. */
  | { readonly kind: "deliver"; readonly batch: LogBatch }
  /** The next `count` syncs of this server's clients, in the order asked, are done. */
  | { readonly kind: "synced"; readonly count: number }
  /** Answer a `revalidate`. */
  | { readonly kind: "revalidated"; readonly session: SessionId; readonly alive: boolean }
  /** Begin to prepare: `Replica.lead`. Answered by `led`, as the very next step. */
  | { readonly kind: "lead" }
  /** End preparing: `Replica.unlead`. */
  | { readonly kind: "unlead" }
  | { readonly kind: "status"; readonly status: ConsensusStatus }
  /** A membership to connect by; `isCommitted` says whether it is in force or only proposed. */
  | { readonly kind: "membership"; readonly text: string; readonly isCommitted: boolean }
  /** Something an operator wants to know. */
  | {
      readonly kind: "note";
      readonly level: "info" | "warn";
      readonly text: string;
      readonly fields: Readonly<Record<string, string | number | boolean>>;
    };
