/** TCP through `node:net`, which Node, Deno and Bun have. */
import type { Socket } from "node:net";
import {
  type ByteSink,
  type Connection,
  type Dialer,
  type Peer,
  TransportError,
} from "../../core/contracts/transport.ts";

/**
 * Dials `host:port`; the name is resolved at every dial.
 *
 * The module `node:net` is loaded at the first dial, so a browser may load this file.
 */
export function tcpDialer(host: string, port: number): Dialer {
  return {
    async dial(open, signal): Promise<Connection> {
      const net = await import("node:net");
      signal?.throwIfAborted();
      return await new Promise((resolve, reject) => {
        const socket = net.connect({ host, port, noDelay: true, allowHalfOpen: true });
        const aborted = () => {
          socket.destroy();
          reject(signal?.reason);
        };
        signal?.addEventListener("abort", aborted, { once: true });
        const failed = (error: Error) => {
          signal?.removeEventListener("abort", aborted);
          reject(transportError(error, `${host}:${port}`));
        };
        socket.once("error", failed);
        socket.once("connect", () => {
          signal?.removeEventListener("abort", aborted);
          socket.off("error", failed);
          const connection = new TcpConnection(socket, { host, port, secure: false });
          connection.attach(open(connection));
          resolve(connection);
        });
      });
    },
  };
}

function transportError(error: Error, address: string): TransportError {
  const code = (error as { readonly code?: string }).code ?? error.message;
  const refused = code === "ECONNREFUSED";
  const kind = refused ? "refused" : "unreachable";
  return new TransportError(kind, `connect to ${address}: ${code}`, { cause: error });
}

/** A connection on a socket of `node:net` or `node:tls`. */
export class TcpConnection implements Connection {
  readonly peer: Peer;
  readonly #socket: Socket;

  /** @param at where it was dialed. */
  constructor(socket: Socket, at: { host: string; port: number; secure: boolean }) {
    this.#socket = socket;
    const { host, port, secure } = at;
    const address = socket.remoteAddress ?? host;
    this.peer = { address, port, secure, certificateSubject: undefined };
  }

  attach(sink: ByteSink): void {
    const socket = this.#socket;
    // A plain Uint8Array: `slice` of a Buffer makes no copy.
    socket.on("data", (chunk: Uint8Array) => {
      sink.chunk(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    });
    socket.on("drain", () => sink.writable());
    socket.on("end", () => sink.ended());
    // An error is always followed by "close", which says all that the user acts on.
    socket.on("error", () => {});
    socket.once("close", () => sink.closed());
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#socket.writableEnded || this.#socket.destroyed) return true;
    return this.#socket.write(bytes);
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
