/**
 * Clients in the same process, without sockets.
 *
 * ```ts
 * import { memoryTransport } from "zookit/transports/memory";
 *
 * const plugin = memoryTransport();
 * ```
 *
 * @module
 */
import { CLOCK } from "../../core/contracts/clock.ts";
import { TRANSPORT } from "../../core/contracts/transport.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { MemoryTransport } from "./memory_transport.ts";

export { MemoryTransport } from "./memory_transport.ts";

/** Listens within the process; `server.connect()` needs no such plugin. */
export function memoryTransport(): Plugin {
  return {
    name: "transport-memory",
    provides: [TRANSPORT],
    requires: [CLOCK],
    register: (container) =>
      container.provide(TRANSPORT, () => new MemoryTransport(container.get(CLOCK))),
  };
}
