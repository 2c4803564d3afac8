import { createServer, type Server, type Socket } from "node:net";
import {
  createServer as createTlsServer,
  type TlsOptions as NodeTlsOptions,
  type TLSSocket,
} from "node:tls";
import type { Logger } from "../../core/contracts/logger.ts";
import type { Counter, Metrics } from "../../core/contracts/metrics.ts";
import type { Accept, Transport } from "../../core/contracts/transport.ts";
import { subjectOf } from "./distinguished_name.ts";
import { HandshakeFailures } from "./handshake_failures.ts";
import { HandshakeTurns } from "./handshake_turns.ts";
import { LiveCredentials } from "./live_credentials.ts";
import { closeServer, handOver, listenOn, NodeTcpConnection, serverAddress } from "./node_tcp.ts";
import { plainAddress } from "./tcp_options.ts";
import { cipherSettings } from "./tls_ciphers.ts";
import type { TlsOptions } from "./tls_options.ts";

/** First byte of a TLS handshake record; ZooKeeper's first frame begins with 0. */
const HANDSHAKE_RECORD = 0x16;
const HANDSHAKES_MAX = 1000;

/** What the transport needs of its server. */
export interface TlsParts {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Time for a connection to finish its handshake, ms. */
  readonly handshakeTimeoutMs: number;
  /** Read already, and shared with others; undefined reads the stores when it begins to listen. */
  readonly credentials?: LiveCredentials | undefined;
  /**
   * Looks at who it is, once the certificate is known to be good; not called where there is none.
   *
   * @returns why it is refused; undefined lets it in.
   */
  readonly objection?: ((socket: TLSSocket) => Promise<string | undefined>) | undefined;
}

/**
 * Listens for clients that speak TLS and show a certificate, and for others on the same port if
 * told to. A connection is handed on only when its handshake is over and its certificate is good.
 */
export class TlsTransport implements Transport {
  readonly name = "tls";
  readonly isEncrypted: boolean;
  readonly #options: TlsOptions;
  readonly #parts: TlsParts;
  readonly #credentials: LiveCredentials;
  readonly #failures: HandshakeFailures;
  readonly #exceeded: Counter;
  /** Connections that have not finished their handshake, by {@link keyOf}, the oldest first. */
  readonly #pending = new Map<string, Pending>();
  /** Connections whose refusal is counted. */
  readonly #counted = new WeakSet<Socket>();
  #server: Server | undefined;
  #unwatch: () => void = () => {};

