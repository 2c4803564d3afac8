/**
 * Clients over TCP.
 *
 * ```ts
 * import { tcpTransport } from "zookit/transports/tcp";
 *
 * const plugin = tcpTransport({ port: 0, host: "127.0.0.1" });
 * ```
 *
 * @module
 */
import { TRANSPORT } from "../../core/contracts/transport.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { NodeTcpTransport, type TcpOptions } from "./node_tcp.ts";

export { NodeTcpConnection, NodeTcpTransport, type TcpOptions } from "./node_tcp.ts";

/** Listens for clients on a TCP port; may be given several times with different ports. */
export function tcpTransport(options: TcpOptions): Plugin {
  return {
    name: `transport-tcp-${options.host ?? "any"}-${options.port}`,
    provides: [TRANSPORT],
    requires: [],
    register: (container) => container.provide(TRANSPORT, () => new NodeTcpTransport(options)),
  };
}
