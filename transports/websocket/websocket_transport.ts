import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import {
  type Accept,
  type Peer,
  type Transport,
  TransportError,
} from "../../core/contracts/transport.ts";
import { WebSocketConnection } from "./websocket_connection.ts";

/** Where to listen, and for whom. */
export interface WebSocketOptions {
  /** 0 picks a free port. */
  readonly port: number;
  /** Address to bind; undefined is every address. */
  readonly host?: string | undefined;
  /** Path of the URL, as `/zookeeper`; others are answered 404. Default: every path. */
  readonly path?: string | undefined;
  /**
   * Origins of the web pages that may connect, as `https://app.example` or `http://localhost:8080`:
   * scheme, host and, where it is not the scheme's own, port; or `"any"` for every page there is.
   * Default: none, so that no page a user happens to visit can reach the server through the user's
   * browser. Clients that are not browsers send no `Origin` and are not concerned.
   */
  readonly origins?: readonly string[] | "any" | undefined;
  /** Longest message, bytes; a longer one closes the connection (1009). Default 4 MiB. */
  readonly messageBytesMax?: number | undefined;
  /** Time for a connection to ask for WebSocket, ms. Default 10000. */
  readonly upgradeTimeoutMs?: number | undefined;
}

const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
const UPGRADE_TIMEOUT_MS = 10_000;
/** Time for the other side to answer a close frame, ms. */
const CLOSE_TIMEOUT_MS = 10_000;

/** Listens for WebSockets, whose binary messages carry the bytes of the protocol. */
export class WebSocketTransport implements Transport {
  readonly name = "websocket";
  readonly #options: WebSocketOptions;
  readonly #origins: ReadonlySet<string> | "any";
  readonly #upgrader: WebSocketServer;
  #server: Server | undefined;

  constructor(options: WebSocketOptions) {
    const { origins = [], messageBytesMax = MESSAGE_BYTES_MAX } = options;
    if (!(messageBytesMax > 0)) {
      throw new RangeError(`messageBytesMax must be above 0, not ${messageBytesMax}`);
    }
    this.#options = options;
    this.#origins = origins === "any" ? origins : new Set(origins.map(checkOrigin));
    this.#upgrader = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Compression costs memory for each connection and CPU for each reply.
      perMessageDeflate: false,
      maxPayload: messageBytesMax,
      closeTimeout: CLOSE_TIMEOUT_MS,
    } as ConstructorParameters<typeof WebSocketServer>[0]);
  }

  listen(accept: Accept): Promise<void> {
    const { port, host, upgradeTimeoutMs = UPGRADE_TIMEOUT_MS } = this.#options;
    const timeouts = {
      headersTimeout: upgradeTimeoutMs,
      requestTimeout: upgradeTimeoutMs,
      connectionsCheckingInterval: upgradeTimeoutMs,
    };
    const server = createServer(timeouts, (request, response) => {
      const status = this.#isOwnPath(request) ? 426 : 404;
      const upgrade = status === 426 ? { upgrade: "websocket" } : {};
      response.writeHead(status, { ...upgrade, connection: "close" }).end();
    });
    server.on("upgrade", (request, socket, head) => {
      this.#upgrade(request, socket, head, accept);
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", (cause: NodeJS.ErrnoException) => {
        const kind = cause.code === "EADDRINUSE" ? "address-in-use" : "io";
        const where = `${host ?? "*"}:${port}`;
        reject(new TransportError(kind, `cannot listen on ${where}: ${cause.message}`, { cause }));
      });
      server.listen({ port, host }, () => {
        server.removeAllListeners("error");
        server.on("error", () => {}); // Accept errors (too many open files) lose one client only.
        resolve();
      });
    });
  }

  get address(): string {
    const at = this.#bound;
    if (at === undefined) return "";
    const host = at.family === "IPv6" ? `[${at.address}]` : at.address;
    return `ws://${host}:${at.port}${this.#options.path ?? "/"}`;
  }

  get port(): number {
    return this.#bound?.port ?? 0;
  }

  close(): Promise<void> {
    const server = this.#server;
    if (server?.listening === true) {
      // Open WebSockets are their users' to close; what never became one ends here.
      server.close();
      server.closeAllConnections();
    }
    return Promise.resolve();
  }

  get #bound(): AddressInfo | undefined {
    const at = this.#server?.address();
    return at === null || typeof at === "string" ? undefined : at;
  }

  #isOwnPath({ url = "/" }: IncomingMessage): boolean {
    const { path } = this.#options;
    return path === undefined || url.split("?", 1)[0] === path;
  }

  #isOwnOrigin({ headers: { origin } }: IncomingMessage): boolean {
    return origin === undefined || this.#origins === "any" || this.#origins.has(origin);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, accept: Accept): void {
    socket.on("error", () => {}); // "close" follows.
    if (!this.#isOwnPath(request)) return refuse(socket, 404);
    if (!this.#isOwnOrigin(request)) return refuse(socket, 403);
    this.#upgrader.handleUpgrade(request, socket, head, (webSocket: WebSocket) => {
      const connection = new WebSocketConnection(webSocket, socket, peerOf(request));
      const sink = accept(connection);
      if (sink === undefined) webSocket.terminate();
      else connection.attach(sink);
    });
  }
}

function refuse(socket: Duplex, status: number): void {
  const reason = STATUS_CODES[status] ?? "";
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function peerOf({ socket }: IncomingMessage): Peer {
  const address = socket.remoteAddress ?? "";
  return {
    // An IPv4 address that came through an IPv6 socket, as IPv4 again.
    address: address.startsWith("::ffff:") ? address.slice(7) : address,
    port: socket.remotePort ?? 0,
    secure: false,
    certificateSubject: undefined,
  };
}

/** An origin as browsers send it, which is compared as text. */
function checkOrigin(origin: string): string {
  const isOrigin = URL.canParse(origin) && new URL(origin).origin === origin;
  if (isOrigin) return origin;
  throw new RangeError(`an origin is scheme, host and port, as https://app.example, not ${origin}`);
}
