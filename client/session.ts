import { BehaviorSubject } from "rxjs";
import { type ErrorName, ZkError } from "../core/errors/zk_error.ts";
import { getInt, type JuteReader, JuteWriter, putInt } from "../core/wire/jute.ts";
import { OPCODES, XIDS } from "../core/wire/opcodes.ts";
import { SessionId } from "../core/wire/session_id.ts";
import type { Zxid } from "../core/wire/zxid.ts";
import { Connector } from "./connector.ts";
import { Fifo } from "./fifo.ts";
import { connectFrame, FRESH_SESSION, type HeldSession, readConnectFrame } from "./handshake.ts";
import { Identities } from "./identities.ts";
import type { Link } from "./link.ts";
import type { Settings } from "./options.ts";
import { Request, type RequestOptions } from "./request.ts";
import { SaslLogin } from "./sasl.ts";
import type { ServerEntry } from "./servers.ts";
import type { ClientState, ClientStatus } from "./state.ts";

/** What a session asks of, and tells, the part that knows watches. Calls come in wire order. */
export interface SessionUser {
  /** A notification; the reader is valid during the call only. */
  notified(reader: JuteReader, zxid: Zxid): void;
  /** The frames that set all watches again, their lengths included. */
  watchFrames(relativeZxid: Zxid): Uint8Array[];
  /** The server did not take one of those frames. */
  watchesRefused(code: number): void;
  /** Connected, watches are on their way, and what is asked now is answered after them. */
  attached(): void;
  /** The session is over; one-shot watches will not fire. */
  sessionEnded(): void;
}

const FINAL: Partial<Record<ClientStatus, ErrorName>> = {
  expired: "SessionExpired",
  closed: "SessionExpired",
  "auth-failed": "AuthFailed",
};
const PING_FRAME = new Uint8Array([0, 0, 0, 8, 255, 255, 255, 254, 0, 0, 0, OPCODES.ping]);
const XID_MAX = 0x7fff_ffff;
/** Where xid and type stand in a frame. */
const XID_OFFSET = 4;
const TYPE_OFFSET = 8;

/**
 * A session with an ensemble: keeps one connection, sends requests in the order they are made and
 * settles them in the order of the replies, and re-attaches when the connection is lost.
 */
export class Session {
  readonly #settings: Settings;
  readonly #user: SessionUser;
  readonly #connector: Connector;
  readonly #identities: Identities;
  readonly #scratch = new JuteWriter(1024);
  readonly #waiting = new Fifo<Request<unknown>>();
  #sent = new Fifo<Request<unknown>>();
  #waitingBytes = 0;
  #held: HeldSession;
  #hasSeenReadWrite: boolean;
  #timeoutMs = 0;
  #lastZxid: Zxid = 0;
  #lastXid = 0;
  #link: Link | undefined;
  /** A connection that is not ours to use before its login is over. */
  #login: { readonly sasl: SaslLogin; readonly link: Link; attach(): void } | undefined;
  #closing: Promise<void> | undefined;
  readonly state: BehaviorSubject<ClientState>;

  constructor(settings: Settings, user: SessionUser) {
    this.#settings = settings;
    this.#user = user;
    this.#identities = new Identities(settings.auth);
    const { session } = settings;
    this.#held =
      session === undefined
        ? FRESH_SESSION
        : { id: SessionId.fromBigInt(session.id), password: session.password };
    this.#hasSeenReadWrite = session !== undefined;
    this.state = new BehaviorSubject<ClientState>(this.#stateOf("connecting", undefined));
    this.#connector = new Connector(settings, {
      hello: () => connectFrame(this.#held, this.#lastZxid, settings),
      welcomed: (link, server, reader) => this.#welcomed(link, server, reader),
      frame: (reader) => this.#frame(reader),
      settled: () => this.#pump(),
      idle: () => this.#link?.send(PING_FRAME),
      lost: (link, reason) => this.#lost(link, reason),
    });
  }

  /** Begins to connect, once. */
  start(): void {
    this.#connector.start();
  }

  get held(): HeldSession {
    return this.#held;
  }

  /** The zxid of the newest reply. */
  get lastZxid(): Zxid {
    return this.#lastZxid;
  }

  /** True while requests go straight to a server. */
  get isAttached(): boolean {
    return this.#link !== undefined;
  }

  /** Begins a request: its body goes to the writer, then comes {@link finish}, without a pause. */
  begin(opcode: number): JuteWriter {
    const writer = this.#scratch;
    writer.clear();
    writer.int(0);
    writer.int(0);
    writer.int(opcode);
    return writer;
  }

