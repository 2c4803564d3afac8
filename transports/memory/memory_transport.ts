import type { Clock } from "../../core/contracts/clock.ts";
import {
  type Accept,
  type ByteSink,
  type Connection,
  type Dialer,
  type Peer,
  type Transport,
  TransportError,
} from "../../core/contracts/transport.ts";

/** Bytes under way in one direction at which the writer is told to wait. */
const HIGH_WATER_BYTES = 256 * 1024;

/** One end of a pair of connected streams within the process. */
class MemoryConnection implements Connection {
  readonly peer: Peer;
  readonly #clock: Clock;
  #other: MemoryConnection | undefined;
  #sink: ByteSink | undefined;
  #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  #ending = false;
  #endTold = false;
  #ended = false;
  #paused = false;
  #scheduled = false;
  #destroyed = false;
  #writerWaits = false;

  constructor(clock: Clock, port: number) {
    this.#clock = clock;
    this.peer = { address: "in-process", port, secure: true, certificateSubject: undefined };
  }

  /** Joins two ends and gives each its user. */
  static join(left: MemoryConnection, right: MemoryConnection): void {
    left.#other = right;
    right.#other = left;
  }

  attach(sink: ByteSink): void {
    this.#sink = sink;
    this.#schedule();
  }

  get bufferedBytes(): number {
    const other = this.#other;
    return this.#destroyed || other === undefined ? 0 : other.#inboxBytes;
  }

  write(bytes: Uint8Array): boolean {
    const other = this.#other;
    if (this.#destroyed || this.#ended || other === undefined || other.#destroyed) return true;
    if (bytes.length === 0) return other.#inboxBytes <= HIGH_WATER_BYTES;
    // Not copied: the writer leaves the bytes alone until they have been taken from the inbox.
    other.#inbox.push(bytes);
    other.#inboxBytes += bytes.length;
    other.#schedule();
    if (other.#inboxBytes <= HIGH_WATER_BYTES) return true;
    this.#writerWaits = true;
    return false;
  }

  end(): void {
    if (this.#ended || this.#destroyed) return;
    this.#ended = true;
    if (this.#other !== undefined) {
      this.#other.#ending = true;
      this.#other.#schedule();
    }
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    // As with TCP: who leaves bytes unread, or leaves a writer waiting, resets the connection.
    const isReset = this.#inbox.length > 0;
    this.#inbox = [];
    this.#inboxBytes = 0;
    this.#clock.defer(() => this.#sink?.closed());
    const other = this.#other;
    if (other === undefined || other.#destroyed) return;
    if (isReset) other.destroy();
    else other.#peerGone();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  /** The other end was destroyed: what it sent still arrives, then this end closes. */
  #peerGone(): void {
    this.#ending = true;
    this.#ended = true;
    this.#schedule();
  }

  /** The other end has taken all that was written. */
  #emptied(): void {
    if (!this.#writerWaits) return;
    this.#writerWaits = false;
    this.#clock.defer(() => {
      if (!this.#destroyed) this.#sink?.writable();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#destroyed || this.#sink === undefined) return;
    this.#scheduled = true;
    this.#clock.defer(() => {
      this.#scheduled = false;
      this.#drain();
    });
  }

  #drain(): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    while (!this.#paused && !this.#destroyed && this.#inbox.length > 0) {
      const bytes = this.#inbox.shift() as Uint8Array;
      sink.chunk(bytes);
      this.#inboxBytes -= bytes.length;
    }
    if (this.#inboxBytes === 0 && this.#other !== undefined) this.#other.#emptied();
    if (this.#ending && !this.#endTold && this.#inbox.length === 0 && !this.#destroyed) {
      this.#endTold = true;
      sink.ended();
    }
    if (this.#endTold && this.#ended) this.destroy();
  }
}

/** Connects clients and servers of one process without sockets; each transport is its own world. */
export class MemoryTransport implements Transport, Dialer {
  readonly name = "memory";
  readonly port = 0;
  readonly #clock: Clock;
  #accept: Accept | undefined;
  #dialed = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get address(): string {
    return this.#accept === undefined ? "" : "in-process";
  }

  listen(accept: Accept): Promise<void> {
    this.#accept = accept;
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#accept = undefined;
    return Promise.resolve();
  }

  dial(open: (connection: Connection) => ByteSink, signal?: AbortSignal): Promise<Connection> {
    signal?.throwIfAborted();
    const accept = this.#accept;
    if (accept === undefined) {
      return Promise.reject(new TransportError("refused", "no server listens in this process"));
    }
    this.#dialed += 1;
    const near = new MemoryConnection(this.#clock, this.#dialed);
    const far = new MemoryConnection(this.#clock, this.#dialed);
    MemoryConnection.join(near, far);
    near.attach(open(near));
    const sink = accept(far);
    if (sink === undefined) far.destroy();
    else far.attach(sink);
    return Promise.resolve(near);
  }
}
