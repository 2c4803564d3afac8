import type { ByteSink, Connection } from "../contracts/transport.ts";
import type { ErrorName } from "../errors/zk_error.ts";
import { FrameCutter, type FrameSink } from "../wire/frame.ts";
import { getInt, type JuteWriter } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import type { Id } from "../wire/records.ts";
import { ConnectionCounters } from "./connection_counters.ts";
import type { ServerContext } from "./context.ts";
import type { Outlet } from "./output.ts";
import { beginReply, endReply } from "./reply.ts";
import { RequestQueue } from "./request_queue.ts";
import { ROUTE, routeOf } from "./routes.ts";
import type { ServerSession } from "./sessions.ts";
import { hasSpace, UnreadOutput } from "./unread_output.ts";
import type { Watcher, WatchTable } from "./watches.ts";

/** Output gathered at which it is sent before more requests are executed, bytes. */
const OUTPUT_BYTES_MAX = 256 * 1024;
/** xid and type; a shorter frame closes the connection. */
const REQUEST_HEADER_BYTES = 8;
/** Nodes and paths visited for a connection before others have their turn, about 2 ms. */
const EFFORT_MAX = 20_000;

/**
 * One client's connection: cuts its frames, executes each request at the head of the line, and
 * sends replies and events in the order of execution (D1). Writes are submitted when read and keep
 * their place in the queue until their transaction comes.
 */
export class ClientConnection implements ByteSink, FrameSink, Outlet, Watcher {
  readonly transport: Connection;
  readonly watched: Map<WatchTable<Watcher>, Set<string>> = new Map();
  readonly counters: ConnectionCounters = new ConnectionCounters();
  /** Wall time of the connection's beginning. */
  readonly establishedMs: number;
  pending: JuteWriter | undefined;
  shared: Uint8Array | undefined;
  /** Who the client is. Replaced as a whole, so that a request may keep the list. */
  ids: readonly Id[];
  session: ServerSession | undefined;
  /** Whether the client's handshake had the read-only byte; the answer has it too then. */
  wantsReadOnlyByte = false;
  /** Monotonic ms at which bytes came last. */
  heardMs: number;
  /** Monotonic ms of the connection's beginning. */
  readonly beganMs: number;
  /** Nodes and paths visited for its requests since others had their turn. */
  effort = 0;
  readonly #context: ServerContext;
  readonly #cutter: FrameCutter;
  readonly #queue = new RequestQueue();
  readonly #unread = new UnreadOutput();
  #phase: "new" | "handshaking" | "open" | "closing" | "closed" = "new";
  /** Input is not looked at for now. */
  #held = false;
  /** A request that must be executed before the next is looked at waits in the queue. */
  #barrier = false;
  /** The transport wants no more. */
  #blocked = false;
  /** Its requests took long; others have their turn. */
  #resting = false;
  #inputEnded = false;
  /** Writes submitted whose transaction has not come. */
  writesUnderWay = 0;
  #syncsDone = 0;

  constructor(transport: Connection, context: ServerContext) {
    this.transport = transport;
    this.#context = context;
    this.#cutter = new FrameCutter(this, context.options.frameBytesMax);
    this.beganMs = context.clock.now();
    this.heardMs = this.beganMs;
    this.establishedMs = context.clock.wallTime();
    this.ids = context.permissions.identify(transport.peer);
  }

  /** Requests received and not answered. */
  get queued(): number {
    return this.#queue.count;
  }

  get isHandshaking(): boolean {
    return this.#phase === "handshaking";
  }

  get isClosed(): boolean {
    return this.#phase === "closed";
  }

  /** True while the server does not read on purpose: silence is not the client's then. */
  get isHeld(): boolean {
    return this.#held;
  }

  /** For how long the client has taken nothing of the output that waits for it, ms. */
  unreadMs(now: number): number {
    return this.#blocked ? this.#unread.waitedMs(now, this.transport.bufferedBytes) : 0;
  }

  /** True once it only waits for its last bytes to leave and the client to go. */
  get isClosing(): boolean {
    return this.#phase === "closing";
  }

