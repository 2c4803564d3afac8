import type { SessionRecord } from "../../../core/contracts/storage.ts";
import { type SessionId, SessionMap } from "../../../core/wire/session_id.ts";

/** Global sessions that this learner's clients used since the leader last asked (PP 5.4). */
export class TouchedSessions {
  #timeouts = new SessionMap<number>();

  add(id: SessionId, timeoutMs: number): void {
    this.#timeouts.set(id, timeoutMs);
  }

  /** All of them, once. */
  take(): SessionRecord[] {
    const records: SessionRecord[] = [];
    for (const [id, timeoutMs] of this.#timeouts.entries()) records.push({ id, timeoutMs });
    this.#timeouts = new SessionMap();
    return records;
  }
}
