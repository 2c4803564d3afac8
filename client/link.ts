import type { Cancel, Clock } from "../core/contracts/clock.ts";
import type { ByteSink, Connection } from "../core/contracts/transport.ts";
import { FrameCutter, type FrameSink } from "../core/wire/frame.ts";
import { JuteReader, JuteWriter } from "../core/wire/jute.ts";

/** What a link tells its user; never from within a call of the user's, except `lost`. */
export interface LinkUser {
  /** One frame, without its length; the reader is valid during the call only. */
  frame(reader: JuteReader): void;
  /** All frames of a chunk were handed on, or there is room to write again. */
  settled(): void;
  /** Nothing was sent for a third of the time-out: a ping is due. */
  idle(): void;
  /** The last call, once. */
  lost(reason: Error): void;
}

/** How a link is made. */
export interface LinkOptions {
  readonly clock: Clock;
  readonly replyBytesMax: number;
}

/** Checks of liveness in one time-out. */
const CHECKS_PER_TIMEOUT = 12;
/** Longest silence of ours in ms, as in Apache's client, however long the time-out is. */
const PING_INTERVAL_MS_MAX = 10_000;
/** Many a connection ends before it has sent more. */
const OUTPUT_BYTES_FRESH = 1024;
/** A buffer that grew above this is not kept after it was sent. */
const OUTPUT_BYTES_KEPT = 256 * 1024;

/**
 * One connection to a server, as frames. What is sent in one turn of the event loop leaves in one
 * write. Watches over liveness: says when a ping is due after a third of the time-out without
 * output, and gives up after two thirds without input.
 */
export class Link implements ByteSink, FrameSink {
  readonly #user: LinkUser;
  readonly #clock: Clock;
  readonly #connection: Connection;
  readonly #cutter: FrameCutter;
  readonly #reader = new JuteReader(new Uint8Array(0));
  readonly #out = new JuteWriter(OUTPUT_BYTES_FRESH);
  #isWritable = true;
  #isLost = false;
  #flushIsDue = false;
  #lastSent: number;
  #lastReceived: number;
  #stopChecks: Cancel | undefined;

  constructor(connection: Connection, user: LinkUser, options: LinkOptions) {
    this.#connection = connection;
    this.#user = user;
    this.#clock = options.clock;
    this.#cutter = new FrameCutter(this, options.replyBytesMax);
    this.#lastSent = this.#lastReceived = this.#clock.now();
  }

  /** False while the other side is not taking what was sent. */
  get isWritable(): boolean {
    return this.#isWritable && !this.#isLost;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Queues a whole frame, its length included; copied. */
  send(frame: Uint8Array): void {
    if (this.#isLost) return;
    this.#out.raw(frame);
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    this.#clock.defer(() => this.#flush());
  }

  /** Begins to watch over liveness. */
  watchLiveness(timeoutMs: number): void {
    const pingMs = Math.min(timeoutMs / 3, PING_INTERVAL_MS_MAX);
    const periodMs = Math.max(1, pingMs / (CHECKS_PER_TIMEOUT / 3));
    this.#stopChecks = this.#clock.every(periodMs, () => {
      const now = this.#clock.now();
      const silentMs = now - this.#lastReceived;
      if (silentMs >= (timeoutMs * 2) / 3) {
        this.drop(new Error(`the server was silent for ${Math.round(silentMs)} ms`));
      } else if (now - this.#lastSent >= pingMs - periodMs / 2) {
        this.#user.idle();
      }
    });
  }

  /** Sends what is queued, then closes. */
  end(): void {
    this.#flush();
    this.#connection.end();
  }

  /** Closes at once; `lost` is told the reason. */
  drop(reason: Error): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#stopChecks?.();
    this.#connection.destroy();
    this.#user.lost(reason);
  }

  chunk(bytes: Uint8Array): void {
    if (this.#isLost) return;
    this.#lastReceived = this.#clock.now();
    this.#cutter.push(bytes);
    if (!this.#isLost) this.#user.settled();
  }

  frame(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#isLost) return true;
    this.#reader.reset(bytes, start, end);
    try {
      this.#user.frame(this.#reader);
    } catch (cause) {
      this.drop(new Error("the server sent a frame that makes no sense", { cause }));
    }
    return true;
  }

  badLength(lengthBytes: number): void {
    this.drop(new Error(`the server announced a frame of ${lengthBytes} bytes`));
  }

  writable(): void {
    this.#isWritable = true;
    this.#flush();
    if (!this.#isLost) this.#user.settled();
  }

  ended(): void {
    this.drop(new Error("the server closed the connection"));
  }

  closed(): void {
    this.drop(new Error("the connection was closed"));
  }

  #flush(): void {
    this.#flushIsDue = false;
    const out = this.#out;
    if (this.#isLost || out.length === 0 || !this.#isWritable) return;
    this.#lastSent = this.#clock.now();
    this.#isWritable = this.#connection.write(out.view());
    const isReusable = this.#connection.bufferedBytes === 0;
    if (isReusable && out.bytes.length <= OUTPUT_BYTES_KEPT) out.clear();
    else out.detach(16 * 1024);
  }
}
