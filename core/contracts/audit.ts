import type { ErrorName } from "../errors/zk_error.ts";
import type { WriteRequest } from "./consensus.ts";
import { type Token, token } from "./token.ts";
import type { Peer } from "./transport.ts";

/** A transaction that has just been applied, and what its client is answered. */
export interface AppliedWrite {
  /** Halves of the session's id. */
  readonly sessionHigh: number;
  readonly sessionLow: number;
  readonly cxid: number;
  /** Type of the transaction, one of `OPCODES`; `error` for a write that was refused. */
  readonly type: number;
  /** Why it was refused; undefined when it had an effect, and for a multi that failed. */
  readonly error: ErrorName | undefined;
  /** Body of the answer. */
  readonly reply: Uint8Array;
  /** Body of the transaction, and what follows it. */
  readonly txn: Uint8Array;
}

/**
 * Hears who wants to write and what comes of it. Every call is synchronous and must be quick; bytes
 * are valid during the call only. Without an auditor nothing of this costs anything.
 */
export interface Auditor {
  /** A client's request is on its way to consensus; requests of one session in their order. */
  submitted(request: WriteRequest, peer: Peer): void;
  /** A transaction of any client of any server was applied, not in the replay at a start. */
  applied(write: AppliedWrite): void;
  /** Writes that were submitted may never be applied: this server serves nobody any more. */
  abandoned(): void;
  /** The server lets clients in, or could not start. */
  started(isServing: boolean): void;
  /** A server that had started begins to stop. */
  stopping(): void;
}

/** Many. */
export const AUDITOR: Token<Auditor> = token("auditor");
