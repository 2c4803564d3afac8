import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer, type ServerOptions as HttpsOptions } from "node:https";
import type { AddressInfo, Server } from "node:net";
import type { Logger } from "../../core/contracts/logger.ts";
import { TransportError } from "../../core/contracts/transport.ts";
import { EitherListener } from "./either_listener.ts";
import type { HttpTls } from "./http_tls.ts";

/** Where a port listens. */
export interface HttpPlace {
  /** What listens, for messages: `metrics`. */
  readonly name: string;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Time after which a connection that says nothing is closed, ms. */
  readonly idleTimeoutMs: number;
  /** Time for a whole request to arrive, its body too, ms. Default 300000. */
  readonly requestMsMax?: number;
  /** Undefined speaks plain HTTP. */
  readonly tls?: HttpTls | undefined;
}

/** Answers one request; what it throws becomes status 500 and a line in the log. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Connections at a time; more are closed at once. */
const CONNECTIONS_MAX = 100;
/** Bytes of a request's head; more are answered with 431. */
const HEAD_BYTES_MAX = 16 * 1024;
/** Time for the head of a request to arrive, ms. */
const HEAD_MS_MAX = 10_000;
/** Time for a whole request to arrive where nothing else is said, ms. */
const REQUEST_MS_MAX = 300_000;
/** The other side went before it had everything. */
const GONE = "ERR_STREAM_PREMATURE_CLOSE";
/** Time between two looks for requests that take too long, ms. */
const LOOK_MS = 1_000;

/** A port for HTTP whose every bound is set, so that strangers cost little. */
export class HttpPort {
  readonly #place: HttpPlace;
  readonly #servers: readonly HttpServer[];
  /** Listens for both where one port is for HTTP and HTTPS. */
  readonly #either: EitherListener | undefined;
  readonly #listener: Server;
  /** Connections that are silent because they wait for us. */
  readonly #waiting = new WeakSet<object>();

  constructor(place: HttpPlace, logger: Logger, handler: HttpHandler) {
    this.#place = place;
    const { requestMsMax = REQUEST_MS_MAX } = place;
    const settings = {
      maxHeaderSize: HEAD_BYTES_MAX,
      headersTimeout: Math.min(HEAD_MS_MAX, requestMsMax),
      requestTimeout: requestMsMax, // Silence ends it sooner; this is for a byte now and then.
      connectionsCheckingInterval: LOOK_MS,
      keepAliveTimeout: place.idleTimeoutMs,
    };
    const answer: RequestListener = (request, response) => {
      // The other side may go at any moment, which is its own affair.
      response.on("error", () => response.destroy());
      void handler(request, response).catch((error: unknown) => {
        if ((error as { readonly code?: string }).code === GONE) return;
        logger.error(`${place.name}: a request failed`, { error });
        if (response.headersSent) response.destroy();
        else response.writeHead(500).end("the request failed, see the server's log\n");
      });
    };
    const { tls } = place;
    const first =
      tls === undefined
        ? createHttpServer(settings, answer)
        : createHttpsServer(httpsOptions(settings, tls), answer);
    const second = tls?.acceptsPlain === true ? createHttpServer(settings, answer) : undefined;
    this.#servers = second === undefined ? [first] : [first, second];
    for (const server of this.#servers) {
      server.timeout = place.idleTimeoutMs;
      server.on("timeout", (socket) => {
        if (!this.#waiting.has(socket)) socket.destroy();
      });
    }
    this.#either =
      second === undefined ? undefined : new EitherListener(first, second, HEAD_MS_MAX);
    this.#listener = this.#either?.server ?? first;
    this.#listener.maxConnections = CONNECTIONS_MAX;
  }

  /** The port it listens on; 0 before {@link listen} and after {@link close}. */
  get port(): number {
    return (this.#listener.address() as AddressInfo | null)?.port ?? 0;
  }

  /** @throws {TransportError} `address-in-use` or `io`, naming the address. */
  async listen(): Promise<void> {
    const { name, host, port } = this.#place;
    await new Promise<void>((resolve, reject) => {
      this.#listener.once("error", (cause: Error & { readonly code?: string }) => {
        const kind = cause.code === "EADDRINUSE" ? "address-in-use" : "io";
        reject(new TransportError(kind, `${name} cannot listen on ${host}:${port}`, { cause }));
      });
      this.#listener.listen(port, host, resolve);
    });
  }

  /** While `answer` runs, the connection of its request may be silent as long as it likes. */
  async letWait<T>({ socket }: IncomingMessage, answer: () => Promise<T>): Promise<T> {
    this.#waiting.add(socket);
    try {
      return await answer();
    } finally {
      this.#waiting.delete(socket);
    }
  }

  async close(): Promise<void> {
    if (!this.#listener.listening) return;
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    this.#either?.drop();
    for (const server of this.#servers) {
      server.closeAllConnections();
      // Ends its looks for slow requests; it may have listened through the other one.
      if (server !== this.#listener) server.close();
    }
    await closed;
  }
}

type HttpServer = ReturnType<typeof createHttpServer>;

function httpsOptions(settings: ServerOptions, tls: HttpTls): HttpsOptions {
  const { key, cert, ca, minVersion, maxVersion, ciphers } = tls;
  const asks = ca.length > 0;
  return {
    ...settings,
    key,
    cert,
    minVersion,
    maxVersion,
    requestCert: asks,
    rejectUnauthorized: asks,
    ...(asks && { ca: [...ca] }),
    ...(ciphers !== undefined && { ciphers }),
    handshakeTimeout: HEAD_MS_MAX,
  };
}
