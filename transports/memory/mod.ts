/**
 * Clients in the same process, without sockets.
 *
 * ```ts
 * import { memoryTransport } from "zookit/transports/memory";
 *
 * const plugin = memoryTransport(); // `plugin.dialer` is an entry of a client's `servers`.
 * ```
 *
 * @module
 */
import { CLOCK } from "../../core/contracts/clock.ts";
import { type Dialer, TRANSPORT, TransportError } from "../../core/contracts/transport.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { MemoryTransport } from "./memory_transport.ts";

export { MemoryTransport } from "./memory_transport.ts";

/** A plugin with the way in for clients; for one server. */
export interface MemoryTransportPlugin extends Plugin {
  /** Connects to the server that has the plugin; `refused` while it does not listen. */
  readonly dialer: Dialer;
}

/** Listens within the process; `server.connect()` needs no such plugin. */
export function memoryTransport(): MemoryTransportPlugin {
  let bound: MemoryTransport | undefined;
  return {
    name: "transport-memory",
    provides: [TRANSPORT],
    requires: [CLOCK],
    register: (container) =>
      container.provide(TRANSPORT, () => {
        bound = new MemoryTransport(container.get(CLOCK));
        return bound;
      }),
    dialer: {
      dial: async (open, signal) => {
        if (bound === undefined) {
          throw new TransportError("refused", "no server of this process has this transport");
        }
        return bound.dial(open, signal);
      },
    },
  };
}