  /** Sends the request that {@link begin} began, or lets it wait. */
  finish<T>(options: RequestOptions<T>): Promise<T> {
    const scratch = this.#scratch;
    const request = new Request<T>(getInt(scratch.bytes, TYPE_OFFSET), options);
    if (request.isSettled) return request.promise;
    const sizeBytes = scratch.length - 4;
    scratch.intAt(0, sizeBytes);
    const final = this.#final;
    const { requestBytesMax, waitingBytesMax, failsFast } = this.#settings;
    if (final !== undefined) {
      request.fail(final);
    } else if (sizeBytes > requestBytesMax) {
      request.fail("BadArguments", new Error(`a request of ${sizeBytes} bytes is too large`));
    } else if (this.#canSend && this.#waiting.size === 0) {
      this.#send(request as Request<unknown>, scratch.view());
    } else if (this.#link === undefined && failsFast) {
      request.fail("ConnectionLoss");
    } else if (this.#waitingBytes + sizeBytes > waitingBytesMax) {
      request.fail("ThrottledOp", new Error(`${this.#waiting.size} requests wait already`));
    } else {
      this.#wait(request as Request<unknown>, scratch.copy());
    }
    return request.promise;
  }

  /** Proves an identity now and on every later connection. */
  addAuth(scheme: string, data: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const request = new Request<void>(OPCODES.auth, { path: scheme, signal });
    if (request.isSettled) return request.promise;
    const final = this.#final;
    if (final !== undefined) {
      request.fail(final);
      return request.promise;
    }
    const frame = this.#identities.add(scheme, data, request);
    // While there is no connection it waits among the identities, which go out before requests.
    if (this.#link !== undefined) {
      this.#wait(request as Request<unknown>, frame);
      this.#pump();
    }
    return request.promise;
  }

