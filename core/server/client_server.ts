import type { Auditor } from "../contracts/audit.ts";
import type { AuthProvider, SaslExchange } from "../contracts/auth.ts";
import type { Cancel, Clock } from "../contracts/clock.ts";
import type { Consensus, WriteRequest } from "../contracts/consensus.ts";
import type { Entropy } from "../contracts/entropy.ts";
import type { Logger } from "../contracts/logger.ts";
import type { Metrics } from "../contracts/metrics.ts";
import type { SessionTracker, SessionTracking } from "../contracts/sessions.ts";
import type { ByteSink, Connection, FirstBytes } from "../contracts/transport.ts";
import { InvariantError } from "../errors/invariant.ts";
import { Tree } from "../tree/tree.ts";
import { ChangeFeed } from "../watch/changes.ts";
import { Delivery } from "../watch/delivery.ts";
import { SessionFeed } from "../watch/state.ts";
import { getInt, putInt } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import { NO_SESSION, type SessionId } from "../wire/session_id.ts";
import { authenticate } from "./authenticate.ts";
import { ClientConnection } from "./connection.ts";
import { ConnectionLimits } from "./connection_limits.ts";
import { ConnectionThrottle } from "./connection_throttle.ts";
import type { ServerContext } from "./context.ts";
import { FirstBytesSink } from "./first_bytes.ts";
import { Handshake } from "./handshake.ts";
import { makesEphemeral } from "./local_upgrade.ts";
import type { ServerOptions } from "./options.ts";
import { Output } from "./output.ts";
import { OutstandingLimit } from "./outstanding_limit.ts";
import { Permissions } from "./permissions.ts";
import { RareWarning } from "./rare_warning.ts";
import { Reads } from "./reads.ts";
import { refuse } from "./refuse.ts";
import { ServerReplica } from "./replica.ts";
import { answerBare } from "./reply.ts";
import { RequestThrottle } from "./request_throttle.ts";
import { RequestWarnings } from "./request_warnings.ts";
import { ROUTE, routeOf } from "./routes.ts";
import { answerSasl } from "./sasl.ts";
import { SessionIds } from "./session_ids.ts";
import { type ServerSession, ServerSessions } from "./sessions.ts";
import { Statistics } from "./statistics.ts";
import { WatchTable } from "./watches.ts";

/** The contracts that a server is built on. */
export interface ServerParts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly consensus: Consensus;
  readonly tracking: SessionTracking;
  readonly authProviders: readonly AuthProvider[];
  readonly auditors: readonly Auditor[];
}

/**
 * Serves clients from a replica: connections, sessions, watches, reads, and writes on their way.
 */
export class ClientServer implements ServerContext {
  readonly options: ServerOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly consensus: Consensus;
  readonly permissions: Permissions;
  readonly output: Output = new Output();
  readonly statistics: Statistics;
  readonly handshake: Handshake;
  readonly connectionThrottle: ConnectionThrottle;
  readonly sessions: ServerSessions;
  readonly sessionIds: SessionIds;
  readonly localTracker: SessionTracker;
  readonly dataWatches: WatchTable<ClientConnection> = new WatchTable();
  readonly childWatches: WatchTable<ClientConnection> = new WatchTable();
  readonly saslExchanges: WeakMap<ClientConnection, SaslExchange> = new WeakMap();
  readonly changes: ChangeFeed;
  readonly sessionEvents: SessionFeed;
  readonly replica: ServerReplica;
  readonly auditors: readonly Auditor[];
  /** Connections whose frames are read; those of four-letter words are in {@link claimed}. */
  readonly connections: Set<ClientConnection> = new Set();
  /** Connections that something else than frames took, and when, in monotonic ms. */
  readonly claimed: Map<Connection, number> = new Map();
  #firstBytes: readonly FirstBytes[] = [];
  #requestThrottle: RequestThrottle | undefined;
  readonly #reads: Reads;
  readonly #outstanding: OutstandingLimit;
  readonly #limits: ConnectionLimits;
  readonly #request: { -readonly [K in keyof WriteRequest]: WriteRequest[K] };
  readonly #delivery: Delivery;
  readonly #largeRefused: RareWarning;
  #ticking: Cancel | undefined;

