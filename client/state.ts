/** Where a client stands with its servers. */
export type ClientStatus =
  /** No session yet; attempts are under way. */
  | "connecting"
  | "connected"
  /** Connected to a server that has lost its quorum: reads only. */
  | "read-only"
  /** The connection is lost; the session may live on, attempts are under way. */
  | "suspended"
  /** The server has ended the session: its ephemeral znodes and watches are gone. */
  | "expired"
  /** An identity was refused; final. */
  | "auth-failed"
  /** `close()` was called; final. */
  | "closed";

/** A client's status with what belongs to it. */
export interface ClientState {
  readonly status: ClientStatus;
  /** As `ephemeralOwner` shows it: a signed int64; 0n without a session. */
  readonly sessionId: bigint;
  /** The time-out that the server granted, in ms; 0 without a session. */
  readonly timeoutMs: number;
  /** The server in use, as it was named in the options; undefined without a connection. */
  readonly server: string | undefined;
}
