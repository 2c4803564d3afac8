import type { SessionId } from "../../../core/wire/session_id.ts";
import type { Input } from "./input.ts";

/** What a server does between two elections: lead or learn. */
export interface Role {
  /** Why it is over; undefined while it is not. */
  readonly ended: string | undefined;
  /** When a tick is due, monotonic ms. */
  readonly nextTickMs: number;
  step(input: Input): void;
  /** A client's session was heard of. */
  touch(session: SessionId, timeoutMs: number): void;
  /** Closes what the role opened. Called once, when it is over or the server stops. */
  leave(): void;
}
