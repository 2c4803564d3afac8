import { createServer, type Server, type Socket } from "node:net";
import {
  type Accept,
  type ByteSink,
  type Connection,
  type FanOut,
  type Peer,
  type Transport,
  TransportError,
} from "../../core/contracts/transport.ts";
import { canFanOut, NodeFanOut } from "./fan_out.ts";
import { plainAddress, type TcpOptions } from "./tcp_options.ts";

/** A TCP connection on `node:net`, which Node, Deno and Bun have. */
export class NodeTcpConnection implements Connection {
  readonly peer: Peer;
  /** Set by whoever accepts it, before anything is sent. */
  fanOut: FanOut | undefined;
  /** How many bytes at the beginning of the next {@link write} have been sent. */
  sentAhead = 0;
  readonly #socket: Socket;
  readonly #descriptor: number;

  /** @param subject of the client's certificate, undefined without one. */
  constructor(socket: Socket, secure = false, subject?: string) {
    this.#socket = socket;
    // Node shows it nowhere else; the same for as long as the socket is not destroyed.
    this.#descriptor = (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
    socket.setNoDelay(true);
    this.peer = {
      address: plainAddress(socket.remoteAddress ?? ""),
      port: socket.remotePort ?? 0,
      secure,
      certificateSubject: subject,
    };
  }

  /** Lets `sink` have the bytes; called once. */
  attach(sink: ByteSink): void {
    const socket = this.#socket;
    socket.on("data", (chunk: Buffer) => {
      // Views of a plain array are cheaper to make than those of a `Buffer`.
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
      if (!socket.destroyed) sink.chunk(bytes);
    });
    socket.on("drain", () => sink.writable());
    socket.on("end", () => sink.ended());
    socket.on("close", () => sink.closed());
    socket.on("error", () => {}); // "close" follows; either side may fail at any time.
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  /** What the kernel knows it by while it is open and holds nothing back; else -1. */
  get descriptor(): number {
    const socket = this.#socket;
    return socket.writable && socket.writableLength === 0 ? this.#descriptor : -1;
  }

  write(bytes: Uint8Array): boolean {
    const { sentAhead } = this;
    if (sentAhead > 0) {
      this.sentAhead = 0;
      if (sentAhead === bytes.length) return true;
      return this.write(bytes.subarray(sentAhead));
    }
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
  #fanOut: NodeFanOut | undefined;
  #server: Server | undefined;

  constructor(options: TcpOptions) {
    this.#options = options;
  }

  listen(accept: Accept): Promise<void> {
    const fanOut = canFanOut() ? new NodeFanOut() : undefined;
    this.#fanOut = fanOut;
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new NodeTcpConnection(socket);
      connection.fanOut = fanOut;
      handOver(connection, accept);
    });
    this.#server = server;
    return listenOn(server, this.#options);
  }

  get address(): string {
    return serverAddress(this.#server).text;
  }

  get port(): number {
    return serverAddress(this.#server).port;
  }

  close(): Promise<void> {
    this.#fanOut?.close();
    closeServer(this.#server);
    return Promise.resolve();
  }
}

/** Asks `accept` who gets the bytes of a connection; nobody: it is destroyed. */
export function handOver(connection: NodeTcpConnection, accept: Accept): void {
  const sink = accept(connection);
  if (sink === undefined) connection.destroy();
  else connection.attach(sink);
}

/** Begins to listen. @throws {TransportError} as `Transport.listen`. */
export function listenOn(server: Server, { port, host, backlog }: TcpOptions): Promise<void> {
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

/** Where a server listens: nowhere is empty text and port 0. */
export function serverAddress(server: Server | undefined): { text: string; port: number } {
  const at = server?.address();
  if (at === null || at === undefined || typeof at === "string") return { text: "", port: 0 };
  const { address, family, port } = at;
  return { text: family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`, port };
}

/** Ends listening; open connections are not ours to wait for. */
export function closeServer(server: Server | undefined): void {
  if (server?.listening !== true) return;
  server.close();
  server.unref();
}
