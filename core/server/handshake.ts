import { ZkError } from "../errors/zk_error.ts";
import { JuteReader } from "../wire/jute.ts";
import {
  type ConnectRequest,
  type ConnectResponse,
  readConnectRequest,
  writeConnectResponse,
} from "../wire/records.ts";
import { NO_SESSION, type SessionId } from "../wire/session_id.ts";
import type { ClientConnection } from "./connection.ts";
import type { ServerContext } from "./context.ts";
import { sessionTimeoutMax, sessionTimeoutMin } from "./options.ts";
import { RareWarning } from "./rare_warning.ts";
import { isSessionPassword, PASSWORD_BYTES, sessionPassword } from "./session_ids.ts";

/**
 * Gives connections their sessions: new ones through consensus, known ones after a look at the
 * password, in Apache's order of decisions (CP 2.2, 2.4) but for the password, which is looked at
 * before an older connection of the session is closed.
 */
export class Handshake {
  readonly #context: ServerContext;
  readonly #refused: RareWarning;
  readonly #minMs: number;
  readonly #maxMs: number;

  constructor(context: ServerContext) {
    this.#context = context;
    this.#refused = new RareWarning(context.logger, context.clock);
    this.#minMs = sessionTimeoutMin(context.options);
    this.#maxMs = sessionTimeoutMax(context.options);
  }

  /** Takes the first frame of a connection. */
  connect(connection: ClientConnection, frame: Uint8Array): void {
    const { consensus, statistics, tree } = this.#context;
    const request = parse(frame);
    if (!this.#isAdmitted(connection, request)) return connection.destroy();
    statistics.connectionRequests.value += 1;
    const { serving } = consensus.status;
    if (request === undefined || serving === "none") return connection.destroy();
    if (serving === "read-only" && request.readOnly !== true) return connection.destroy();
    // The client has seen a later state than ours: it must try another server (CP 2.2).
    if (request.lastZxidSeen > tree.lastZxid) return connection.destroy();
    if (request.sessionId.isZero) this.#create(connection, request);
    else this.#reattach(connection, request);
  }

  #isAdmitted(connection: ClientConnection, request: ConnectRequest | undefined): boolean {
    const { connectionThrottle, options, statistics } = this.#context;
    const newKind = options.localSessionsEnabled ? "local" : "global";
    const isRenewal = request !== undefined && !request.sessionId.isZero;
    if (connectionThrottle.admits(isRenewal ? "renew" : newKind)) {
      statistics.tokenDeficit.observe(connectionThrottle.deficit);
      return true;
    }
    statistics.connectionsRejected.value += 1;
    this.#refused.say("too many handshakes, one is refused", {
      client: connection.transport.peer.address,
    });
    return false;
  }

  /** The transaction that creates a session has been applied. */
  created(id: SessionId): void {
    const session = this.#context.sessions.get(id);
    if (session?.connection?.isHandshaking === true) this.#accept(session.connection);
  }

  #create(connection: ClientConnection, request: ConnectRequest): void {
    const { options, sessionIds, localTracker, clock } = this.#context;
    const id = sessionIds.issue();
    const timeoutMs = this.#negotiate(request.timeoutMs);
    const readOnly = this.#context.consensus.status.serving === "read-only";
    const isLocal = options.localSessionsEnabled || readOnly;
    this.#attach(connection, id, request, { timeoutMs, isLocal });
    if (isLocal) {
      localTracker.add(id, timeoutMs, clock.now());
      this.#accept(connection);
    } else {
      this.#context.submitCreateSession(id, timeoutMs);
    }
  }

  #reattach(connection: ClientConnection, request: ConnectRequest): void {
    const { sessionId: id } = request;
    const { localTracker, clock, consensus, output, statistics } = this.#context;
    if (!isSessionPassword(id, request.password)) return this.#refuse(connection, request);
    const timeoutMs = this.#negotiate(request.timeoutMs);
    const answer = (alive: boolean, isLocal: boolean): void => {
      if (connection.isClosed) return;
      if (!alive) return this.#refuse(connection, request);
      statistics.revalidations.value += 1;
      this.#attach(connection, id, request, { timeoutMs, isLocal });
      this.#accept(connection);
      output.flush();
    };
    if (localTracker.isAlive(id)) {
      localTracker.touch(id, timeoutMs, clock.now());
      return answer(true, true);
    }
    if (consensus.status.serving === "read-only") return connection.destroy();
    consensus.revalidate(id, timeoutMs, (alive) => answer(alive, false));
  }

  #attach(
    connection: ClientConnection,
    id: SessionId,
    request: ConnectRequest,
    kind: { readonly timeoutMs: number; readonly isLocal: boolean },
  ): void {
    connection.session = this.#context.sessions.attach(id, connection, kind);
    connection.wantsReadOnlyByte = request.readOnly !== undefined;
  }

  #accept(connection: ClientConnection): void {
    const { session } = connection;
    if (session === undefined) return;
    const readOnly = this.#context.consensus.status.serving === "read-only";
    this.#respond(connection, {
      timeoutMs: session.timeoutMs,
      sessionId: session.id,
      password: sessionPassword(session.id),
      readOnly: connection.wantsReadOnlyByte ? readOnly : undefined,
    });
    connection.open();
  }

  /** Says that the session is gone for good; the client will give it up. */
  #refuse(connection: ClientConnection, request: ConnectRequest): void {
    this.#respond(connection, {
      timeoutMs: 0,
      sessionId: NO_SESSION,
      password: new Uint8Array(PASSWORD_BYTES),
      readOnly: request.readOnly === undefined ? undefined : false,
    });
    connection.close();
  }

  #respond(connection: ClientConnection, response: ConnectResponse): void {
    const out = this.#context.output.open(connection);
    const at = out.reserve(4);
    writeConnectResponse(out, response);
    out.intAt(at, out.length - at - 4);
    connection.counters.sent += 1;
    this.#context.statistics.packetsSent += 1;
  }

  #negotiate(wantedMs: number): number {
    return Math.min(Math.max(wantedMs, this.#minMs), this.#maxMs);
  }
}

function parse(frame: Uint8Array): ConnectRequest | undefined {
  try {
    return readConnectRequest(new JuteReader(frame));
  } catch (error) {
    if (error instanceof ZkError) return undefined;
    throw error;
  }
}
