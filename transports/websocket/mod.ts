/**
 * Clients over WebSocket, browsers among them.
 *
 * ```ts
 * import { webSocketTransport } from "zookit/transports/websocket";
 *
 * const plugin = webSocketTransport({ port: 0, host: "127.0.0.1", origins: ["https://my.app"] });
 * ```
 *
 * @module
 */
import { TRANSPORT } from "../../core/contracts/transport.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { type WebSocketOptions, WebSocketTransport } from "./websocket_transport.ts";

export { type WebSocketOptions, WebSocketTransport } from "./websocket_transport.ts";

/**
 * Listens for clients that speak WebSocket; may be given several times with different ports.
 *
 * @throws {RangeError} for an origin that is not one, or a bound that is not above 0.
 */
export function webSocketTransport(options: WebSocketOptions): Plugin {
  const transport = new WebSocketTransport(options);
  return {
    name: `transport-websocket-${options.host ?? "any"}-${options.port}`,
    provides: [TRANSPORT],
    requires: [],
    register: (container) => container.provide(TRANSPORT, () => transport),
  };
}
