/**
 * A whole ensemble in one process, in virtual time, from one seed: real servers and real clients on
 * simulated machines, networks and disks that fail as told. See docs/simulation.md.
 *
 * ```ts
 * import { simulate } from "zookit/simulation";
 *
 * await simulate({ servers: 1, seed: 1 }, async (world) => {
 *   const zk = await world.connect();
 *   await zk.create("/settings", "fast");
 *   world.server(1).crash("power-lost");
 *   await world.sleep(60_000); // No time at all.
 *   void world.server(1).start();
 *   await world.untilServing();
 *   console.log((await zk.getData("/settings")).stat.version); // 0
 * });
 * ```
 *
 * @module
 */
export type { DiskHabits } from "./disk.ts";
export type { Ledger, LedgerEntry } from "./ledger.ts";
export type { LogLevel, LogLine } from "./logger.ts";
export type { EffectKind, Ending, Machine } from "./machine.ts";
export type { Medium, StoredArea, StoredNode } from "./medium.ts";
export type { DialTarget, Network } from "./network.ts";
export type { Random } from "./random.ts";
export { replaced } from "./replaced.ts";
export type { Delays, Route } from "./route.ts";
export type { Scheduler } from "./scheduler.ts";
export type { ServerParts, SimulatedServer } from "./server.ts";
export {
  SimulationError,
  type SimulationOptions,
  type SimulationReport,
  simulate,
} from "./simulate.ts";
export type { Trace } from "./trace.ts";
export type { World, WorldClientOptions, WorldOptions } from "./world.ts";
