import type { ConsensusStatus } from "../../core/contracts/consensus.ts";
import type { SessionTracker } from "../../core/contracts/sessions.ts";
import type { SessionId } from "../../core/wire/session_id.ts";
import type { Effect } from "./core/effect.ts";
import type { Input } from "./core/input.ts";
import type { LinkedLearner } from "./core/learner_link.ts";
import type { ServerId } from "./messages.ts";

/** The pure core, as its driver uses it: `ZabCore`, or what a test puts around it. */
export interface ZabMachine {
  step(input: Input, nowMs: number, wallMs: number): readonly Effect[];
  touch(session: SessionId, timeoutMs: number, nowMs: number): void;
  /** Monotonic ms at which `tick` is due. */
  readonly nextTickMs: number;
  readonly status: ConsensusStatus;
  readonly tracker: SessionTracker | undefined;
  /** Members in force, as text. */
  readonly membership: string;
  /** Whether the tree may be another server's, whose members it shows then. */
  readonly isTreeForeign: boolean;
  /** Whether it takes part and knows nobody to follow. */
  readonly isLooking: boolean;
  /** Whom it votes for or follows. */
  readonly leader: ServerId;
  /** Its learners, while it leads. */
  readonly learners: readonly LinkedLearner[];
  /** Syncs that it has not answered, while it leads. */
  readonly pendingSyncs: number;
}
