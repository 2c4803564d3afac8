/**
 * A server that stands alone: its own log decides.
 *
 * ```ts
 * import { standalone } from "zookit/plugins/standalone";
 *
 * const plugin = standalone();
 * ```
 *
 * @module
 */
import { CLOCK } from "../../core/contracts/clock.ts";
import { CONSENSUS } from "../../core/contracts/consensus.ts";
import { LOGGER } from "../../core/contracts/logger.ts";
import { METRICS } from "../../core/contracts/metrics.ts";
import { SESSION_TRACKING } from "../../core/contracts/sessions.ts";
import { STORAGE } from "../../core/contracts/storage.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { SERVER_OPTIONS } from "../../core/server/options.ts";
import { StandaloneConsensus } from "./standalone.ts";

export { StandaloneConsensus, type StandaloneOptions } from "./standalone.ts";

/** Consensus for one server: durable in its own log before it is answered. */
export function standalone(): Plugin {
  return {
    name: "standalone",
    provides: [CONSENSUS],
    requires: [STORAGE, CLOCK, SESSION_TRACKING, LOGGER, METRICS, SERVER_OPTIONS],
    register: (container) =>
      container.provide(
        CONSENSUS,
        () =>
          new StandaloneConsensus(
            {
              storage: container.get(STORAGE),
              clock: container.get(CLOCK),
              tracking: container.get(SESSION_TRACKING),
              logger: container.get(LOGGER),
              metrics: container.get(METRICS),
            },
            container.get(SERVER_OPTIONS),
          ),
      ),
  };
}
