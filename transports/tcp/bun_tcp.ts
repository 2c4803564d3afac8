import {
  type Accept,
  type ByteSink,
  type Connection,
  type Peer,
  type Transport,
  TransportError,
} from "../../core/contracts/transport.ts";
import { plainAddress, type TcpOptions } from "./tcp_options.ts";

/** The part of Bun's socket that is used. */
interface BunSocket {
  data: BunTcpConnection | undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** @returns how many bytes the system took, or -1 when closed; the rest is the caller's. */
  write(bytes: Uint8Array): number;
  /** Sends FIN and keeps reading. */
  shutdown(): void;
  end(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  setNoDelay(on: boolean): void;
}

interface BunListener {
  readonly hostname: string;
  readonly port: number;
  stop(closesConnections: boolean): void;
}

interface Bun {
  listen(options: object): BunListener;
}

const bun = (globalThis as { readonly Bun?: Bun }).Bun;

/** Whether this runtime has Bun's sockets. */
export function isBunWithSockets(): boolean {
  return bun !== undefined;
}

/** A TCP connection on a socket of Bun, which takes what fits and leaves the rest to us. */
class BunTcpConnection implements Connection {
  readonly peer: Peer;
  readonly #socket: BunSocket;
  #sink: ByteSink | undefined;
  /** What the system has not taken yet; not copied, since `bufferedBytes` is not 0. */
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  /** A socket that fails hands over what it had received, paused or not. */
  #held: Uint8Array[] = [];
  #isPaused = false;
  #isEnding = false;
  #hasEnded = false;
  #inputEnded = false;
  #isClosed = false;

  constructor(socket: BunSocket) {
    this.#socket = socket;
    this.peer = {
      address: plainAddress(socket.remoteAddress),
      port: socket.remotePort,
      secure: false,
      certificateSubject: undefined,
    };
  }

  attach(sink: ByteSink): void {
    this.#sink = sink;
  }

  get bufferedBytes(): number {
    return this.#queuedBytes;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isEnding || this.#isClosed || bytes.length === 0) return true;
    const taken = this.#queuedBytes > 0 ? 0 : Math.max(0, this.#socket.write(bytes));
    if (taken === bytes.length) return true;
    this.#queue.push(taken === 0 ? bytes : bytes.subarray(taken));
    this.#queuedBytes += bytes.length - taken;
    return false;
  }

  end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    if (this.#queuedBytes === 0) this.#finish();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#drop();
    this.#socket.terminate();
  }

  pause(): void {
    this.#isPaused = true;
    if (!this.#isClosed) this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#held.length === 0) return this.#readOn();
    setImmediate(() => this.#releaseHeld());
  }

  chunk(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#isPaused || this.#held.length > 0) this.#held.push(bytes.slice());
    else this.#sink?.chunk(bytes);
  }

  #releaseHeld(): void {
    while (!this.#isPaused && !this.#isClosed) {
      const bytes = this.#held.shift();
      if (bytes === undefined) return this.#readOn();
      this.#sink?.chunk(bytes);
    }
  }

  #readOn(): void {
    if (!this.#isClosed) this.#socket.resume();
  }

  drained(): void {
    if (this.#queuedBytes === 0) return;
    while (this.#queuedBytes > 0) {
      const bytes = this.#queue[0] as Uint8Array;
      const taken = Math.max(0, this.#socket.write(bytes));
      this.#queuedBytes -= taken;
      if (taken < bytes.length) {
        this.#queue[0] = bytes.subarray(taken);
        return;
      }
      this.#queue.shift();
    }
    if (this.#isEnding) this.#finish();
    else this.#sink?.writable();
  }

  inputEnded(): void {
    if (this.#isClosed || this.#inputEnded) return;
    this.#inputEnded = true;
    this.#sink?.ended();
    if (this.#hasEnded) this.#socket.end();
  }

  closed(): void {
    this.#drop();
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.closed();
  }

  #finish(): void {
    this.#hasEnded = true;
    if (this.#inputEnded) this.#socket.end();
    else this.#socket.shutdown();
  }

  #drop(): void {
    this.#isClosed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#held = [];
  }
}

/** Listens on a TCP port with `Bun.listen`, which is faster than Bun's `node:net`. */
export class BunTcpTransport implements Transport {
  readonly name = "tcp";
  readonly #options: TcpOptions;
  #listener: BunListener | undefined;

  constructor(options: TcpOptions) {
    this.#options = options;
  }

  listen(accept: Accept): Promise<void> {
    const { port, host = "::" } = this.#options;
    const socket = {
      open: (opened: BunSocket): void => {
        opened.setNoDelay(true);
        const connection = new BunTcpConnection(opened);
        opened.data = connection;
        const sink = accept(connection);
        if (sink === undefined) connection.destroy();
        else connection.attach(sink);
      },
      data: ({ data }: BunSocket, bytes: Uint8Array): void => data?.chunk(bytes),
      drain: ({ data }: BunSocket): void => data?.drained(),
      end: ({ data }: BunSocket): void => data?.inputEnded(),
      close: ({ data }: BunSocket): void => data?.closed(),
      error: (): void => {}, // "close" follows; either side may fail at any time.
    };
    try {
      this.#listener = bun?.listen({ hostname: host, port, allowHalfOpen: true, socket });
      return Promise.resolve();
    } catch (cause) {
      const { code, message } = cause as { readonly code?: string; readonly message: string };
      const kind = code === "EADDRINUSE" ? "address-in-use" : "io";
      const text = `cannot listen on ${host}:${port}: ${message}`;
      return Promise.reject(new TransportError(kind, text, { cause }));
    }
  }

  get address(): string {
    if (this.#listener === undefined) return "";
    const { hostname, port } = this.#listener;
    return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  close(): Promise<void> {
    this.#listener?.stop(false);
    return Promise.resolve();
  }
}