  /** Ends the session after all requests made so far; resolves when the server has confirmed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (FINAL[this.state.value.status] !== undefined) return;
    if (this.#link !== undefined) {
      this.begin(OPCODES.closeSession);
      // A connection lost on the way leaves the session to its time-out; there is no more to do.
      await this.finish({}).catch(() => {});
    }
    this.#end("closed");
  }

  /** Why no more requests are taken; undefined while they are. */
  get #final(): ErrorName | undefined {
    return this.#closing === undefined ? FINAL[this.state.value.status] : "SessionExpired";
  }

  get #canSend(): boolean {
    const link = this.#link;
    return link?.isWritable === true && this.#sent.size < this.#settings.outstandingMax;
  }

  #wait(request: Request<unknown>, frame: Uint8Array): void {
    request.frame = frame;
    this.#waitingBytes += frame.length;
    this.#waiting.push(request);
  }

  #send(request: Request<unknown>, frame: Uint8Array): void {
    this.#lastXid = this.#lastXid === XID_MAX ? 1 : this.#lastXid + 1;
    request.xid = this.#lastXid;
    putInt(frame, XID_OFFSET, request.xid);
    this.#sent.push(request);
    this.#link?.send(frame);
  }

  #pump(): void {
    while (this.#canSend) {
      const request = this.#waiting.shift();
      if (request === undefined) return;
      const frame = request.frame as Uint8Array;
      request.frame = undefined;
      this.#waitingBytes -= frame.length;
      if (request.opcode === OPCODES.auth) this.#identities.send(request, this.#link as Link);
      else if (!request.isSettled) this.#send(request, frame);
    }
  }

  #frame(reader: JuteReader): void {
    const xid = reader.int();
    const zxid = reader.long();
    const code = reader.int();
    if (this.#login !== undefined) return this.#saslReplied(code, reader);
    if (xid === XIDS.notification) return this.#user.notified(reader, zxid);
    if (xid === XIDS.ping) return;
    if (xid === XIDS.auth) return this.#authReplied(code);
    if (xid === XIDS.setWatches) {
      if (code !== 0) this.#user.watchesRefused(code);
      return;
    }
    const request = this.#sent.shift();
    if (request === undefined || request.xid !== xid) {
      request?.fail("ConnectionLoss");
      throw new Error(`a reply with xid ${xid} where ${request?.xid ?? "none"} was due`);
    }
    if (zxid > this.#lastZxid) this.#lastZxid = zxid;
    request.reply(reader, zxid, code);
  }

  #authReplied(code: number): void {
    if (this.#identities.replied(code)) return;
    this.#settings.logger.error("an identity was refused", { code });
    this.#end("auth-failed");
  }

  #saslReplied(code: number, reader: JuteReader): void {
    const login = this.#login;
    const next = login?.sasl.replied(code, reader);
    if (next === undefined || next === "refused") {
      this.#settings.logger.error("the SASL login was refused", { code });
      this.#end("auth-failed");
    } else if (next === "proved") {
      this.#login = undefined;
      login?.attach();
    } else {
      login?.link.send(next);
    }
  }

  /** @returns whether the link may live. */
  #welcomed(link: Link, server: ServerEntry, reader: JuteReader): boolean {
    const response = readConnectFrame(reader);
    if (response.timeoutMs <= 0) {
      this.#expired();
      return false;
    }
    const isReadOnly = response.readOnly === true;
    this.#hasSeenReadWrite ||= !isReadOnly;
    this.#held = { id: response.sessionId, password: response.password };
    this.#timeoutMs = response.timeoutMs;
    link.watchLiveness(response.timeoutMs);
    const attach = (): void => this.#attach(link, isReadOnly ? "read-only" : "connected", server);
    const { sasl, entropy } = this.#settings;
    if (sasl === undefined) {
      attach();
    } else {
      this.#login = { sasl: new SaslLogin(sasl, entropy), link, attach };
      link.send(this.#login.sasl.begin());
    }
    return true;
  }

  #attach(link: Link, status: "connected" | "read-only", server: ServerEntry): void {
    this.#link = link;
    this.#identities.replay(link);
    for (const frame of this.#user.watchFrames(this.#lastZxid)) link.send(frame);
    this.state.next(this.#stateOf(status, server.name));
    this.#user.attached();
    this.#pump();
  }

  #lost(link: Link, reason: Error): void {
    if (link === this.#login?.link) this.#login = undefined;
    if (link !== this.#link) return;
    this.#link = undefined;
    const sent = this.#sent.drain();
    for (const request of sent) request.fail("ConnectionLoss", reason);
    if (this.#settings.failsFast) this.#failWaiting("ConnectionLoss", reason);
    // A session that a read-only server made up is known to that server alone.
    if (!this.#hasSeenReadWrite) this.#held = FRESH_SESSION;
    if (this.#closing === undefined) this.state.next(this.#stateOf("suspended", undefined));
  }

  #failWaiting(kind: ErrorName, cause?: unknown): void {
    this.#waitingBytes = 0;
    for (const request of this.#waiting.drain()) {
      if (request.opcode !== OPCODES.auth) request.fail(kind, cause);
    }
  }

  #expired(): void {
    this.#failWaiting("SessionExpired");
    if (!this.#settings.renewSession) return this.#end("expired");
    const expired = this.#stateOf("expired", undefined);
    this.#held = FRESH_SESSION;
    this.#hasSeenReadWrite = false;
    this.#timeoutMs = 0;
    this.#user.sessionEnded();
    this.state.next(expired);
    if (this.#closing === undefined) this.state.next(this.#stateOf("connecting", undefined));
  }

  #end(status: "expired" | "closed" | "auth-failed"): void {
    const kind = FINAL[status] as ErrorName;
    const last = this.#stateOf(status, undefined);
    const link = this.#link ?? this.#login?.link;
    this.#link = undefined;
    this.#connector.stop();
    link?.drop(new Error(`the client is ${status}`));
    for (const request of this.#sent.drain()) request.fail(kind);
    this.#failWaiting(kind);
    this.#identities.fail(kind);
    this.#user.sessionEnded();
    this.state.next(last);
    this.state.complete();
  }

  #stateOf(status: ClientStatus, server: string | undefined): ClientState {
    const sessionId = this.#held.id.toBigInt();
    return { status, sessionId, timeoutMs: this.#timeoutMs, server };
  }

  /** Resolves once there is a connection; rejects with the signal's reason or the final error. */
  whenAttached(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void) => {
        settle();
        signal?.removeEventListener("abort", aborted);
        // Subscribing to a state that is there already calls back before it returns.
        void Promise.resolve().then(() => subscription.unsubscribe());
      };
      const aborted = () => done(() => reject(signal?.reason));
      const subscription = this.state.subscribe(({ status }) => {
        const final = FINAL[status];
        if (status === "connected" || status === "read-only") done(resolve);
        else if (final !== undefined && this.#connector.isStopped) {
          done(() => reject(new ZkError(final)));
        }
      });
      if (signal?.aborted === true) aborted();
      else signal?.addEventListener("abort", aborted, { once: true });
    });
  }
}
