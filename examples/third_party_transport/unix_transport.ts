import { connect, createServer, type Server, type Socket } from "node:net";
import {
  type Accept,
  type ByteSink,
  type Connection,
  type Dialer,
  type Peer,
  type Transport,
  TransportError,
} from "zookit";

/** Who is at the other end: somebody on this machine who may open the socket's file. */
const PEER: Peer = { address: "unix", port: 0, secure: true, certificateSubject: undefined };

/** Listens on a Unix domain socket, whose file it makes and removes. */
export class UnixTransport implements Transport {
  readonly name = "unix";
  readonly port = 0;
  readonly path: string;
  #server: Server | undefined;

  constructor(path: string) {
    this.path = path;
  }

  get address(): string {
    return this.#server?.listening === true ? this.path : "";
  }

  async listen(accept: Accept): Promise<void> {
    const server = createServer((socket) => {
      const connection = new UnixConnection(socket);
      const sink = accept(connection);
      if (sink === undefined) connection.destroy();
      else connection.attach(sink);
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) => reject(this.#errorOf(cause)));
      server.listen(this.path, resolve);
    });
    server.removeAllListeners("error").on("error", () => {}); // Loses one client only.
  }

  close(): Promise<void> {
    // Open connections are not ours to wait for.
    this.#server?.close().unref();
    return Promise.resolve();
  }

  #errorOf(cause: Error & { readonly code?: string }): TransportError {
    const kind = cause.code === "EADDRINUSE" ? "address-in-use" : "io";
    return new TransportError(kind, `cannot listen on ${this.path}: ${cause.message}`, { cause });
  }
}

/** Connects to a Unix domain socket: `connect({ servers: [unixDialer(path)] })`. */
export function unixDialer(path: string): Dialer {
  return {
    dial: (open, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const socket = connect(path);
        const abort = (): void => {
          socket.destroy();
          reject(signal?.reason);
        };
        signal?.addEventListener("abort", abort, { once: true });
        const refuse = (cause: Error & { readonly code?: string }): void => {
          signal?.removeEventListener("abort", abort);
          const kind = cause.code === "ECONNREFUSED" ? "refused" : "unreachable";
          reject(new TransportError(kind, `cannot connect to ${path}`, { cause }));
        };
        socket.once("error", refuse);
        socket.once("connect", () => {
          signal?.removeEventListener("abort", abort);
          socket.off("error", refuse);
          const connection = new UnixConnection(socket);
          connection.attach(open(connection));
          resolve(connection);
        });
      }),
  };
}

class UnixConnection implements Connection {
  readonly peer: Peer = PEER;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Lets `sink` have the bytes; called once. */
  attach(sink: ByteSink): void {
    const socket = this.#socket;
    socket.on("data", (chunk: Uint8Array) => {
      if (!socket.destroyed) sink.chunk(chunk);
    });
    socket.on("drain", () => sink.writable());
    socket.on("end", () => sink.ended());
    socket.on("error", () => {}); // "close" follows.
    socket.on("close", () => sink.closed());
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
