import type { SaslExchange } from "../contracts/auth.ts";
import type { Clock } from "../contracts/clock.ts";
import type { Consensus } from "../contracts/consensus.ts";
import type { Logger } from "../contracts/logger.ts";
import type { SessionTracker } from "../contracts/sessions.ts";
import type { Tree } from "../tree/tree.ts";
import type { SessionId } from "../wire/session_id.ts";
import type { ClientConnection } from "./connection.ts";
import type { ConnectionThrottle } from "./connection_throttle.ts";
import type { Handshake } from "./handshake.ts";
import type { ServerOptions } from "./options.ts";
import type { Output } from "./output.ts";
import type { Permissions } from "./permissions.ts";
import type { SessionIds } from "./session_ids.ts";
import type { ServerSession, ServerSessions } from "./sessions.ts";
import type { Statistics } from "./statistics.ts";
import type { WatchTable } from "./watches.ts";

/** What the parts of one server share; `ClientServer` is the one that fills it. */
export interface ServerContext {
  readonly options: ServerOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly consensus: Consensus;
  readonly permissions: Permissions;
  readonly output: Output;
  readonly statistics: Statistics;
  readonly handshake: Handshake;
  readonly connectionThrottle: ConnectionThrottle;
  readonly sessions: ServerSessions;
  /** Issues ids for this server's sessions. */
  readonly sessionIds: SessionIds;
  /** Tracks sessions that live on this server only. */
  readonly localTracker: SessionTracker;
  /** Watches set by getData, exists and addWatch. */
  readonly dataWatches: WatchTable<ClientConnection>;
  /** Watches set by getChildren, and persistent ones. */
  readonly childWatches: WatchTable<ClientConnection>;
  /** SASL logins that were begun, also when they are over. */
  readonly saslExchanges: WeakMap<ClientConnection, SaslExchange>;
  /** The applied state; another object after a snapshot was installed. */
  readonly tree: Tree;
  /** Monotonic ms at the beginning of the present run of deliveries. */
  readonly turnMs: number;
  /** A session's client was heard of. */
  touch(session: ServerSession): void;
  /**
   * How a connection's request is treated, one of `ROUTE`: refused when the rule that clients must
   * authenticate forbids it; the closing of a local session needs no transaction.
   */
  routeFor(connection: ClientConnection, type: number): number;
  /** Executes a request that needs no transaction: `bytes[start..end)` is xid, type, body. */
  execute(connection: ClientConnection, bytes: Uint8Array, start: number, end: number): void;
  /** Hands a write to consensus: `bytes[start..end)` is xid, type, body. */
  submit(connection: ClientConnection, bytes: Uint8Array, start: number, end: number): void;
  submitCreateSession(id: SessionId, timeoutMs: number): void;
  /** Asks for a barrier; `connection.syncDone` follows. */
  sync(connection: ClientConnection): void;
  /** Whether too much is under way for this connection to be read; it is woken up later. */
  throttle(connection: ClientConnection): boolean;
  /**
   * A request of a connection met a bug of ours: closes it; a broken invariant stops the server.
   */
  broke(connection: ClientConnection, error: unknown): void;
  /** A connection is gone; called once for each. */
  disconnected(connection: ClientConnection): void;
}
