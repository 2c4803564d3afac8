import type { SessionTracker } from "../../../core/contracts/sessions.ts";
import type { ErrorName } from "../../../core/errors/zk_error.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { type SessionId, SessionMap } from "../../../core/wire/session_id.ts";
import type { LinkId, Sessions } from "./input.ts";
import { LOCAL } from "./learner_link.ts";

/**
 * The global sessions under one leader: when they expire, and through which server each speaks
 * (PP 5.5). A new leader gives every session a full time-out and knows no owner.
 */
export class LeaderSessions implements SessionTracker {
  readonly #tracker: SessionTracker;
  readonly #owners = new SessionMap<LinkId>();

  constructor(tracker: SessionTracker, sessions: Sessions, now: number) {
    this.#tracker = tracker;
    for (const { id, timeoutMs } of sessions) tracker.add(id, timeoutMs, now);
  }

  get size(): number {
    return this.#tracker.size;
  }

  /** The session begins, and belongs to the server that its client is connected to. */
  create(id: SessionId, timeoutMs: number, owner: LinkId, now: number): void {
    this.#tracker.add(id, timeoutMs, now);
    this.#owners.set(id, owner);
  }

  /** Its client has come to another server. @returns whether the session lives. */
  revalidate(id: SessionId, timeoutMs: number, owner: LinkId, now: number): boolean {
    if (!this.#tracker.touch(id, timeoutMs, now)) return false;
    this.#owners.set(id, owner);
    return true;
  }

  /**
   * Why a write must fail whatever it asks for: it came through another server than the session's
   * owner, so it may be older than what the client did since it moved. The first to speak for a
   * session owns it. The end of a session may come from anywhere.
   */
  refusal(id: SessionId, opcode: number, from: LinkId): ErrorName | undefined {
    if (opcode === OPCODES.createSession || opcode === OPCODES.closeSession) return undefined;
    const owner = this.#owners.get(id);
    if (owner !== undefined) return owner === from ? undefined : "SessionMoved";
    if (this.#tracker.isAlive(id)) this.#owners.set(id, from);
    return undefined;
  }

  /** The link of its server; {@link LOCAL} where that is the leader, or not known. */
  ownerOf(id: SessionId): LinkId {
    return this.#owners.get(id) ?? LOCAL;
  }

  add(id: SessionId, timeoutMs: number, now: number): void {
    this.#tracker.add(id, timeoutMs, now);
  }

  touch(id: SessionId, timeoutMs: number, now: number): boolean {
    return this.#tracker.touch(id, timeoutMs, now);
  }

  isAlive(id: SessionId): boolean {
    return this.#tracker.isAlive(id);
  }

  close(id: SessionId): void {
    this.#tracker.close(id);
  }

  remove(id: SessionId): void {
    this.#tracker.remove(id);
    this.#owners.delete(id);
  }

  expire(now: number): SessionId[] {
    return this.#tracker.expire(now);
  }

  buckets(): ReturnType<SessionTracker["buckets"]> {
    return this.#tracker.buckets();
  }
}
