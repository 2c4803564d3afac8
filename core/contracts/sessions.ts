import type { SessionId } from "../wire/session_id.ts";
import { type Token, token } from "./token.ts";

/**
 * Decides when sessions expire. Pure: time is given as monotonic milliseconds. Whoever leads has
 * one; each server has another for its local sessions.
 */
export interface SessionTracker {
  /** Sessions tracked, closing ones included. */
  readonly size: number;
  /**
   * Begins to track a session with a full time-out from `now`, or gives a known one a full time-out
   * again; a closing session stays closing.
   */
  add(id: SessionId, timeoutMs: number, now: number): void;
  /**
   * The session was heard of. Cheap: at most one change of bucket.
   *
   * @param timeoutMs replaces the time-out it had.
   * @returns false when it is unknown or closing.
   */
  touch(id: SessionId, timeoutMs: number, now: number): boolean;
  /** Known and not closing. */
  isAlive(id: SessionId): boolean;
  /** Marks it closing: it is refused from now on and does not expire again. */
  close(id: SessionId): void;
  /** Forgets it, once its closing has been applied. */
  remove(id: SessionId): void;
  /**
   * Marks closing, and returns in a defined order, every session not heard of for its time-out.
   * A session expires more than its time-out and at most its time-out and one tick after its last
   * touch (`ExpiryQueue` in Apache ZooKeeper).
   */
  expire(now: number): SessionId[];
  /** Buckets for display: tick-aligned deadlines (monotonic ms) and the sessions due then. */
  buckets(): readonly { readonly deadlineMs: number; readonly sessions: readonly SessionId[] }[];
}

/** Makes trackers whose deadlines are rounded up to whole ticks. */
export interface SessionTracking {
  create(tickMs: number): SessionTracker;
}

/** Single. */
export const SESSION_TRACKING: Token<SessionTracking> = token("session-tracking");
