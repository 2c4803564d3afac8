/**
 * Decides when sessions expire, in steps of one tick as Apache ZooKeeper does. Pure: the caller
 * brings the time.
 *
 * ```ts
 * import { BucketTracker } from "zookit/plugins/sessions";
 * import { SessionId } from "zookit";
 *
 * const tracker = new BucketTracker(2_000);
 * tracker.add(new SessionId(0x01000000, 1), 4_000, 0);
 * console.log(tracker.expire(5_999).length, tracker.expire(6_000).length); // 0 1
 * ```
 */
import { METRICS } from "../../core/contracts/metrics.ts";
import { SESSION_TRACKING } from "../../core/contracts/sessions.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { BucketTracking } from "./bucket_tracker.ts";

export { BucketTracker, BucketTracking } from "./bucket_tracker.ts";

/** Fills the session tracking contract with buckets of one tick. */
export function bucketSessions(): Plugin {
  return {
    name: "bucket-sessions",
    provides: [SESSION_TRACKING],
    requires: [METRICS],
    register: (container) => {
      container.provide(SESSION_TRACKING, () => {
        const metrics = container.get(METRICS);
        return new BucketTracking(metrics.counter("stale_sessions_expired", "Sessions expired"));
      });
    },
  };
}