  constructor(options: TlsOptions, parts: TlsParts) {
    this.#options = options;
    this.isEncrypted = options.acceptsPlain !== true;
    this.#parts = parts;
    const { metrics, logger } = parts;
    this.#credentials = parts.credentials ?? new LiveCredentials(options, logger);
    this.#failures = new HandshakeFailures(logger, metrics);
    this.#exceeded = metrics.counter(
      "tls_handshake_exceeded",
      "connections dropped because too many were shaking hands",
    );
  }

  /** @throws {TlsStoreError} besides what the contract says, for stores that cannot be used. */
  async listen(accept: Accept): Promise<void> {
    const handshakes = createTlsServer(this.#context());
    handshakes.on("secureConnection", (socket) => void this.#secured(socket, accept));
    // The socket itself is destroyed by then, or is about to be.
    handshakes.on("tlsClientError", (error, socket) => {
      const { authorizationError } = socket as { readonly authorizationError?: Error | string };
      this.#refused(socket, String(authorizationError || codeOf(error)));
      socket.destroy();
    });
    const turns = new HandshakeTurns((socket) => void handshakes.emit("connection", socket));
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#wait(socket);
      this.#sniff(socket, turns, accept);
    });
    this.#server = server;
    await listenOn(server, this.#options);
    this.#unwatch = this.#credentials.watch(() => handshakes.setSecureContext(this.#context()));
  }

  get address(): string {
    return serverAddress(this.#server).text;
  }

  get port(): number {
    return serverAddress(this.#server).port;
  }

  get handshakeCount(): number {
    return this.#pending.size;
  }

  close(): Promise<void> {
    this.#unwatch();
    for (const { socket } of [...this.#pending.values()]) socket.destroy();
    closeServer(this.#server);
    return Promise.resolve();
  }

  #context(): NodeTlsOptions {
    const { clientAuth = "need" } = this.#options;
    const { ciphers, minVersion, maxVersion } = cipherSettings(this.#options);
    const { key, cert, ca } = this.#credentials.current;
    return {
      key,
      cert,
      ca: [...ca],
      requestCert: clientAuth !== "none",
      rejectUnauthorized: clientAuth === "need",
      allowHalfOpen: true,
      minVersion,
      maxVersion,
      ...(ciphers !== undefined && { ciphers }),
      // A connection's time is bounded from its first moment on, by #wait.
      handshakeTimeout: this.#parts.handshakeTimeoutMs + 1000,
    };
  }

  /** Bounds the time of a new connection, and how many of them there are. */
  #wait(socket: Socket): void {
    const { handshakesMax = HANDSHAKES_MAX } = this.#options;
    const [oldest] = this.#pending.values();
    if (oldest !== undefined && this.#pending.size >= handshakesMax) {
      this.#exceeded.value += 1;
      this.#settle(oldest.key);
      oldest.socket.destroy();
    }
    const key = keyOf(socket);
    const timeout = setTimeout(() => {
      this.#settle(key);
      this.#refused(socket, "timed out");
      socket.destroy();
    }, this.#parts.handshakeTimeoutMs);
    this.#pending.set(key, { key, socket, timeout });
    socket.on("error", () => {}); // "close" follows; either side may fail at any time.
    socket.once("close", () => this.#settle(key));
  }

  #settle(key: string): void {
    clearTimeout(this.#pending.get(key)?.timeout);
    this.#pending.delete(key);
  }

  /**
   * Waits for the first byte, which costs nothing yet and tells TLS from plain; either of them then
   * reads it again.
   */
  #sniff(socket: Socket, turns: HandshakeTurns, accept: Accept): void {
    const look = (): void => {
      const chunk = socket.read() as Uint8Array | null;
      if (chunk === null) {
        if (socket.readableEnded) socket.destroy();
        return;
      }
      socket.off("readable", look);
      socket.unshift(chunk);
      const isPlain = this.#options.acceptsPlain === true && chunk[0] !== HANDSHAKE_RECORD;
      if (!isPlain) return turns.add(socket);
      this.#settle(keyOf(socket));
      handOver(new NodeTcpConnection(socket), accept);
    };
    socket.on("readable", look);
  }

  async #secured(socket: TLSSocket, accept: Accept): Promise<void> {
    const { clientAuth = "need" } = this.#options;
    if (clientAuth === "none") return this.#letIn(socket, undefined, accept);
    const raw = (socket.getPeerCertificate() as { readonly raw?: Uint8Array } | null)?.raw;
    const isGood = raw === undefined ? clientAuth === "want" : socket.authorized;
    if (!isGood) {
      return this.#refuse(socket, String(socket.authorizationError || "no certificate"));
    }
    if (raw === undefined) return this.#letIn(socket, undefined, accept);
    let subject: string;
    try {
      subject = subjectOf(raw);
    } catch (error) {
      return this.#refuse(socket, String(error));
    }
    const { objection } = this.#parts;
    const reason = objection === undefined ? undefined : await objection(socket);
    if (reason !== undefined) this.#refuse(socket, reason);
    else this.#letIn(socket, subject, accept);
  }

  #letIn(socket: TLSSocket, subject: string | undefined, accept: Accept): void {
    this.#settle(keyOf(socket));
    if (!socket.destroyed) handOver(new NodeTcpConnection(socket, true, subject), accept);
  }

  #refuse(socket: TLSSocket, reason: string): void {
    this.#settle(keyOf(socket));
    this.#refused(socket, reason);
    socket.destroy();
  }

  #refused(socket: Socket, reason: string): void {
    if (this.#counted.has(socket)) return; // Bun tells of some twice.
    this.#counted.add(socket);
    this.#failures.note({ client: plainAddress(socket.remoteAddress ?? ""), reason });
  }
}

interface Pending {
  readonly key: string;
  readonly socket: Socket;
  readonly timeout: NodeJS.Timeout;
}

/** The same for a socket and for the TLS socket on top of it. */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message;
}