  chunk(bytes: Uint8Array): void {
    if (this.#phase === "closing" || this.#phase === "closed") return;
    const { clock, statistics, output } = this.#context;
    const began = clock.now();
    this.heardMs = began;
    statistics.bytesReceived.value += bytes.length;
    if (this.session !== undefined) this.#context.touch(this.session);
    const before = this.counters.sent;
    this.#cutter.push(bytes);
    output.flush();
    const answered = this.counters.sent - before;
    if (answered === 0) return;
    const now = clock.now();
    this.#took(now, began, answered);
    statistics.readLatency.observe(now - began, answered);
  }

  frame(bytes: Uint8Array, start: number, end: number): boolean {
    const goOn =
      this.#phase === "open" ? this.#receive(bytes, start, end) : this.#connect(bytes, start, end);
    if (!goOn) this.#hold();
    return goOn;
  }

  badLength(lengthBytes: number): void {
    this.#context.logger.info("closing a connection: frame of a bad length", {
      client: this.transport.peer.address,
      lengthBytes,
    });
    this.destroy();
  }

  writable(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#unread.sent();
    this.advance();
    this.#context.output.flush();
  }

  ended(): void {
    this.#inputEnded = true;
    if (this.#queue.count === 0) this.#finish();
  }

  closed(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.pending = undefined;
    this.shared = undefined;
    const { statistics, sessions } = this.#context;
    statistics.outstanding -= this.#queue.count;
    const sizeBytes = this.#queue.clear();
    statistics.outstandingBytes -= sizeBytes;
    if (this.session !== undefined) sessions.detach(this.session, this.writesUnderWay, sizeBytes);
    this.#context.disconnected(this);
  }

  flushed(drained: boolean): void {
    if (!drained) this.#blocked = true;
  }

  /** Closes at once. */
  destroy(): void {
    if (this.#phase === "closed") return;
    this.transport.destroy();
    this.closed();
  }

  /** The handshake succeeded and its answer has been appended; requests may be executed. */
  open(): void {
    this.#phase = "open";
    this.advance();
  }

  /** Closes once what has been appended so far is sent; nothing more is executed. */
  close(): void {
    this.#finish();
    // Read on, or the client's own end is never seen.
    if (this.#held) this.transport.resume();
  }

  /** Whether the request at the head of the line is a closeSession with this xid. */
  awaitsClose(cxid: number): boolean {
    return this.awaits(cxid) && this.#queue.headType === OPCODES.closeSession;
  }

  /** Whether the write at the head of the line is the one with this xid. */
  awaits(cxid: number): boolean {
    const queue = this.#queue;
    if (this.writesUnderWay === 0 || queue.count === 0) return false;
    const route = routeOf(queue.headType);
    return queue.headXid === cxid && (route === ROUTE.write || route === ROUTE.close);
  }

  /**
   * The write at the head has been applied; `body` holds the reply's body. Then everything behind
   * it is executed, up to the next write.
   */
  complete(error: ErrorName | undefined, body: JuteWriter): void {
    const queue = this.#queue;
    const { headType: type, headXid: xid, headArrivalMs: arrivalMs } = queue;
    this.writesUnderWay -= 1;
    this.#shift();
    const out = this.#context.output.open(this);
    const at = beginReply(out, xid, this.#context.tree.lastZxid);
    if (error === undefined) out.rawPart(body.bytes, 0, body.length);
    endReply(out, at, error);
    this.answered(type, xid, out.length - at);
    const { turnMs: now } = this.#context;
    const tookMs = Math.max(0, (now - arrivalMs) | 0);
    this.#context.statistics.updateLatency.observe(tookMs);
    this.#took(now, now - tookMs);
    if (type === OPCODES.closeSession) this.close();
    else this.advance();
  }

  /** Executes the reads before a write that is about to be applied: they must not see it. */
  catchUp(): void {
    if (this.#blocked || this.#resting) this.#drain(true);
  }

  /** The leader has answered the oldest sync of this connection. */
  syncDone(): void {
    this.#syncsDone += 1;
    this.advance();
  }

  /** Executes what can be executed, then reads on if nothing speaks against it. */
  advance(): void {
    this.#drain();
    if (this.#held && this.#mayRead()) {
      this.#held = false;
      this.heardMs = this.#context.clock.now(); // Its silence so far was ours (D20).
      this.transport.resume();
      this.#cutter.resume();
    }
    if (this.#inputEnded && this.#queue.count === 0) this.#finish();
  }

  /** Appends a notification; closes the connection if too much is unsent already (D20). */
  notify(frame: Uint8Array): void {
    if (this.#phase !== "open" || !hasSpace(this, this.#context)) return;
    const { output, statistics } = this.#context;
    output.append(this, frame);
    this.counters.sent += 1;
    statistics.notified(frame.length);
  }

  /** Counts a reply that has been appended. */
  answered(type: number, xid: number, sizeBytes: number): void {
    const { statistics, tree } = this.#context;
    this.counters.answered(type, xid, tree.lastZxid);
    statistics.packetsSent += 1;
    statistics.responded(this, sizeBytes);
  }

  #connect(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#phase !== "new") return false;
    this.#phase = "handshaking";
    this.#context.statistics.packetsReceived += 1;
    try {
      this.#context.handshake.connect(this, bytes.subarray(start, end));
    } catch (error) {
      this.#context.broke(this, error);
    }
    return this.#mayRead();
  }

  // A method, since the compiler does not see that calls change the phase.
  #isOpen(): boolean {
    return this.#phase === "open";
  }

  /** Takes one request frame. @returns whether the next may be looked at. */
  #receive(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < REQUEST_HEADER_BYTES) {
      this.destroy();
      return false;
    }
    this.counters.received += 1;
    this.#context.statistics.packetsReceived += 1;
    const type = getInt(bytes, start + 4);
    const route = this.#context.routeFor(this, type);
    if (route === ROUTE.read && this.#queue.count === 0 && !this.#blocked) {
      this.#execute(bytes, start, end);
      return this.#afterExecution();
    }
    return this.#enqueue(route, bytes, start, end);
  }

  #enqueue(route: number, bytes: Uint8Array, start: number, end: number): boolean {
    const isWrite = route === ROUTE.write || route === ROUTE.close;
    this.#context.statistics.outstanding += 1;
    this.#context.statistics.outstandingBytes += end - start;
    // Of a write only xid and type are needed again: its body is on its way.
    const keptBytes = isWrite ? REQUEST_HEADER_BYTES : end - start;
    this.#queue.push(bytes, start, end, this.heardMs | 0, keptBytes);
    if (isWrite) {
      this.writesUnderWay += 1;
      this.#submit(bytes, start, end);
      if (route === ROUTE.close) this.#barrier = true;
    } else if (route === ROUTE.sync) {
      this.#context.sync(this);
    } else if (route !== ROUTE.read) {
      this.#barrier = true;
      this.#drain();
    }
    return this.#mayRead();
  }

  /** Executes from the head of the queue up to a write or sync that is under way. */
  #drain(mustGoOn = false): void {
    const queue = this.#queue;
    while (queue.count > 0 && this.#isOpen()) {
      if (mustGoOn ? !hasSpace(this, this.#context) : this.#blocked || this.#resting) return;
      const route = this.#context.routeFor(this, queue.headType);
      if (route === ROUTE.write || route === ROUTE.close) return;
      if (route === ROUTE.sync) {
        if (this.#syncsDone === 0) return;
        this.#syncsDone -= 1;
      }
      this.#execute(queue.bytes, queue.headStart, queue.headEnd);
      if (route !== ROUTE.read && route !== ROUTE.sync) this.#barrier = false;
      if (queue.count > 0) this.#shift();
      this.#afterExecution();
    }
  }

  /** A request that breaks the code costs its connection, not the server. */
  #execute(bytes: Uint8Array, start: number, end: number): void {
    try {
      this.#context.execute(this, bytes, start, end);
    } catch (error) {
      this.#context.broke(this, error);
    }
  }

  #submit(bytes: Uint8Array, start: number, end: number): void {
    try {
      this.#context.submit(this, bytes, start, end);
    } catch (error) {
      this.writesUnderWay -= 1;
      this.#context.broke(this, error);
    }
  }

  /** Lets others have their turn after requests that took long. */
  #rest(): void {
    this.effort = 0;
    this.#resting = true;
    this.#context.clock.after(0, () => {
      this.#resting = false;
      this.advance();
      this.#context.output.flush();
    });
  }

  /** Sends early what would pile up. @returns whether more may be executed. */
  #afterExecution(): boolean {
    if (this.effort > EFFORT_MAX && !this.#resting) this.#rest();
    if ((this.pending?.length ?? 0) > OUTPUT_BYTES_MAX) this.#context.output.flush();
    return !this.#blocked && !this.#resting && this.#isOpen();
  }

  #shift(): void {
    this.#context.statistics.outstandingBytes -= this.#queue.headWeightBytes;
    this.#queue.shift();
    this.#context.statistics.outstanding -= 1;
  }

  #mayRead(): boolean {
    if (!this.#isOpen() || this.#barrier || this.#blocked || this.#resting) return false;
    return this.#queue.hasRoom && !this.#context.throttle(this);
  }

  #hold(): void {
    if (this.#held || this.#phase === "closed") return;
    this.#held = true;
    if (this.#phase !== "closing") this.transport.pause();
  }

  #finish(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closing";
    this.heardMs = this.#context.clock.now();
    this.#context.output.flush();
    this.transport.end();
  }

  /** Notes how long requests took; those answered in one turn count alike. */
  #took(nowMs: number, arrivalMs: number, times = 1): void {
    const tookMs = nowMs - arrivalMs;
    this.counters.took(nowMs, tookMs);
    this.#context.statistics.took(this, tookMs, times);
  }
}
