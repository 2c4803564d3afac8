import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { ByteSink, Connection, Peer } from "../../core/contracts/transport.ts";

/** Unsent bytes at which the writer is told to wait; at least what any socket calls full. */
const HIGH_WATER_BYTES = 256 * 1024;

/** Close code for data of a kind that is not accepted (RFC 6455, section 7.4.1). */
const UNSUPPORTED_DATA = 1003;
const NORMAL_CLOSURE = 1000;

/**
 * A client's WebSocket as a stream of bytes: the bytes of its binary messages, one after the other.
 *
 * WebSocket has no half-close. {@link end} sends what was written and a close frame; the other
 * side's close frame brings `ended` and `closed` together.
 */
export class WebSocketConnection implements Connection {
  readonly peer: Peer;
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  #sink: ByteSink | undefined;
  #isPaused = false;
  #isDestroyed = false;
  #writerWaits = false;
  /** Messages that were in the same piece of input as the one during which `pause` was called. */
  #held: Uint8Array[] = [];
  #resumeIsDue = false;
  /** The socket has closed, and `closed` waits until {@link #held} has been taken. */
  #closeIsDue = false;

  constructor(webSocket: WebSocket, socket: Duplex, peer: Peer) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.peer = peer;
  }

  /** Lets `sink` have the bytes; called once. */
  attach(sink: ByteSink): void {
    this.#sink = sink;
    const webSocket = this.#webSocket;
    webSocket.on("message", (data: Uint8Array, isBinary: boolean) => {
      if (isBinary) this.#take(data);
      else webSocket.close(UNSUPPORTED_DATA, "binary messages only");
    });
    webSocket.on("close", () => this.#closed());
    webSocket.on("error", () => {}); // "close" follows; ws has answered with the code that fits.
    this.#socket.on("drain", () => this.#drained());
  }

  get bufferedBytes(): number {
    return this.#isDestroyed ? 0 : this.#webSocket.bufferedAmount;
  }

  write(bytes: Uint8Array): boolean {
    const webSocket = this.#webSocket;
    if (this.#isDestroyed || webSocket.readyState !== webSocket.OPEN) return true;
    webSocket.send(bytes);
    if (webSocket.bufferedAmount < HIGH_WATER_BYTES) return true;
    this.#writerWaits = true;
    return false;
  }

  end(): void {
    this.#webSocket.close(NORMAL_CLOSURE);
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#held = [];
    this.#webSocket.terminate();
    if (this.#closeIsDue) this.#finish();
  }

  pause(): void {
    this.#isPaused = true;
    this.#webSocket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#held.length === 0) return this.#webSocket.resume();
    if (this.#resumeIsDue) return;
    this.#resumeIsDue = true;
    setImmediate(() => {
      this.#resumeIsDue = false;
      this.#releaseHeld();
    });
  }

  #take(bytes: Uint8Array): void {
    if (this.#isDestroyed || bytes.length === 0) return;
    if (this.#isPaused || this.#held.length > 0) this.#held.push(bytes);
    else this.#sink?.chunk(bytes);
  }

  #releaseHeld(): void {
    while (!this.#isPaused && !this.#isDestroyed) {
      const bytes = this.#held.shift();
      if (bytes === undefined) return this.#closeIsDue ? this.#finish() : this.#webSocket.resume();
      this.#sink?.chunk(bytes);
    }
  }

  #drained(): void {
    if (!this.#writerWaits || this.bufferedBytes > 0) return;
    this.#writerWaits = false;
    this.#sink?.writable();
  }

  #closed(): void {
    // What came before the end waits for the reader, unless the reader waits for the writer.
    this.#closeIsDue = this.#held.length > 0 && !this.#isDestroyed && !this.#writerWaits;
    if (!this.#closeIsDue) this.#finish();
  }

  #finish(): void {
    this.#closeIsDue = false;
    if (!this.#isDestroyed) this.#sink?.ended();
    this.#isDestroyed = true;
    this.#held = [];
    this.#sink?.closed();
  }
}
