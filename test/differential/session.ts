import { Connection } from "./connection.ts";
import { type EncodeContext, encodeOp } from "./encode.ts";
import { decodeBody, type Normaliser } from "./normalise.ts";
import type { Identity, Op } from "./program.ts";
import { saslToken } from "./sasl_token.ts";
import type { ConnectedEntry, Entry } from "./transcript.ts";
import { clientTls } from "./variants.ts";
import { FrameReader, FrameWriter } from "./wire.ts";

const EVENT_XID = -1;
const PING_XID = -2;
const AUTH_XID = -4;
const SET_WATCHES_XID = -8;
const REPLY_HEADER_BYTES = 16;
/** How long an answer may take before the transcript says that there is none. */
const ANSWER_MS_MAX = 10_000;
export const TIMEOUT_MS = 60_000;
/** Below the least that the servers give. */
export const SHORTEST_MS = 0;

export type SessionOptions = {
  readonly port: number;
  /** Where the server listens for TLS. */
  readonly tlsPort: number;
  readonly normaliser: Normaliser;
  /** The xids that the session uses again and again; left out, it counts. */
  readonly xids?: readonly number[] | undefined;
  /** The local address to connect from, one of 127.0.0.0/8; 127.0.0.1 when left out. */
  readonly address?: string | undefined;
};

/** One session of a program on one server, over as many connections as it takes. */
export class Session {
  /** Last zxid seen in any reply. */
  lastZxid = 0n;
  /** All that was sent, oldest first. */
  readonly requests: Op[] = [];
  normaliser: Normaliser;
  readonly #options: SessionOptions;
  #connection: Connection | undefined;
  #id = 0n;
  #password: Uint8Array = new Uint8Array(16);
  /** Places in `requests` of those not answered yet, oldest first. */
  #owed: number[] = [];
  #greeted = true;
  #endTold = true;
  #entries: Entry[] = [];
  /** The server's last token of SASL. */
  #challenge = "";

  constructor(options: SessionOptions) {
    this.#options = options;
    this.normaliser = options.normaliser;
  }

  get connected(): boolean {
    return this.#connection !== undefined && !this.#connection.closed;
  }

  get exists(): boolean {
    return this.#id !== 0n;
  }

