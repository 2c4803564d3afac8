/**
 * What every implementation of a contract must do, as suites for any test runner. A plugin of your
 * own is done when its suite passes.
 *
 * ```ts
 * import { test } from "uvu";
 * import { testStorage } from "zookit/conformance";
 * import { MemoryStorage } from "zookit/storage/memory";
 *
 * testStorage({ test, make: async () => new MemoryStorage() });
 * test.run();
 * ```
 *
 * @module
 */
export { type AuthProviderFixture, testAuthProvider } from "./auth.ts";
export { type ClockFixture, testClock } from "./clock.ts";
export { type ConsensusFixture, type ConsensusParts, testConsensus } from "./consensus.ts";
export { type EntropyFixture, testEntropy } from "./entropy.ts";
export { type LoggerFixture, testLogger } from "./logger.ts";
export { type MetricsFixture, testMetrics } from "./metrics.ts";
export { type SessionTrackingFixture, testSessionTracking } from "./sessions.ts";
export { type StorageFixture, testStorage } from "./storage.ts";
export { type TransportFixture, testTransport } from "./transport.ts";
