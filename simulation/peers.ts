import { PEER_NETWORK, type PeerNetwork } from "../core/contracts/peer_network.ts";
import type { Plugin } from "../core/kernel/plugin.ts";
import type { Machine } from "./machine.ts";
import type { Network } from "./network.ts";

/** The peer network of one machine. */
export class SimulatedPeers implements PeerNetwork {
  readonly #network: Network;
  readonly #machine: Machine;

  constructor(network: Network, machine: Machine) {
    this.#network = network;
    this.#machine = machine;
  }

  readonly listen: PeerNetwork["listen"] = async (at, accept) => {
    const { port, close } = this.#network.listen(this.#machine, at.port, accept);
    return { port, close: async () => close() };
  };

  readonly dial: PeerNetwork["dial"] = async (to, timeoutMs, open) => {
    const delayMs = this.#machine.toVirtual(timeoutMs);
    const target = { ...to, effect: "peer-send", timeoutMs: delayMs } as const;
    await this.#network.dial(this.#machine, target, open);
  };
}

/** Fills the peer network's contract with the simulated one. */
export function simulatedPeers(network: Network, machine: Machine): Plugin {
  return {
    name: "simulated-peers",
    provides: [PEER_NETWORK],
    requires: [],
    register: (container) => container.value(PEER_NETWORK, new SimulatedPeers(network, machine)),
  };
}