  /** The label of the present session id. */
  get label(): string {
    return this.normaliser.label(this.#id);
  }

  /**
   * Connects: re-attaches the session where there is one, and begins a long one where it has
   * ended. Where the auth packet follows in the same write, the server has to keep it behind the
   * unfinished handshake.
   */
  async connect(timeoutMs: number, identity: Identity): Promise<void> {
    const wasNew = !this.exists;
    const [, way, credentials = ""] = /^(sasl|digest|x509):?(.*)$/.exec(identity ?? "") ?? [];
    await this.#hello(0n, timeoutMs, this.#password, way === "x509");
    if (identity !== null && way === undefined) this.send([digest(identity)]);
    await this.#settle();
    if (way === "digest" && this.exists) await this.request([digest(credentials)]);
    if (way === "sasl" && this.exists) await this.#logIn(credentials);
    if (!wasNew && !this.exists) await this.connect(TIMEOUT_MS, identity);
  }

  /** Re-attaches while the former connection is open, which the server then has to close. */
  async steal(): Promise<void> {
    const former = this.#connection;
    await this.connect(TIMEOUT_MS, null);
    await former?.until(() => false, ANSWER_MS_MAX);
    if (former?.closed) this.#entries.push({ kind: "closed" });
    former?.cut();
  }

  /**
   * Tries to re-attach in a way that a server refuses; the session lives on without a connection.
   */
  async intrude(kind: "wrongPassword" | "zxidAhead"): Promise<void> {
    const [id, password] = [this.#id, this.#password];
    const wrong = kind === "wrongPassword";
    await this.#hello(wrong ? 0n : 2n ** 62n, TIMEOUT_MS, wrong ? new Uint8Array(16) : password);
    await this.#settle();
    await this.ended(ANSWER_MS_MAX);
    [this.#id, this.#password] = [id, password];
  }

  /** Writes all of `ops` at once. */
  send(ops: readonly Op[]): void {
    const { root, baseZxid } = this.normaliser;
    const context: EncodeContext = { root, baseZxid, lastZxid: this.lastZxid };
    const frames = new FrameWriter();
    for (const op of ops) {
      frames.raw(encodeOp(op, this.#xidOf(op), context));
      this.#owed.push(this.requests.length);
      this.requests.push(op);
    }
    this.#connection?.write(frames.body());
  }

  async request(ops: readonly Op[]): Promise<void> {
    this.send(ops);
    await this.#settle();
  }

  /** Waits until every event caused so far has arrived: a ping travels behind them. */
  async barrier(): Promise<void> {
    if (this.connected) await this.request([{ op: "ping" }]);
  }

  /** Cuts the connection; the session lives on. */
  cut(): void {
    this.#endTold = true;
    this.#connection?.cut();
  }

  /** Waits, silently, until the server ends the connection. */
  async ended(ms: number): Promise<void> {
    await this.#connection?.until(() => false, ms);
    this.#read();
  }

  /** The entries since the last call. */
  take(): Entry[] {
    this.#read();
    return this.#entries.splice(0);
  }

  async #logIn(identity: string): Promise<void> {
    await this.request([{ op: "sasl" }]);
    await this.request([{ op: "sasl", token: saslToken(identity, this.#challenge) }]);
    // Who is refused is told so, and the connection ends.
    if (this.#challenge === "") await this.ended(ANSWER_MS_MAX);
  }

  async #hello(
    lastZxid: bigint,
    timeoutMs: number,
    password: Uint8Array,
    isByTls = false,
  ): Promise<void> {
    const { port, tlsPort, address } = this.#options;
    this.#connection = await (isByTls
      ? Connection.dial(tlsPort, address, clientTls())
      : Connection.dial(port, address));
    [this.#greeted, this.#endTold, this.#owed] = [false, false, []];
    const hello = new FrameWriter().int(0).long(lastZxid).int(timeoutMs).long(this.#id);
    this.#connection.write(hello.buffer(password).bool(false).frame());
  }

  async #settle(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    const answered = (): boolean => {
      this.#read();
      return this.#greeted && this.#owed.length === 0;
    };
    const inTime = await connection.until(answered, ANSWER_MS_MAX);
    if (!inTime) this.#entries.push({ kind: "silent", missing: this.#owed.length });
    if (!inTime) this.#owed = [];
    this.#read();
  }

  #read(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    for (const frame of connection.frames.splice(0)) {
      if (this.#greeted) this.#entries.push(this.#entryOf(frame));
      else this.#greet(frame);
    }
    if (!connection.closed || this.#endTold) return;
    this.#endTold = true;
    this.#entries.push(this.#greeted ? { kind: "closed" } : this.#connected("closed", 0));
  }

  #greet(frame: Uint8Array): void {
    this.#greeted = true;
    const reader = new FrameReader(frame);
    reader.int();
    const [timeoutMs, id] = [reader.int(), reader.long()];
    const password = reader.buffer() ?? new Uint8Array(0);
    const as = id === 0n ? "refused" : id === this.#id ? "resumed" : "new";
    [this.#id, this.#password] = [id, password];
    this.#entries.push(this.#connected(as, timeoutMs));
  }

  #connected(as: ConnectedEntry["as"], timeoutMs: number): ConnectedEntry {
    return { kind: "connected", as, timeoutMs, session: this.label };
  }

  #entryOf(frame: Uint8Array): Entry {
    const reader = new FrameReader(frame);
    const [xid, zxid, err] = [reader.int(), reader.long(), reader.int()];
    const to = this.normaliser;
    if (xid === EVENT_XID) {
      const [type, state] = [reader.int(), reader.int()];
      return { kind: "event", type, state, path: to.path(reader.text()), zxid: to.zxid(zxid) };
    }
    if (zxid > this.lastZxid) this.lastZxid = zxid;
    const request = this.#owed.shift() ?? -1;
    const op = nameOf(this.requests[request]);
    if (op === "closeSession" && err === 0) this.#id = 0n;
    const none = err !== 0 && reader.left() === 0;
    if (op === "sasl") this.#challenge = tokenOf(frame);
    const body = none ? null : decodeBody(op, reader, to);
    return { kind: "reply", op, request, xid, zxid: to.zxid(zxid), err, body };
  }

  #xidOf(op: Op): number {
    const count = this.requests.length;
    const { xids } = this.#options;
    if (xids !== undefined) return xids[count % xids.length] ?? 0;
    if (op.op === "ping") return PING_XID;
    if (op.op === "auth") return AUTH_XID;
    if (op.op === "setWatches" || op.op === "setWatches2") return SET_WATCHES_XID;
    return count;
  }
}

function digest(auth: string): Op {
  return { op: "auth", scheme: "digest", auth };
}

/** The token in a reply to SASL; empty where there is none. */
function tokenOf(frame: Uint8Array): string {
  return new TextDecoder().decode(frame.subarray(REPLY_HEADER_BYTES + 4));
}

/** The request's own name, also where it was sent garbled. */
function nameOf(op: Op | undefined): string {
  if (op === undefined) return "nobody";
  return op.op === "garbled" ? op.of.op : op.op;
}
