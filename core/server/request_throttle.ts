import type { Cancel, Clock } from "../contracts/clock.ts";
import { getInt, JuteWriter } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import type { ClientConnection } from "./connection.ts";
import type { Output } from "./output.ts";
import type { ServerSession, ServerSessions } from "./sessions.ts";
import type { Statistics } from "./statistics.ts";

/** How many writes are under way at a time, and what becomes of those that wait. */
export interface RequestThrottleOptions {
  /** Requests under way at which writes wait; 0 is none (`request_throttle_max_requests`). */
  readonly maxRequests: number;
  /** Time between two looks at those that wait, ms (`request_throttle_stall_time`). */
  readonly stallTimeMs: number;
  /**
   * Whether writes are dropped whose connection is gone, or that have waited longer than their
   * session's time-out; the connection of these is closed (`request_throttle_drop_stale`).
   */
  readonly dropStale: boolean;
  /** Wait at which a write is refused, ms; 0 is never (`throttled_op_wait_time`). */
  readonly waitMsMax: number;
}

/** What Apache takes where nothing is said: no throttle. */
export const REQUEST_THROTTLE: RequestThrottleOptions = {
  maxRequests: 0,
  stallTimeMs: 100,
  dropStale: true,
  waitMsMax: 0,
};

/** What the throttle needs of its server. */
export interface ThrottledServer {
  readonly clock: Clock;
  readonly statistics: Statistics;
  readonly sessions: ServerSessions;
  readonly output: Output;
  /** Hands a write to consensus: `bytes[start..end)` is xid, type, body. */
  submitNow(connection: ClientConnection, bytes: Uint8Array, start: number, end: number): void;
}

interface Waiting {
  readonly connection: ClientConnection;
  readonly session: ServerSession;
  readonly bytes: Uint8Array;
  readonly sinceMs: number;
}

/**
 * Lets only so many requests be under way: writes above that wait here, first in first out, before
 * they go to consensus (`RequestThrottler` in Apache ZooKeeper). Reads wait only behind their own
 * client's writes. What waits is bounded by each connection's queue.
 */
export class RequestThrottle {
  readonly #options: RequestThrottleOptions;
  readonly #server: ThrottledServer;
  #waiting: Waiting[] = [];
  #head = 0;
  /** Of connections that are open. */
  readonly #counts = new Map<ClientConnection, number>();
  #openCount = 0;
  #timer: Cancel | undefined;

  constructor(options: RequestThrottleOptions, server: ThrottledServer) {
    this.#options = options;
    this.#server = server;
  }

  /** Takes a write that must wait, which the server has counted already. @returns false if not. */
  takes(connection: ClientConnection, session: ServerSession, frame: Uint8Array): boolean {
    const isIdle = this.#head === this.#waiting.length;
    if (isIdle && this.#underWay - 1 < this.#options.maxRequests) return false;
    const { clock, statistics } = this.#server;
    this.#waiting.push({ connection, session, bytes: frame.slice(), sinceMs: clock.now() });
    this.#counts.set(connection, this.#countOf(connection) + 1);
    this.#openCount += 1;
    statistics.throttleWaits.value += 1;
    this.#arm();
    return true;
  }

  /** Lets go what may go: called when requests have been answered. */
  advance(): void {
    while (this.#head < this.#waiting.length && this.#release(this.#waiting[this.#head])) {}
    if (this.#head * 2 < this.#waiting.length) return;
    this.#waiting.splice(0, this.#head); // Half of it at least: each entry is moved once or so.
    this.#head = 0;
  }

  /** A connection is gone: what it has here is not under way any more. */
  disconnected(connection: ClientConnection): void {
    this.#openCount -= this.#countOf(connection);
    this.#counts.delete(connection);
  }

  /** Nobody is served any more: nothing that waits will ever be answered. */
  clear(): void {
    this.#timer?.();
    this.#timer = undefined;
    this.#waiting = [];
    this.#head = 0;
    this.#counts.clear();
    this.#openCount = 0;
  }

  get #underWay(): number {
    return this.#server.statistics.outstanding - this.#openCount;
  }

  #countOf(connection: ClientConnection): number {
    return this.#counts.get(connection) ?? 0;
  }

  /** Looks at the oldest. @returns whether it is gone from here. */
  #release(entry: Waiting | undefined): boolean {
    if (entry === undefined) return false;
    const { clock, statistics, sessions } = this.#server;
    const { connection, session, bytes } = entry;
    // A session that is to be closed must go, however late.
    const isClose = getInt(bytes, 4) === OPCODES.closeSession;
    const waitedMs = clock.now() - entry.sinceMs;
    const drops = this.#options.dropStale && !isClose;
    if (drops && waitedMs > session.timeoutMs) connection.destroy();
    if (connection.isClosed) {
      this.#head += 1;
      if (!drops) this.#server.submitNow(connection, bytes, 0, bytes.length);
      else sessions.withdraw(session.id);
      if (drops) statistics.staleDropped.value += 1;
      return true;
    }
    if (this.#underWay >= this.#options.maxRequests) return false;
    const isLate = this.#options.waitMsMax > 0 && waitedMs > this.#options.waitMsMax;
    if (isLate && !isClose) return this.#refuse(entry);
    this.#leave(entry, waitedMs);
    this.#server.submitNow(connection, bytes, 0, bytes.length);
    return true;
  }

  /** Answers in its place: not before its client's earlier writes are done. */
  #refuse({ connection, bytes, sinceMs }: Waiting): boolean {
    const isFirst = connection.writesUnderWay === this.#countOf(connection);
    if (!isFirst || !connection.awaits(getInt(bytes, 0))) return false;
    this.#leave({ connection }, this.#server.clock.now() - sinceMs);
    this.#server.statistics.throttledOps.value += 1;
    connection.complete("ThrottledOp", NO_BODY);
    return true;
  }

  #leave({ connection }: Pick<Waiting, "connection">, waitedMs: number): void {
    this.#head += 1;
    this.#openCount -= 1;
    const left = this.#countOf(connection) - 1;
    if (left === 0) this.#counts.delete(connection);
    else this.#counts.set(connection, left);
    this.#server.statistics.throttleTime.observe(waitedMs);
  }

  #arm(): void {
    this.#timer ??= this.#server.clock.after(this.#options.stallTimeMs, () => {
      this.#timer = undefined;
      this.advance();
      this.#server.output.flush();
      if (this.#head < this.#waiting.length) this.#arm();
    });
  }
}

const NO_BODY = new JuteWriter(0);
