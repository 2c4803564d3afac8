import { TRANSPORT, type Transport } from "../../core/contracts/transport.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { BunTcpTransport, isBunWithSockets } from "./bun_tcp.ts";
import { NodeTcpTransport } from "./node_tcp.ts";
import type { TcpOptions } from "./tcp_options.ts";

/** Listens for clients on a TCP port; may be given several times with different ports. */
export function tcpTransport(options: TcpOptions): Plugin {
  return {
    name: `transport-tcp-${options.host ?? "any"}-${options.port}`,
    provides: [TRANSPORT],
    requires: [],
    register: (container) => container.provide(TRANSPORT, () => makeTcpTransport(options)),
  };
}

/** The driver that is fastest on this runtime; `Bun.listen` knows no backlog. */
export function makeTcpTransport(options: TcpOptions): Transport {
  const isBun = isBunWithSockets() && options.backlog === undefined;
  return isBun ? new BunTcpTransport(options) : new NodeTcpTransport(options);
}
