import type { Counter } from "../../core/contracts/metrics.ts";
import type { SessionTracker, SessionTracking } from "../../core/contracts/sessions.ts";
import { type SessionId, SessionMap } from "../../core/wire/session_id.ts";

interface Tracked {
  readonly id: SessionId;
  /** Tick-aligned; undefined while it is closing, which is when it is in no bucket. */
  deadlineMs: number | undefined;
}

/**
 * Sessions in buckets by the tick at which they expire. A session that is heard of moves to another
 * bucket at most once a tick, so a busy one costs a look-up and a division for each request. There
 * are never more buckets than ticks in the longest time-out, and one.
 */
export class BucketTracker implements SessionTracker {
  readonly #tickMs: number;
  readonly #expired: Counter;
  readonly #sessions = new SessionMap<Tracked>();
  readonly #buckets = new Map<number, Set<Tracked>>();

  /**
   * @param tickMs above 0.
   * @param expired counts sessions that expire.
   */
  constructor(tickMs: number, expired: Counter = { value: 0 }) {
    this.#tickMs = tickMs;
    this.#expired = expired;
  }

  get size(): number {
    return this.#sessions.size;
  }

  add(id: SessionId, timeoutMs: number, now: number): void {
    const known = this.#sessions.get(id);
    if (known !== undefined) {
      if (known.deadlineMs !== undefined) this.#move(known, this.#deadline(timeoutMs, now));
      return;
    }
    const session: Tracked = { id, deadlineMs: undefined };
    this.#sessions.set(id, session);
    this.#move(session, this.#deadline(timeoutMs, now));
  }

  touch(id: SessionId, timeoutMs: number, now: number): boolean {
    const session = this.#sessions.get(id);
    if (session?.deadlineMs === undefined) return false;
    this.#move(session, this.#deadline(timeoutMs, now));
    return true;
  }

  isAlive(id: SessionId): boolean {
    return this.#sessions.get(id)?.deadlineMs !== undefined;
  }

  close(id: SessionId): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) this.#move(session, undefined);
  }

  remove(id: SessionId): void {
    this.close(id);
    this.#sessions.delete(id);
  }

  expire(now: number): SessionId[] {
    const expired: SessionId[] = [];
    for (const deadlineMs of this.#deadlines()) {
      if (deadlineMs > now) break;
      for (const session of this.#buckets.get(deadlineMs) ?? []) {
        session.deadlineMs = undefined;
        expired.push(session.id);
      }
      this.#buckets.delete(deadlineMs);
    }
    this.#expired.value += expired.length;
    return expired;
  }

  buckets(): { readonly deadlineMs: number; readonly sessions: readonly SessionId[] }[] {
    return this.#deadlines().map((deadlineMs) => {
      const members = this.#buckets.get(deadlineMs) ?? [];
      return { deadlineMs, sessions: [...members].map(({ id }) => id) };
    });
  }

  // As `ExpiryQueue.roundToNextInterval` in Apache ZooKeeper: strictly above the exact time.
  #deadline(timeoutMs: number, now: number): number {
    return (Math.floor((now + timeoutMs) / this.#tickMs) + 1) * this.#tickMs;
  }

  #deadlines(): number[] {
    return [...this.#buckets.keys()].sort((a, b) => a - b);
  }

  #move(session: Tracked, deadlineMs: number | undefined): void {
    const from = session.deadlineMs;
    if (from === deadlineMs) return;
    session.deadlineMs = deadlineMs;
    if (from !== undefined) {
      const bucket = this.#buckets.get(from);
      bucket?.delete(session);
      if (bucket?.size === 0) this.#buckets.delete(from);
    }
    if (deadlineMs === undefined) return;
    const bucket = this.#buckets.get(deadlineMs);
    if (bucket === undefined) this.#buckets.set(deadlineMs, new Set([session]));
    else bucket.add(session);
  }
}

/** Makes {@link BucketTracker}s, which count what expires together. */
export class BucketTracking implements SessionTracking {
  readonly #expired: Counter;

  constructor(expired: Counter = { value: 0 }) {
    this.#expired = expired;
  }

  create(tickMs: number): SessionTracker {
    return new BucketTracker(tickMs, this.#expired);
  }
}
