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
      const socket = net.connect({ host, port, allowHalfOpen: true });
      const at = { host, port, secure: false };
      return await dialed(socket, { ready: "connect", what: "connect to", at, open, signal });
    },
  };
}

/** What {@link dialed} has to know. */
interface Dialed {
  /** The event by which the socket is ready for bytes. */
  readonly ready: "connect" | "secureConnect";
  /** What is attempted, for the error: `connect to`. */
  readonly what: string;
  readonly at: { readonly host: string; readonly port: number; readonly secure: boolean };
  readonly open: Parameters<Dialer["dial"]>[0];
  readonly signal: AbortSignal | undefined;
}

/**
 * Hands a socket over once it is ready; until then the signal ends it.
 *
 * @throws {TransportError} as `Dialer.dial` does.
 */
export function dialed(socket: Socket, given: Dialed): Promise<Connection> {
  const { ready, what, at, open, signal } = given;
  return new Promise((resolve, reject) => {
    const aborted = () => {
      socket.destroy();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", aborted, { once: true });
    const failed = (cause: Error) => {
      signal?.removeEventListener("abort", aborted);
      socket.destroy();
      const code = (cause as { readonly code?: string }).code ?? cause.message;
      const kind = code === "ECONNREFUSED" ? "refused" : "unreachable";
      reject(new TransportError(kind, `${what} ${at.host}:${at.port}: ${code}`, { cause }));
    };
    const closed = () => failed(new Error("closed during the handshake"));
    socket.once("error", failed);
    socket.once("close", closed);
    socket.once(ready, () => {
      signal?.removeEventListener("abort", aborted);
      socket.off("error", failed);
      socket.off("close", closed);
      const connection = new TcpConnection(socket, at);
      connection.attach(open(connection));
      resolve(connection);
    });
  });
}

/** A connection on a socket of `node:net` or `node:tls`. */
class TcpConnection implements Connection {
  readonly peer: Peer;
  readonly #socket: Socket;

  /** @param at where it was dialed. */
  constructor(socket: Socket, { host, port, secure }: Dialed["at"]) {
    this.#socket = socket;
    socket.setNoDelay(true);
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