  constructor(parts: ServerParts, options: ServerOptions, failed: (error: unknown) => void) {
    this.options = options;
    this.clock = parts.clock;
    this.logger = parts.logger.child("server");
    this.#largeRefused = new RareWarning(this.logger, this.clock);
    this.consensus = parts.consensus;
    this.auditors = parts.auditors;
    this.permissions = new Permissions(parts.authProviders, options.skipAcl);
    const { clock, logger } = this;
    const isAlone = this.consensus.ensemble === undefined;
    const life = { serverId: options.serverId, beganMs: clock.wallTime() };
    this.sessions = new ServerSessions(isAlone ? undefined : life);
    const warnings = new RequestWarnings({ clock, logger, metrics: parts.metrics }, options);
    this.statistics = new Statistics(parts.metrics, warnings);
    this.#limits = new ConnectionLimits(options, this.statistics, this.logger, this.clock);
    this.#outstanding = new OutstandingLimit(this);
    const { connectionThrottle, requestThrottle } = options;
    this.connectionThrottle = new ConnectionThrottle(
      connectionThrottle,
      parts.clock,
      parts.entropy,
    );
    if (requestThrottle.maxRequests > 0) {
      this.#requestThrottle = new RequestThrottle(requestThrottle, this);
    }
    this.handshake = new Handshake(this);
    this.sessionIds = new SessionIds(options.serverId, parts.clock.wallTime(), parts.entropy);
    this.localTracker = parts.tracking.create(options.tickTimeMs);
    this.#delivery = new Delivery(parts.clock, parts.logger);
    this.changes = new ChangeFeed(this.#delivery);
    this.sessionEvents = new SessionFeed(this.#delivery);
    this.#reads = new Reads(this);
    this.#request = {
      session: NO_SESSION,
      cxid: 0,
      opcode: 0,
      bytes: NOTHING,
      bodyStart: 0,
      bodyEnd: 0,
      ids: [],
    };
    const hashSeed = parts.entropy.uint32() | 0;
    const extendedTypes = options.extendedTypesEnabled;
    this.replica = new ServerReplica(this, {
      changes: this.changes,
      delivery: this.#delivery,
      makeTree: () => new Tree({ hashSeed, extendedTypes }),
      failed,
    });
  }

  get tree(): Tree {
    return this.replica.tree;
  }

  get turnMs(): number {
    return this.replica.turnMs;
  }

  /** Begins to look after connections and sessions; `firstBytes` may take new connections. */
  start(firstBytes: readonly FirstBytes[]): void {
    this.#firstBytes = firstBytes;
    this.#ticking = this.clock.every(this.options.tickTimeMs, () => this.#tick());
  }

  /** Closes every connection. */
  stop(): void {
    this.#ticking?.();
    this.output.flush();
    this.disconnectAll();
    for (const connection of [...this.claimed.keys()]) connection.destroy();
    this.#delivery.complete();
  }

  /** Closes the connections of all clients, as when this server may not serve them any more. */
  disconnectAll(): void {
    for (const connection of [...this.connections]) connection.destroy();
    this.sessions.clear();
    this.#outstanding.clear();
    this.#requestThrottle?.clear();
    for (const auditor of this.auditors) auditor.abandoned();
  }

  /** Takes a new connection, unless there are too many (`maxClientCnxns`, `maxCnxns`). */
  accept(transport: Connection): ByteSink | undefined {
    const { address } = transport.peer;
    const total = this.connections.size + this.claimed.size;
    if (!this.#limits.admits(address, total)) return undefined;
    const connection = new ClientConnection(transport, this);
    this.connections.add(connection);
    this.statistics.accepted(transport.peer);
    if (this.#firstBytes.length === 0) return connection;
    return new FirstBytesSink(connection, this.#firstBytes, {
      claimed: () => {
        this.connections.delete(connection);
        this.claimed.set(transport, this.clock.now());
        this.statistics.packetsReceived += 1;
        this.statistics.packetsSent += 1;
      },
      closed: () => {
        this.claimed.delete(transport);
        this.#limits.left(address);
      },
    });
  }

  touch(session: ServerSession): void {
    if (session.isLocal) {
      this.localTracker.touch(session.id, session.timeoutMs, this.clock.now());
    } else {
      this.consensus.touch(session.id, session.timeoutMs);
    }
  }

  routeFor(connection: ClientConnection, type: number): number {
    if (!this.#mayRequest(connection, type)) return ROUTE.refused;
    const isLocal = connection.session?.isLocal === true;
    if (isLocal && type === OPCODES.closeSession) return ROUTE.barrier;
    const route = routeOf(type);
    const needsQuorum = route === ROUTE.write || route === ROUTE.sync;
    return needsQuorum && this.consensus.status.serving === "read-only" ? ROUTE.read : route;
  }

  #mayRequest(connection: ClientConnection, type: number): boolean {
    const { enforceAuthSchemes } = this.options;
    if (enforceAuthSchemes.length === 0) return true;
    if (type === OPCODES.auth || type === OPCODES.sasl) return true;
    return connection.ids.some((id) => enforceAuthSchemes.includes(id.scheme));
  }

  execute(connection: ClientConnection, bytes: Uint8Array, start: number, end: number): void {
    const type = getInt(bytes, start + 4);
    const route = this.routeFor(connection, type);
    if (!this.#mayRequest(connection, type)) {
      refuse(this, connection, getInt(bytes, start), "SessionClosedRequireSaslAuth");
    } else if (route === ROUTE.read || route === ROUTE.sync) {
      this.#reads.execute(connection, bytes, start, end);
    } else if (type === OPCODES.auth) {
      authenticate(this, connection, bytes, start, end);
    } else if (type === OPCODES.sasl) {
      answerSasl(this, connection, bytes, start, end);
    } else if (type === OPCODES.closeSession && connection.session !== undefined) {
      this.#closeLocal(connection, connection.session, getInt(bytes, start));
    } else {
      refuse(this, connection, getInt(bytes, start), "Unimplemented");
    }
  }

  submit(connection: ClientConnection, bytes: Uint8Array, start: number, end: number): void {
    const { session } = connection;
    if (session === undefined) return;
    const { largeRequestBytes } = this.options;
    if (largeRequestBytes !== -1 && this.#isTooLarge(connection, end - start)) return;
    const throttle = this.#requestThrottle;
    if (throttle?.takes(connection, session, bytes.subarray(start, end)) === true) return;
    this.submitNow(connection, bytes, start, end);
  }

  /** Hands a write to consensus: `bytes[start..end)` is xid, type, body. */
  submitNow(connection: ClientConnection, bytes: Uint8Array, start: number, end: number): void {
    const { session } = connection;
    if (session === undefined) return;
    const request = this.#request;
    request.session = session.id;
    request.cxid = getInt(bytes, start) ^ session.xidMask;
    request.opcode = getInt(bytes, start + 4);
    request.bytes = bytes;
    request.bodyStart = start + 8;
    request.bodyEnd = end;
    request.ids = connection.ids;
    if (session.isLocal) this.#prepareLocal(session, request);
    for (const auditor of this.auditors) auditor.submitted(request, connection.transport.peer);
    this.consensus.submit(request);
  }

  submitCreateSession(id: SessionId, timeoutMs: number): void {
    const bytes = new Uint8Array(4);
    putInt(bytes, 0, timeoutMs);
    this.submitOwn(id, OPCODES.createSession, bytes);
  }

  /** Submits a request of the server itself, with xid 0. */
  submitOwn(session: SessionId, opcode: number, body: Uint8Array): void {
    this.consensus.submit({
      session,
      cxid: 0,
      opcode,
      bytes: body,
      bodyStart: 0,
      bodyEnd: body.length,
      ids: [],
    });
  }

  sync(connection: ClientConnection): void {
    this.#outstanding.syncBegun();
    this.consensus.sync(connection.session?.id ?? NO_SESSION, () => {
      this.#outstanding.syncDone();
      connection.syncDone();
    });
  }

  throttle(connection: ClientConnection): boolean {
    return this.#outstanding.holds(connection);
  }

  /** Lets connections that were held back by {@link throttle} go on; after a run of deliveries. */
  wakeThrottled(): void {
    this.#requestThrottle?.advance();
    this.#outstanding.wake();
  }

  broke(connection: ClientConnection, error: unknown): void {
    const client = connection.transport.peer.address;
    this.logger.error("closing a connection: its request met a bug", { client, error });
    connection.destroy();
    if (error instanceof InvariantError) this.replica.failed(error);
  }

  disconnected(connection: ClientConnection): void {
    this.dataWatches.removeAll(connection);
    this.childWatches.removeAll(connection);
    this.#outstanding.disconnected(connection);
    this.#requestThrottle?.disconnected(connection);
    if (!this.connections.delete(connection)) return;
    this.statistics.connectionsDropped.value += 1;
    this.#limits.left(connection.transport.peer.address);
  }

  /** A local session that needs more becomes global. */
  #prepareLocal(session: ServerSession, request: WriteRequest): void {
    const body = request.bytes.subarray(request.bodyStart, request.bodyEnd);
    const upgrades = this.options.localSessionsUpgradingEnabled;
    if (!upgrades || !makesEphemeral(request.opcode, body)) return;
    session.isLocal = false;
    this.localTracker.remove(session.id);
    this.submitCreateSession(session.id, session.timeoutMs);
  }

  /** A local session ends without a transaction. */
  #closeLocal(connection: ClientConnection, session: ServerSession, xid: number): void {
    this.localTracker.remove(session.id);
    this.sessions.forget(session.id);
    const request = { type: OPCODES.closeSession, xid, zxid: this.tree.lastZxid };
    answerBare(this.output, connection, request, undefined);
    connection.close();
  }

  /** Closes the connection of a large request when too many bytes are under way. */
  #isTooLarge(connection: ClientConnection, sizeBytes: number): boolean {
    const { largeRequestBytes, largeRequestBytesMax } = this.options;
    const { statistics } = this;
    if (sizeBytes <= largeRequestBytes || statistics.outstandingBytes <= largeRequestBytesMax) {
      return false;
    }
    statistics.largeRejected.value += 1;
    const client = connection.transport.peer.address;
    this.#largeRefused.say("closing a connection: too much is under way for a large request", {
      client,
      sizeBytes,
    });
    connection.writesUnderWay -= 1; // It was never submitted.
    connection.destroy();
    return true;
  }

  #tick(): void {
    const now = this.clock.now();
    for (const connection of [...this.connections]) this.#lookAfter(connection, now);
    for (const [transport, sinceMs] of [...this.claimed]) {
      if (now - sinceMs > this.options.sessionlessTimeoutMs) transport.destroy();
    }
    for (const id of this.localTracker.expire(now)) {
      this.localTracker.remove(id);
      this.sessions.get(id)?.connection?.destroy();
      this.sessions.forget(id);
    }
  }

  #lookAfter(connection: ClientConnection, now: number): void {
    const { session } = connection;
    const silentMs = now - connection.heardMs;
    if (connection.isClosing) {
      if (silentMs > CLOSING_MS_MAX) connection.destroy();
    } else if (session === undefined) {
      // From its beginning on: bytes that come one by one are no handshake.
      if (now - connection.beganMs < this.options.sessionlessTimeoutMs) return;
      this.statistics.sessionlessExpired.value += 1;
      connection.destroy();
    } else if (connection.unreadMs(now) > Math.max(session.timeoutMs, UNREAD_MS_MIN)) {
      this.logger.warn("closing a connection: client takes none of its answers", {
        client: connection.transport.peer.address,
      });
      connection.destroy(); // Or a dead client would keep its session for as long as TCP tries.
    } else if (connection.isHeld) {
      this.touch(session); // We do not read it, so its silence says nothing (D20).
    } else if (silentMs > session.timeoutMs) {
      connection.destroy();
    }
  }
}

/** Least time for a client to take some of its answers, ms: a slow line needs it for a buffer. */
const UNREAD_MS_MIN = 30_000;
/** Time for a client to take its last bytes and go, ms. */
const CLOSING_MS_MAX = 5000;
const NOTHING = new Uint8Array(0);
