/**
 * A server that does what a test says, frame by frame, and a clock that the test moves.
 *
 * ```ts
 * const server = new ScriptedServer();
 * const zk = new ZooKeeperClient({ servers: [server], clock: server.clock });
 * const ready = zk.connect();
 * const line = await server.accept();
 * await ready;
 * ```
 */

import { type ClientOptions, type ErrorName, ZkError, ZooKeeperClient } from "../../client/mod.ts";
import type { Cancel, Clock } from "../../core/contracts/clock.ts";
import type { ByteSink, Connection, Dialer } from "../../core/contracts/transport.ts";
import { FrameCutter } from "../../core/wire/frame.ts";
import { JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import {
  type ConnectRequest,
  readConnectRequest,
  type Stat,
  writeConnectResponse,
  writeStat,
  writeWatcherEvent,
} from "../../core/wire/records.ts";
import { SessionId } from "../../core/wire/session_id.ts";

/** Time stands still until {@link advance}; deferred tasks run in the next turn. */
export class ManualClock implements Clock {
  #now = 1_000;
  #timers: { at: number; periodMs: number; task: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#now;
  }

  after(delayMs: number, task: () => void): Cancel {
    return this.#add(delayMs, 0, task);
  }

  every(periodMs: number, task: () => void): Cancel {
    return this.#add(periodMs, periodMs, task);
  }

  defer(task: () => void): void {
    setImmediate(task);
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  /** Runs what becomes due, in order, and lets promises settle in between. */
  async advance(ms: number): Promise<void> {
    await turn();
    const until = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#now = Math.max(this.#now, due.at);
      if (due.periodMs > 0) due.at += due.periodMs;
      else this.#timers = this.#timers.filter((timer) => timer !== due);
      due.task();
      await turn();
    }
    this.#now = until;
    await turn();
  }

  #add(delayMs: number, periodMs: number, task: () => void): Cancel {
    const timer = { at: this.#now + delayMs, periodMs, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
}

/** Lets everything that is ready run. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A request as it came. */
export interface ReceivedRequest {
  readonly xid: number;
  readonly type: number;
  /** Stands behind the header. */
  readonly body: JuteReader;
}

/** A queue that is awaited. */
class Mailbox<T> {
  readonly #items: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];

  get size(): number {
    return this.#items.length;
  }

  put(item: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#items.push(item);
    else taker(item);
  }

  take(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => this.#takers.push(resolve));
  }
}

/** One connection, seen from the server. */
export class ServerLine implements Connection {
  readonly peer = { address: "scripted", port: 0, secure: false, certificateSubject: undefined };
  readonly #requests = new Mailbox<ReceivedRequest>();
  readonly #connects = new Mailbox<ConnectRequest>();
  readonly #cutter: FrameCutter;
  #sink!: ByteSink;
  #isConnected = false;
  isClosed = false;
  /** Writes of the client, each one call. */
  readonly writeSizes: number[] = [];
  /** What the client is told by its next writes. */
  takesMore = true;
  bufferedBytes = 0;

  constructor() {
    this.#cutter = new FrameCutter({
      frame: (bytes, start, end) => {
        this.#received(new JuteReader(bytes.slice(start, end)));
        return true;
      },
      badLength: (length) => {
        throw new Error(`the client sent a frame of ${length} bytes`);
      },
    });
  }

  attach(sink: ByteSink): void {
    this.#sink = sink;
  }

  write(bytes: Uint8Array): boolean {
    if (this.isClosed) return true;
    this.writeSizes.push(bytes.length);
    this.#cutter.push(bytes.slice());
    return this.takesMore;
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    setImmediate(() => this.#sink.closed());
  }

  pause(): void {}

  resume(): void {}

  /** The client's first frame. */
  hello(): Promise<ConnectRequest> {
    return this.#connects.take();
  }

  /** Its next request. */
  next(): Promise<ReceivedRequest> {
    return this.#requests.take();
  }

  /** Requests that came and were not taken. */
  get pendingCount(): number {
    return this.#requests.size;
  }

  welcome(session = 0x77n, timeoutMs = 3_000, readOnly = false): void {
    this.#frame((writer) =>
      writeConnectResponse(writer, {
        timeoutMs,
        sessionId: SessionId.fromBigInt(session),
        password: new Uint8Array(16).fill(7),
        readOnly,
      }),
    );
  }

  refuse(): void {
    this.welcome(0n, 0);
  }

  reply(xid: number, zxid: number, code = 0, body?: (writer: JuteWriter) => void): void {
    this.sendBytes(replyFrame(xid, zxid, code, body));
  }

  notify(type: number, path: string, zxid = -1): void {
    this.sendBytes(notificationFrame(type, path, zxid));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#sink.chunk(bytes);
  }

  /** There is room again after `takesMore` was false. */
  drained(): void {
    this.#sink.writable();
  }

  /** The server goes away. */
  hangUp(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#sink.ended();
    this.#sink.closed();
  }

  #frame(write: (writer: JuteWriter) => void): void {
    this.sendBytes(frameOf(write));
  }

  #received(reader: JuteReader): void {
    if (!this.#isConnected) {
      this.#isConnected = true;
      return this.#connects.put(readConnectRequest(reader));
    }
    this.#requests.put({ xid: reader.int(), type: reader.int(), body: reader });
  }
}

