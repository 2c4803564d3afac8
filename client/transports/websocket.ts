/** ZooKeeper's frames as binary WebSocket messages: the only way in for a browser. */
import {
  type ByteSink,
  type Connection,
  type Dialer,
  type Peer,
  TransportError,
} from "../../core/contracts/transport.ts";

// The part of the standard WebSocket that is used; `ws` on Node 20 has it too.
interface Socket {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly readyState: number;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  onclose: (() => void) | null;
  send(data: Uint8Array): void;
  close(): void;
  terminate?(): void;
}
type SocketClass = new (url: string) => Socket;

const OPEN = 1;
/** Servers bound what a message may hold; the messages of a stream may be cut anywhere. */
const MESSAGE_BYTES_MAX = 1024 * 1024;
/** Above this many unsent bytes the user is asked to wait. */
const BUFFERED_BYTES_MAX = 1024 * 1024;
/** How often a socket that was too full is looked at; the standard has no event for it. */
const DRAIN_CHECK_MS = 5;

/** Dials a `ws://` or `wss://` address with the platform's WebSocket, or else with `ws`. */
export function webSocketDialer(url: string): Dialer {
  return {
    async dial(open, signal): Promise<Connection> {
      const WebSocketClass = await socketClass();
      signal?.throwIfAborted();
      return await new Promise((resolve, reject) => {
        const socket = new WebSocketClass(url);
        socket.binaryType = "arraybuffer";
        const aborted = () => {
          stop(socket);
          reject(signal?.reason);
        };
        signal?.addEventListener("abort", aborted, { once: true });
        const failed = (cause: unknown) => {
          signal?.removeEventListener("abort", aborted);
          reject(new TransportError("unreachable", `connect to ${url}`, { cause }));
        };
        socket.onerror = failed;
        socket.onclose = () => failed(undefined);
        socket.onopen = () => {
          signal?.removeEventListener("abort", aborted);
          const connection = new WebSocketConnection(socket, url);
          connection.attach(open(connection));
          resolve(connection);
        };
      });
    },
  };
}

async function socketClass(): Promise<SocketClass> {
  const present = (globalThis as { readonly WebSocket?: SocketClass }).WebSocket;
  if (present !== undefined) return present;
  return (await import("ws")).WebSocket as unknown as SocketClass;
}

function stop(socket: Socket): void {
  if (socket.terminate !== undefined) socket.terminate();
  else socket.close();
}

class WebSocketConnection implements Connection {
  readonly peer: Peer;
  readonly #socket: Socket;
  #sink: ByteSink | undefined;
  #isClosed = false;
  #isPaused = false;
  #held: Uint8Array[] = [];
  #drainTimer: ReturnType<typeof setInterval> | undefined;

  constructor(socket: Socket, url: string) {
    this.#socket = socket;
    const { hostname, port, protocol } = new URL(url);
    const secure = protocol === "wss:";
    const standardPort = secure ? 443 : 80;
    this.peer = {
      address: hostname,
      port: port === "" ? standardPort : Number(port),
      secure,
      certificateSubject: undefined,
    };
  }

  attach(sink: ByteSink): void {
    this.#sink = sink;
    this.#socket.onmessage = ({ data }) => {
      // A text message is no part of the protocol.
      if (!(data instanceof ArrayBuffer)) return this.destroy();
      const bytes = new Uint8Array(data);
      if (bytes.length === 0 || this.#isClosed) return;
      if (this.#isPaused || this.#held.length > 0) this.#held.push(bytes);
      else sink.chunk(bytes);
    };
    this.#socket.onerror = () => {};
    this.#socket.onclose = () => this.#closed();
  }

  get bufferedBytes(): number {
    return this.#isClosed ? 0 : this.#socket.bufferedAmount;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosed || this.#socket.readyState !== OPEN) return true;
    for (let at = 0; at < bytes.length; at += MESSAGE_BYTES_MAX) {
      // A socket may send from the very bytes later on, and says nothing when it has.
      this.#socket.send(bytes.slice(at, at + MESSAGE_BYTES_MAX));
    }
    if (this.#socket.bufferedAmount <= BUFFERED_BYTES_MAX) return true;
    this.#drainTimer ??= setInterval(() => this.#checkDrained(), DRAIN_CHECK_MS);
    return false;
  }

  end(): void {
    this.#socket.close();
  }

  destroy(): void {
    stop(this.#socket);
    this.#closed();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    // Not from within the user's call.
    queueMicrotask(() => {
      while (!this.#isPaused && !this.#isClosed) {
        const bytes = this.#held.shift();
        if (bytes === undefined) return;
        this.#sink?.chunk(bytes);
      }
    });
  }

  #checkDrained(): void {
    if (this.#socket.bufferedAmount > 0) return;
    clearInterval(this.#drainTimer);
    this.#drainTimer = undefined;
    this.#sink?.writable();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#drainTimer);
    this.#held = [];
    this.#sink?.closed();
  }
}
