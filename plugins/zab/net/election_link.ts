import type { ByteSink, Connection } from "../../../core/contracts/transport.ts";
import { FrameCutter, type FrameSink } from "../../../core/wire/frame.ts";
import { putInt } from "../../../core/wire/jute.ts";
import type { Notification } from "../messages.ts";
import { decodeElectionHello, type ElectionHello } from "../wire/election_hello.ts";
import { decodeNotification, NOTIFICATION_BYTES_MAX } from "../wire/notification.ts";
import { PeerProtocolError } from "../wire/packet.ts";

/** Votes of one server in a second above which it is a flood: servers send a few in an election. */
const VOTES_MAX = 1_000;

/** Who is told what happens before a connection has a name. */
export interface Greeting {
  /** It has said who it is. @returns false to close it. */
  hello(hello: ElectionHello): boolean;
  /** What it sent is not the protocol; it is closed. */
  refused(reason: string): void;
  /** It closed before it said who it is. */
  closed(): void;
}

/** One election connection: a hello from whoever dialled, then votes both ways, with lengths. */
export class ElectionLink implements ByteSink, FrameSink {
  onVote: (vote: Notification) => void = () => {};
  /** What it sends is not the protocol; it is closed. Not called before it has a name. */
  onRefused: (reason: string) => void = () => {};
  onClosed: () => void = () => {};
  readonly #connection: Connection;
  readonly #cutter = new FrameCutter(this, NOTIFICATION_BYTES_MAX);
  #greeting: Greeting | undefined;
  /** Bytes of a hello that is not there whole. */
  #early: Uint8Array = new Uint8Array(0);
  /** The newest vote that waits for the socket. */
  #waiting: Uint8Array | undefined;
  #isWritable = true;
  #isClosed = false;
  readonly #now: () => number;
  #votesSinceMs: number;
  #votes = 0;

  /**
   * @param greeting undefined on the side that dialled: nobody says hello to it.
   * @param now monotonic ms.
   */
  constructor(connection: Connection, greeting: Greeting | undefined, now: () => number) {
    this.#connection = connection;
    this.#greeting = greeting;
    this.#now = now;
    this.#votesSinceMs = now();
  }

  /** Where the other side is, for messages. */
  get address(): string {
    return this.#connection.peer.address;
  }

  /** Sends a vote, now or once the former ones have left; only the newest one waits. */
  send(payload: Uint8Array): void {
    if (!this.#isWritable) {
      this.#waiting = payload;
      return;
    }
    const framed = new Uint8Array(4 + payload.length);
    putInt(framed, 0, payload.length);
    framed.set(payload, 4);
    this.#isWritable = this.#connection.write(framed);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.destroy();
    this.#over();
  }

  chunk(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#greeting === undefined) return this.#cutter.push(bytes);
    const early = new Uint8Array(this.#early.length + bytes.length);
    early.set(this.#early);
    early.set(bytes, this.#early.length);
    this.#early = early;
    try {
      const read = decodeElectionHello(early);
      if (read === undefined) return;
      const { hello } = this.#greeting;
      this.#greeting = undefined;
      if (!hello(read.hello)) return this.close();
      if (read.end < early.length) this.#cutter.push(early.subarray(read.end));
    } catch (error) {
      if (!(error instanceof PeerProtocolError)) throw error;
      this.#greeting?.refused(error.message);
      this.close();
    }
  }

  frame(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#isClosed) return true;
    if (this.#isFlood()) {
      this.#refuse("it floods this server with votes");
      return true;
    }
    const vote = decodeNotification(bytes.subarray(start, end));
    if (vote !== undefined) this.onVote(vote);
    return true;
  }

  badLength(lengthBytes: number): void {
    this.#refuse(`a vote of ${lengthBytes} bytes`);
  }

  writable(): void {
    this.#isWritable = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.send(waiting);
  }

  ended(): void {
    this.close();
  }

  closed(): void {
    this.#isClosed = true;
    this.#over();
  }

  #isFlood(): boolean {
    const now = this.#now();
    if (now - this.#votesSinceMs >= 1000) {
      this.#votesSinceMs = now;
      this.#votes = 0;
    }
    this.#votes += 1;
    return this.#votes > VOTES_MAX;
  }

  #refuse(reason: string): void {
    this.onRefused(reason);
    this.close();
  }

  #over(): void {
    const greeting = this.#greeting;
    this.#greeting = undefined;
    greeting?.closed();
    const { onClosed } = this;
    this.onClosed = () => {};
    onClosed();
  }
}
