import { createServer, type Server, type Socket } from "node:net";
import {
  type Accept,
  type ByteSink,
  type Connection,
  type Peer,
  type Transport,
  TransportError,
} from "../../core/contracts/transport.ts";
import { plainAddress, type TcpOptions } from "./tcp_options.ts";

/** A TCP connection on `node:net`, which Node, Deno and Bun have. */
export class NodeTcpConnection implements Connection {
  readonly peer: Peer;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    this.peer = {
      address: plainAddress(socket.remoteAddress ?? ""),
      port: socket.remotePort ?? 0,
      secure: false,
      certificateSubject: undefined,
    };
  }

  /** Lets `sink` have the bytes; called once. */
  attach(sink: ByteSink): void {
    const socket = this.#socket;
    socket.on("data", (chunk: Uint8Array) => {
      if (!socket.destroyed) sink.chunk(chunk);
    });
    socket.on("drain", () => sink.writable());
    socket.on("end", () => sink.ended());
    socket.on("close", () => sink.closed());
    socket.on("error", () => {}); // "close" follows; either side may fail at any time.
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    return this.#socket.writable ? this.#socket.write(bytes) : true;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}

/** Listens on a TCP port. */
export class NodeTcpTransport implements Transport {
  readonly name = "tcp";
  readonly #options: TcpOptions;
  #server: Server | undefined;

  constructor(options: TcpOptions) {
    this.#options = options;
  }

  listen(accept: Accept): Promise<void> {
    const { port, host, backlog } = this.#options;
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new NodeTcpConnection(socket);
      const sink = accept(connection);
      if (sink === undefined) connection.destroy();
      else connection.attach(sink);
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", (cause: NodeJS.ErrnoException) => {
        const kind = cause.code === "EADDRINUSE" ? "address-in-use" : "io";
        const where = `${host ?? "*"}:${port}`;
        reject(new TransportError(kind, `cannot listen on ${where}: ${cause.message}`, { cause }));
      });
      server.listen({ port, host, backlog }, () => {
        server.removeAllListeners("error");
        server.on("error", () => {}); // Accept errors (too many open files) lose one client only.
        resolve();
      });
    });
  }

  get address(): string {
    const at = this.#server?.address();
    if (at === null || at === undefined || typeof at === "string") return "";
    return at.family === "IPv6" ? `[${at.address}]:${at.port}` : `${at.address}:${at.port}`;
  }

  get port(): number {
    const at = this.#server?.address();
    return at === null || at === undefined || typeof at === "string" ? 0 : at.port;
  }

  close(): Promise<void> {
    const server = this.#server;
    if (server === undefined || !server.listening) return Promise.resolve();
    // Resolves when listening has stopped; open connections are not ours to wait for.
    return new Promise((resolve) => {
      server.close();
      server.unref();
      resolve();
    });
  }
}
