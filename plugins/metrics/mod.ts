/**
 * The figures of a server as plain numbers, for exporters to read when they are asked.
 *
 * ```ts
 * import { PlainMetrics } from "zookit/plugins/metrics";
 *
 * const metrics = new PlainMetrics();
 * metrics.counter("commit_count", "transactions committed").value += 1;
 * console.log(metrics.read());
 * ```
 */
import { METRICS } from "../../core/contracts/metrics.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { PlainMetrics } from "./plain_metrics.ts";

export { PlainMetrics } from "./plain_metrics.ts";

/** Fills the metrics contract with {@link PlainMetrics}. */
export function plainMetrics(): Plugin {
  return {
    name: "plain-metrics",
    provides: [METRICS],
    requires: [],
    register: (container) => container.bind(METRICS, PlainMetrics),
  };
}
