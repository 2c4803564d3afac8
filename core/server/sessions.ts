import { type SessionId, SessionMap } from "../wire/session_id.ts";
import type { ClientConnection } from "./connection.ts";

/** A session that has, or just had, a connection to this server. */
export class ServerSession {
  readonly id: SessionId;
  readonly timeoutMs: number;
  /** Known to this server only, until it is upgraded. */
  isLocal: boolean;
  connection: ClientConnection | undefined;
  /**
   * What is added bit by bit (exclusive or) to the xids of this connection in its transactions, by
   * which they are known as the answers to its requests. In an ensemble another server may hold the
   * session too for a while, for a client that uses the same xids. 0 for a server that is alone.
   */
  readonly xidMask: number;
  /**
   * Writes of connections that are gone whose transactions have not come yet. They come before
   * those of the present connection, which must not take them for its own: xids may be equal.
   */
  orphanCount = 0;
  /** Bytes of these requests, and of reads behind them. */
  orphanBytes = 0;

  constructor(
    id: SessionId,
    kind: { readonly timeoutMs: number; readonly isLocal: boolean },
    xidMask: number,
  ) {
    this.id = id;
    this.timeoutMs = kind.timeoutMs;
    this.isLocal = kind.isLocal;
    this.xidMask = xidMask;
  }
}

/** The sessions served here, by id. */
export class ServerSessions {
  readonly #byId = new SessionMap<ServerSession>();
  /** Undefined where no other server can hold a session of this one. */
  readonly #maskSeed: number | undefined;
  #attachedCount = 0;
  /** Writes under way whose clients have left, of all sessions. */
  orphanCount = 0;
  /** Bytes of these requests. */
  orphanBytes = 0;

  /** @param life what tells this server of an ensemble from others; undefined for one alone. */
  constructor(life: { readonly serverId: number; readonly beganMs: number } | undefined) {
    if (life !== undefined) this.#maskSeed = Math.imul(life.serverId, SERVERS_APART) + life.beganMs;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: SessionId): ServerSession | undefined {
    return this.#byId.get(id);
  }

  getHalves(high: number, low: number): ServerSession | undefined {
    return this.#byId.getHalves(high, low);
  }

  /**
   * Gives a session to a connection; a former connection of the same session is closed.
   *
   * @param kind `timeoutMs` is the time-out negotiated now.
   */
  attach(
    id: SessionId,
    connection: ClientConnection,
    kind: { readonly timeoutMs: number; readonly isLocal: boolean },
  ): ServerSession {
    const session = new ServerSession(id, kind, this.#nextMask());
    const former = this.#byId.get(id);
    if (former !== undefined) {
      former.connection?.destroy();
      session.orphanCount = former.orphanCount;
      session.orphanBytes = former.orphanBytes;
    }
    session.connection = connection;
    this.#byId.set(id, session);
    return session;
  }

  /**
   * The connection of a session is gone, with writes under way.
   *
   * @param sizeBytes of these requests.
   */
  detach(session: ServerSession, writesUnderWay: number, sizeBytes: number): void {
    session.connection = undefined;
    if (this.#byId.get(session.id) !== session) return;
    if (writesUnderWay > 0) this.#count(session, writesUnderWay, sizeBytes);
    if (session.orphanCount === 0) this.#byId.delete(session.id);
  }

  /** One transaction of a former connection has come. */
  adopt(session: ServerSession): void {
    this.#count(session, -1, -session.orphanBytes / session.orphanCount);
    const idle = session.orphanCount === 0 && session.connection === undefined;
    if (idle && this.#byId.get(session.id) === session) this.#byId.delete(session.id);
  }

  /** A write of a former connection was given up: its transaction will never come. */
  withdraw(id: SessionId): void {
    const session = this.#byId.get(id);
    if (session !== undefined && session.orphanCount > 0) this.adopt(session);
  }

  /** The session is no more. */
  forget(id: SessionId): void {
    const session = this.#byId.get(id);
    if (session === undefined) return;
    this.#count(session, -session.orphanCount, -session.orphanBytes);
    this.#byId.delete(id);
  }

  clear(): void {
    this.#byId.clear();
    this.orphanCount = 0;
    this.orphanBytes = 0;
  }

  #nextMask(): number {
    if (this.#maskSeed === undefined) return 0;
    this.#attachedCount += 1;
    return Math.imul(this.#maskSeed + this.#attachedCount, CONNECTIONS_APART);
  }

  #count(session: ServerSession, count: number, sizeBytes: number): void {
    session.orphanCount += count;
    session.orphanBytes += sizeBytes;
    this.orphanCount += count;
    this.orphanBytes += sizeBytes;
  }

  values(): IterableIterator<ServerSession> {
    return this.#byId.values();
  }
}

/** Odd numbers whose multiples lie far apart in 32 bits. */
const SERVERS_APART = 0x85ebca6b;
const CONNECTIONS_APART = 0x9e3779b1;
