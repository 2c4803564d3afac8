import { statSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import {
  createServer as createTlsServer,
  type TlsOptions as NodeTlsOptions,
  type TLSSocket,
  type Server as TlsServer,
} from "node:tls";
import type { Logger } from "../../core/contracts/logger.ts";
import type { Counter, Metrics } from "../../core/contracts/metrics.ts";
import type { Accept, Transport } from "../../core/contracts/transport.ts";
import { subjectOf } from "./distinguished_name.ts";
import { closeServer, handOver, listenOn, NodeTcpConnection, serverAddress } from "./node_tcp.ts";
import { readCredentials, storeFiles, withoutRoot } from "./stores.ts";
import { plainAddress } from "./tcp_options.ts";
import { cipherSettings } from "./tls_ciphers.ts";
import type { TlsOptions } from "./tls_options.ts";

/** First byte of a TLS handshake record; ZooKeeper's first frame begins with 0. */
const HANDSHAKE_RECORD = 0x16;
const HANDSHAKES_MAX = 1000;
/** Failed handshakes are logged this often at most, ms; the counter has them all. */
const LOG_PAUSE_MS = 1000;

/** What the transport needs of its server. */
export interface TlsParts {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Time for a connection to finish its handshake, ms. */
  readonly handshakeTimeoutMs: number;
}

/**
 * Listens for clients that speak TLS and show a certificate, and for others on the same port if
 * told to. A connection is handed on only when its handshake is over and its certificate is good.
 */
export class TlsTransport implements Transport {
  readonly name = "tls";
  readonly #options: TlsOptions;
  readonly #parts: TlsParts;
  readonly #failed: Counter;
  readonly #exceeded: Counter;
  /** Connections that have not finished their handshake, by {@link keyOf}, the oldest first. */
  readonly #pending = new Map<string, Pending>();
  /** Connections whose refusal is counted. */
  readonly #counted = new WeakSet<Socket>();
  #server: Server | undefined;
  #looking: NodeJS.Timeout | undefined;
  #loggedMs = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  constructor(options: TlsOptions, parts: TlsParts) {
    this.#options = options;
    this.#parts = parts;
    const { metrics } = parts;
    this.#failed = metrics.counter("unsuccessful_handshake", "TLS handshakes that failed");
    this.#exceeded = metrics.counter(
      "tls_handshake_exceeded",
      "connections dropped because too many were shaking hands",
    );
  }

  /** @throws {TlsStoreError} besides what the contract says, for stores that cannot be used. */
  async listen(accept: Accept): Promise<void> {
    const handshakes = createTlsServer(this.#context());
    handshakes.on("secureConnection", (socket) => this.#secured(socket, accept));
    // The socket itself is destroyed by then, or is about to be.
    handshakes.on("tlsClientError", (error, socket) => {
      const { authorizationError } = socket as { readonly authorizationError?: Error | string };
      this.#refused(socket, String(authorizationError || codeOf(error)));
      socket.destroy();
    });
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#wait(socket);
      if (this.#options.acceptsPlain !== true) handshakes.emit("connection", socket);
      else this.#sniff(socket, handshakes, accept);
    });
    this.#server = server;
    await listenOn(server, this.#options);
    this.#watch(handshakes);
  }

  get address(): string {
    return serverAddress(this.#server).text;
  }

  get port(): number {
    return serverAddress(this.#server).port;
  }

  close(): Promise<void> {
    clearInterval(this.#looking);
    for (const { socket } of [...this.#pending.values()]) socket.destroy();
    closeServer(this.#server);
    return Promise.resolve();
  }

  #context(): NodeTlsOptions {
    const { clientAuth = "need" } = this.#options;
    const { ciphers, minVersion, maxVersion } = cipherSettings(this.#options);
    const { key, cert, ca } = readCredentials(this.#options);
    const lost = "Deno" in globalThis ? [] : withoutRoot(ca);
    if (lost.length > 0) {
      this.#parts.logger.warn("trusted in vain: add the root that certified these", { lost });
    }
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

  /** Tells TLS from plain by the first byte, which either of them then reads. */
  #sniff(socket: Socket, handshakes: TlsServer, accept: Accept): void {
    const look = (): void => {
      const chunk = socket.read() as Uint8Array | null;
      if (chunk === null) {
        if (socket.readableEnded) socket.destroy();
        return;
      }
      socket.off("readable", look);
      socket.unshift(chunk);
      if (chunk[0] === HANDSHAKE_RECORD) return void handshakes.emit("connection", socket);
      this.#settle(keyOf(socket));
      handOver(new NodeTcpConnection(socket), accept);
    };
    socket.on("readable", look);
  }

  #secured(socket: TLSSocket, accept: Accept): void {
    this.#settle(keyOf(socket));
    const { clientAuth = "need" } = this.#options;
    if (clientAuth === "none") {
      return handOver(new NodeTcpConnection(socket, true), accept);
    }
    const raw = (socket.getPeerCertificate() as { readonly raw?: Uint8Array } | null)?.raw;
    const isGood = raw === undefined ? clientAuth === "want" : socket.authorized;
    if (!isGood) {
      this.#refused(socket, String(socket.authorizationError || "no certificate"));
      socket.destroy();
      return;
    }
    let subject: string | undefined;
    try {
      subject = raw === undefined ? undefined : subjectOf(raw);
    } catch (error) {
      this.#refused(socket, String(error));
      socket.destroy();
      return;
    }
    handOver(new NodeTcpConnection(socket, true, subject), accept);
  }
  #refused(socket: Socket, reason: string): void {
    if (this.#counted.has(socket)) return; // Bun tells of some twice.
    this.#counted.add(socket);
    this.#failed.value += 1;
    const now = performance.now();
    if (now - this.#loggedMs < LOG_PAUSE_MS) {
      this.#unlogged += 1;
      return;
    }
    const more = this.#unlogged === 0 ? {} : { unlogged: this.#unlogged };
    this.#parts.logger.warn("a TLS handshake failed", {
      client: plainAddress(socket.remoteAddress ?? ""),
      reason,
      ...more,
    });
    this.#loggedMs = now;
    this.#unlogged = 0;
  }

  /** Takes other credentials for new connections when a store has changed. */
  #watch(handshakes: TlsServer): void {
    const { reloadCheckMs } = this.#options;
    if (reloadCheckMs === undefined) return;
    let seen = storeStamp(this.#options);
    this.#looking = setInterval(() => {
      const stamp = storeStamp(this.#options);
      if (stamp === seen) return;
      seen = stamp;
      try {
        handshakes.setSecureContext(this.#context());
        this.#parts.logger.info("certificates reloaded", { files: storeFiles(this.#options) });
      } catch (error) {
        this.#parts.logger.error("certificates not reloaded, the old ones stay", { error });
      }
    }, reloadCheckMs);
    this.#looking.unref();
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

/** Text that differs when a store was written or replaced. */
function storeStamp(options: TlsOptions): string {
  const stamps = storeFiles(options).map((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? "-" : `${found.ino} ${found.size} ${found.mtimeMs}`;
  });
  return stamps.join();
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message;
}
