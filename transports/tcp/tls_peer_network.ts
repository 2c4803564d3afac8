import { connect, type TLSSocket } from "node:tls";
import type { Logger } from "../../core/contracts/logger.ts";
import type { Metrics } from "../../core/contracts/metrics.ts";
import type { PeerAddress, PeerListener, PeerNetwork } from "../../core/contracts/peer_network.ts";
import type { Accept, ByteSink, Connection } from "../../core/contracts/transport.ts";
import { HandshakeFailures } from "./handshake_failures.ts";
import { LiveCredentials } from "./live_credentials.ts";
import { NodeTcpConnection } from "./node_tcp.ts";
import { isNamed, wrongName } from "./peer_names.ts";
import { opened, TcpPeerNetwork } from "./peer_network.ts";
import { cipherSettings } from "./tls_ciphers.ts";
import type { StoreOptions, TlsSettings } from "./tls_options.ts";
import { TlsTransport } from "./tls_transport.ts";

/** Time for whoever dials to finish its handshake, ms; Apache's servers give as much. */
const HANDSHAKE_MS_MAX = 5_000;

/** How servers of an ensemble speak TLS with one another. */
export interface PeerTlsOptions extends TlsSettings {
  /** Whose certificates are good for other servers. */
  readonly trustStore: StoreOptions;
  /**
   * Dials others without TLS, and only listens for it: the first step of a change of all servers
   * from plain to TLS, together with `acceptsPlain` (PP 3.1). Default false.
   */
  readonly dialsPlain?: boolean | undefined;
  /**
   * Whether the certificate of a server that is dialled must be for its name or its address
   * (`ssl.quorum.hostnameVerification`). Default true.
   */
  readonly checksNames?: boolean | undefined;
  /**
   * Whether that of a server that dials must be for its address, or the name of that address
   * (`ssl.quorum.clientHostnameVerification`). Default: as {@link checksNames}.
   */
  readonly checksNamesOfDiallers?: boolean | undefined;
  /** Whether the name of an address may be looked up for that. Default true. */
  readonly looksUpNames?: boolean | undefined;
}

/** What the network needs of its server. */
export interface TlsPeerParts {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Servers of an ensemble over TLS, in the manner of Apache's `sslQuorum`: either side shows a
 * certificate that the other trusts.
 */
export class TlsPeerNetwork implements PeerNetwork {
  readonly #options: PeerTlsOptions;
  readonly #parts: TlsPeerParts;
  readonly #credentials: LiveCredentials;
  readonly #failures: HandshakeFailures;
  readonly #plain = new TcpPeerNetwork();

  constructor(options: PeerTlsOptions, parts: TlsPeerParts) {
    this.#options = options;
    this.#parts = parts;
    // Whoever dials has to know whom to trust, even if it lets in anybody.
    this.#credentials = new LiveCredentials({ ...options, clientAuth: "need" }, parts.logger);
    this.#failures = new HandshakeFailures(parts.logger, parts.metrics);
  }

  /** @throws {TlsStoreError} besides what the contract says, for stores that cannot be used. */
  async listen({ host, port }: PeerAddress, accept: Accept): Promise<PeerListener> {
    const { checksNames = true, checksNamesOfDiallers, looksUpNames = true } = this.#options;
    const transport = new TlsTransport(
      { ...this.#options, host, port },
      {
        ...this.#parts,
        handshakeTimeoutMs: HANDSHAKE_MS_MAX,
        credentials: this.#credentials,
        ...((checksNamesOfDiallers ?? checksNames) && {
          objection: (socket) => wrongName(socket, looksUpNames),
        }),
      },
    );
    await transport.listen(accept);
    return { port: transport.port, close: () => transport.close() };
  }

  async dial(
    to: PeerAddress,
    timeoutMs: number,
    open: (connection: Connection) => ByteSink,
  ): Promise<void> {
    if (this.#options.dialsPlain === true) return await this.#plain.dial(to, timeoutMs, open);
    const { host, port } = to;
    const { checksNames = true } = this.#options;
    const { key, cert, ca } = this.#credentials.current;
    const socket: TLSSocket = connect({
      ...{ host, port, key, cert, ca: [...ca], allowHalfOpen: true },
      ...cipherSettings(this.#options),
      checkServerIdentity: (_, certificate) => {
        const isRight = !checksNames || isNamed(certificate, [host, socket.remoteAddress ?? ""]);
        return isRight ? undefined : new Error(`its certificate is not for ${host}`);
      },
    });
    const where = `${host}:${port}`;
    let isOpen = false;
    const failed = (error: NodeJS.ErrnoException): void => {
      // With TLS 1.3 the other side may refuse a certificate after the handshake.
      if (isOpen && error.code?.startsWith("ERR_SSL") !== true) return;
      this.#failures.note({ server: where, reason: error.message });
    };
    // Before that it is no handshake: the other server is not there.
    socket.once("connect", () => socket.once("error", failed));
    await opened(socket, { ready: "secureConnect", where, timeoutMs }, () => {
      isOpen = true;
      const connection = new NodeTcpConnection(socket, true);
      connection.attach(open(connection));
    });
  }
}
