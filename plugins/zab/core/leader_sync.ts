import { counterOf, epochOf, type Zxid } from "../../../core/wire/zxid.ts";
import type { LogTail } from "./log_tail.ts";

/** What a leader goes by when it chooses how a learner catches up. */
export interface SyncView {
  readonly log: LogTail;
  /** Everything up to here is committed, or will be once a quorum follows. */
  readonly committed: Zxid;
  /** Epoch whose leader's history this server had before its own epoch. */
  readonly historyEpoch: number;
}

/**
 * How a learner catches up. `after` is where its log agrees with the leader's: what the leader has
 * above it follows. `examine` says that only the stored log can tell.
 */
export type SyncPlan =
  | { readonly mode: "diff"; readonly after: Zxid }
  | { readonly mode: "trunc"; readonly after: Zxid }
  | { readonly mode: "snap" }
  | { readonly mode: "examine" };

/**
 * Chooses for a learner whose log ends at `last` (PP 4.4). Where Apache's leader would send a
 * snapshot because epochs changed, this one cuts if it is certain that the learner's log has the
 * place; and where Apache's would cut at a place that the learner may not have, it sends a
 * snapshot.
 */
export function planSync(view: SyncView, last: Zxid): SyncPlan {
  const { log, committed } = view;
  if (last === committed) return { mode: "diff", after: last };
  if (last <= 0) return { mode: "snap" };
  // A former leader of Apache's that wrote nothing reports its epoch with counter 0.
  const isNewEpoch = counterOf(last) === 0;
  if (last < log.floor) return { mode: "examine" };
  const common = log.lastUpTo(Math.min(last, committed));
  if (common === last) return { mode: "diff", after: last };
  if (isNewEpoch) return last < committed ? { mode: "diff", after: common } : { mode: "snap" };
  return isCommon(view, common, last) ? { mode: "trunc", after: common } : { mode: "snap" };
}

/**
 * Whether a log that ends at `last` has `common`, the leader's last zxid below that. Within one
 * epoch logs agree as far as they go. If the leader had the history that began the learner's epoch,
 * and nothing of that epoch itself, then `common` ends that history, and the learner has it too.
 */
function isCommon({ log, historyEpoch }: SyncView, common: Zxid, last: Zxid): boolean {
  // A floor with counter 0 is no transaction: nobody's log can be cut there (ZOOKEEPER-4352).
  if (common === log.floor && counterOf(common) === 0) return false;
  return epochOf(common) === epochOf(last) || historyEpoch === epochOf(last);
}

/** Whether the stored log is short enough to be sent instead of a snapshot. */
export function isLogShorter(logBytes: number, snapshotBytes: number, factor: number): boolean {
  return factor >= 0 && logBytes <= snapshotBytes * factor;
}
