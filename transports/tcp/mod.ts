/**
 * Clients over TCP, and over TLS.
 *
 * ```ts
 * import { tcpTransport } from "zookit/transports/tcp";
 *
 * const plugin = tcpTransport({ port: 0, host: "127.0.0.1" });
 * ```
 *
 * @module
 */
import { LOGGER } from "../../core/contracts/logger.ts";
import { METRICS } from "../../core/contracts/metrics.ts";
import { PEER_NETWORK } from "../../core/contracts/peer_network.ts";
import { TRANSPORT } from "../../core/contracts/transport.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { SERVER_OPTIONS } from "../../core/server/options.ts";
import { TcpPeerNetwork } from "./peer_network.ts";
import type { TlsOptions } from "./tls_options.ts";
import { type PeerTlsOptions, TlsPeerNetwork } from "./tls_peer_network.ts";
import { TlsTransport } from "./tls_transport.ts";

export { BunTcpTransport } from "./bun_tcp.ts";
export { subjectOf } from "./distinguished_name.ts";
export { NodeTcpConnection, NodeTcpTransport } from "./node_tcp.ts";
export { TcpPeerNetwork } from "./peer_network.ts";
export { type Credentials, checkTlsOptions, readCredentials } from "./stores.ts";
export type { TcpOptions } from "./tcp_options.ts";
export { makeTcpTransport, tcpTransport } from "./tcp_transport.ts";
export { type CipherSettings, cipherSettings } from "./tls_ciphers.ts";
export {
  type StoreOptions,
  type TlsOptions,
  type TlsSettings,
  TlsStoreError,
  type TlsVersion,
} from "./tls_options.ts";
export { type PeerTlsOptions, TlsPeerNetwork, type TlsPeerParts } from "./tls_peer_network.ts";
export { type TlsParts, TlsTransport } from "./tls_transport.ts";

/**
 * Listens for clients that speak TLS; may be given several times. A handshake may take as long as a
 * connection without a session (`sessionlessTimeoutMs`).
 */
export function tlsTransport(options: TlsOptions): Plugin {
  return {
    name: `transport-tls-${options.host ?? "any"}-${options.port}`,
    provides: [TRANSPORT],
    requires: [LOGGER, METRICS, SERVER_OPTIONS],
    register: (container) => {
      container.provide(TRANSPORT, () => {
        return new TlsTransport(options, {
          logger: container.get(LOGGER).child("tls"),
          metrics: container.get(METRICS),
          handshakeTimeoutMs: container.get(SERVER_OPTIONS).sessionlessTimeoutMs,
        });
      });
    },
  };
}

/**
 * Links to the other servers of an ensemble: over plain TCP, or over TLS with certificates on both
 * sides, as Apache's `sslQuorum`.
 */
export function tcpPeers({ tls }: { readonly tls?: PeerTlsOptions | undefined } = {}): Plugin {
  return {
    name: tls === undefined ? "peers-tcp" : "peers-tls",
    provides: [PEER_NETWORK],
    requires: tls === undefined ? [] : [LOGGER, METRICS],
    register: (container) => {
      container.provide(PEER_NETWORK, () => {
        if (tls === undefined) return new TcpPeerNetwork();
        const logger = container.get(LOGGER).child("peer-tls");
        return new TlsPeerNetwork(tls, { logger, metrics: container.get(METRICS) });
      });
    },
  };
}
