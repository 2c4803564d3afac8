import { CLOCK } from "../core/contracts/clock.ts";
import { ENTROPY } from "../core/contracts/entropy.ts";
import { LOGGER, type Logger } from "../core/contracts/logger.ts";
import { STORAGE } from "../core/contracts/storage.ts";
import { TRANSPORT } from "../core/contracts/transport.ts";
import type { Plugin } from "../core/kernel/plugin.ts";
import { digestAuth, ipAuth } from "../plugins/auth/mod.ts";
import { plainMetrics } from "../plugins/metrics/mod.ts";
import { bucketSessions } from "../plugins/sessions/mod.ts";
import { StorageEngine } from "../storage/sqlite/storage_engine.ts";
import { SimulatedDisk } from "./disk.ts";
import type { Machine } from "./machine.ts";
import { type Network, SimulatedTransport } from "./network.ts";
import { simulatedPeers } from "./peers.ts";
import type { Random } from "./random.ts";
import type { SimulatedServer } from "./server.ts";

/** Where every simulated server listens for clients. */
export const CLIENT_PORT = 2181;

/** What the plugins of a simulated machine are made from. */
export interface MachineParts {
  readonly network: Network;
  readonly random: Random;
  readonly logger: Logger;
  /** Told, at a crash, how many changes were not on the medium yet. */
  readonly lost: (changes: number) => void;
}

/** All plugins of a server but consensus, over simulated time, chance, network and disk. */
export function simulatedEssentials(server: SimulatedServer, parts: MachineParts): Plugin[] {
  const { machine } = server;
  const { network, logger } = parts;
  return [
    simulatedMachine(machine, logger),
    simulatedPeers(network, machine),
    plainMetrics(),
    bucketSessions(),
    ipAuth(),
    digestAuth(),
    simulatedStorage(server, parts),
    {
      name: "simulated-transport",
      provides: [TRANSPORT],
      requires: [],
      register: (container) =>
        container.value(TRANSPORT, new SimulatedTransport(network, machine, CLIENT_PORT)),
    },
  ];
}

function simulatedMachine(machine: Machine, logger: Logger): Plugin {
  return {
    name: "simulated-machine",
    provides: [CLOCK, ENTROPY, LOGGER],
    requires: [],
    register: (container) => {
      container.value(CLOCK, machine.clock);
      container.value(ENTROPY, machine.entropy);
      container.value(LOGGER, logger);
    },
  };
}

/** The storage engine of `storage-sqlite` on a simulated disk. */
function simulatedStorage(server: SimulatedServer, { random, lost }: MachineParts): Plugin {
  const { machine, medium, habits } = server;
  return {
    name: "simulated-storage",
    provides: [STORAGE],
    requires: [],
    register: (container) =>
      container.provide(STORAGE, () => {
        return new StorageEngine(new SimulatedDisk(machine, medium, { habits, random, lost }));
      }),
  };
}