export class ScriptedServer implements Dialer {
  readonly clock: ManualClock;
  readonly #lines = new Mailbox<ServerLine>();
  /** When set, attempts fail. */
  isDown = false;
  attempts = 0;

  constructor(clock: ManualClock = new ManualClock()) {
    this.clock = clock;
  }

  async dial(open: (connection: Connection) => ByteSink): Promise<Connection> {
    this.attempts += 1;
    if (this.isDown) throw new Error("down");
    const line = new ServerLine();
    line.attach(open(line));
    this.#lines.put(line);
    return line;
  }

  /** The next connection, before its handshake. */
  answer(): Promise<ServerLine> {
    return this.#lines.take();
  }

  /** The next connection, with a session. */
  async accept(session?: bigint, timeoutMs?: number): Promise<ServerLine> {
    const line = await this.answer();
    await line.hello();
    line.welcome(session, timeoutMs);
    return line;
  }
}

const SILENT = {
  debug(): void {},
  info(): void {},
  warn(): void {},
  error(): void {},
  child: () => SILENT,
};

/** A client with a session on a scripted server. */
export async function connected(
  options: Partial<ClientOptions> = {},
  server: ScriptedServer = new ScriptedServer(),
): Promise<{ readonly zk: ZooKeeperClient; readonly server: ScriptedServer; line: ServerLine }> {
  const zk = new ZooKeeperClient({
    servers: [server],
    clock: server.clock,
    logger: SILENT,
    ...options,
  });
  const ready = zk.connect();
  const line = await server.accept();
  await ready;
  return { zk, server, line };
}

/** Closes a client and answers its closeSession. */
export async function closeBoth(zk: ZooKeeperClient, line: ServerLine): Promise<void> {
  const closed = zk.close();
  while (!line.isClosed) {
    const { xid, type } = await line.next();
    if (type === -11) line.reply(xid, 1_000);
    await turn();
  }
  await closed;
}

export function frameOf(write: (writer: JuteWriter) => void): Uint8Array {
  const writer = new JuteWriter();
  writer.int(0);
  write(writer);
  writer.intAt(0, writer.length - 4);
  return writer.copy();
}

export function replyFrame(
  xid: number,
  zxid: number,
  code = 0,
  body?: (writer: JuteWriter) => void,
): Uint8Array {
  return frameOf((writer) => {
    writer.int(xid);
    writer.long(zxid);
    writer.int(code);
    body?.(writer);
  });
}

export function notificationFrame(type: number, path: string, zxid = -1): Uint8Array {
  return replyFrame(-1, zxid, 0, (writer) => writeWatcherEvent(writer, { type, state: 3, path }));
}

/** A Stat of a znode that was created at one zxid and last set at another. */
export function statAt(czxid: number, mzxid: number = czxid, pzxid: number = czxid): Stat {
  return {
    czxid,
    mzxid,
    ctime: 1,
    mtime: 1,
    version: 0,
    cversion: 0,
    aversion: 0,
    ephemeralOwner: 0n,
    dataLength: 0,
    numChildren: 0,
    pzxid,
  };
}

/** The body of getData's reply. */
export function dataBody(text: string, stat: Stat): (writer: JuteWriter) => void {
  return (writer) => {
    writer.buffer(new TextEncoder().encode(text));
    writeStat(writer, stat);
  };
}

/** The body of getChildren2's reply. */
export function childrenBody(names: readonly string[], stat: Stat): (writer: JuteWriter) => void {
  return (writer) => {
    writer.strings(names);
    writeStat(writer, stat);
  };
}

/** The kind of error that a promise rejects with. */
export async function kindOf(promise: Promise<unknown>): Promise<ErrorName | string> {
  try {
    await promise;
    return "no error";
  } catch (error) {
    return error instanceof ZkError ? error.kind : String(error);
  }
}

/** Closes a client that has no connection; nothing of it stays behind. */
export async function closing(zk: ZooKeeperClient, server: ScriptedServer): Promise<void> {
  await zk.close();
  if (server.clock.timerCount > 0) throw new Error("a timer was left behind");
}
