import type { ByteSink, Connection, Peer } from "../../../core/contracts/transport.ts";
import { FrameCutter } from "../../../core/wire/frame.ts";
import { JuteReader, JuteWriter } from "../../../core/wire/jute.ts";
import { XIDS } from "../../../core/wire/opcodes.ts";
import {
  type ConnectRequest,
  type ConnectResponse,
  readConnectResponse,
  readWatcherEvent,
  writeConnectRequest,
} from "../../../core/wire/records.ts";
import { NO_SESSION } from "../../../core/wire/session_id.ts";
import type { Server } from "../../../mod.ts";
import { settle } from "../manual_clock.ts";

/** A reply or, with the xid -1, an event, as it came. */
export interface Reply {
  readonly xid: number;
  readonly zxid: number;
  readonly error: number;
  readonly body: Uint8Array;
}

/** A client's end of a connection that does exactly what a test says. */
export class Line implements Connection {
  readonly peer: Peer;
  /** What the transport says it holds. */
  bufferedBytes = 0;
  /** What writes are answered: whether the transport takes more. */
  takesMore = true;
  isPaused = false;
  /** The server will send no more. */
  hasEnded = false;
  /** The server closed at once. */
  isDestroyed = false;
  /** Set when the server refused the connection. */
  readonly isRefused: boolean;
  /** Sizes of the server's writes, one by one. */
  readonly writeSizes: number[] = [];
  readonly #frames: Uint8Array[] = [];
  readonly #cutter: FrameCutter;
  readonly #sink: ByteSink | undefined;

  constructor(server: Server, address = "10.0.0.1") {
    this.peer = { address, port: 4_000, secure: false, certificateSubject: undefined };
    this.#cutter = new FrameCutter(
      {
        frame: (bytes, start, end) => {
          this.#frames.push(bytes.slice(start, end));
          return true;
        },
        badLength: (length) => {
          throw new Error(`the server sent a frame of ${length} bytes`);
        },
      },
      64 * 1024 * 1024,
    );
    this.#sink = server.accept(this);
    this.isRefused = this.#sink === undefined;
  }

  /** A connection with a session. */
  static async open(
    server: Server,
    wanted: Partial<ConnectRequest> = {},
  ): Promise<{ readonly line: Line; readonly session: ConnectResponse }> {
    const line = new Line(server);
    const session = await line.connect(wanted);
    if (session === undefined) throw new Error("the server closed during the handshake");
    return { line, session };
  }

  get isClosed(): boolean {
    return this.hasEnded || this.isDestroyed;
  }

  write(bytes: Uint8Array): boolean {
    this.writeSizes.push(bytes.length);
    if (!this.isClosed) this.#cutter.push(bytes.slice());
    return this.takesMore;
  }

  end(): void {
    this.hasEnded = true;
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.#sink?.closed();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  /** Sends frames in one chunk. */
  send(...frames: readonly Uint8Array[]): void {
    const bytes = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const frame of frames) {
      bytes.set(frame, at);
      at += frame.length;
    }
    if (!this.isDestroyed) this.#sink?.chunk(bytes);
    bytes.fill(0xee); // Chunks are valid during the call only.
  }

  /** The transport takes more again. */
  drain(): void {
    this.takesMore = true;
    this.bufferedBytes = 0;
    this.#sink?.writable();
  }

  /** The network breaks the connection. */
  cut(): void {
    this.destroy();
  }

  /** Sends a handshake. @returns the answer, or undefined when the server closed instead. */
  async connect(wanted: Partial<ConnectRequest> = {}): Promise<ConnectResponse | undefined> {
    const writer = new JuteWriter();
    writer.int(0);
    writeConnectRequest(writer, {
      protocolVersion: 0,
      lastZxidSeen: 0,
      timeoutMs: 10_000,
      sessionId: NO_SESSION,
      password: new Uint8Array(16),
      readOnly: undefined,
      ...wanted,
    });
    writer.intAt(0, writer.length - 4);
    this.send(writer.copy());
    await settle();
    const frame = this.#frames.shift();
    return frame === undefined ? undefined : readConnectResponse(new JuteReader(frame));
  }

  /** What came since the last look, in order. */
  take(): Reply[] {
    return this.#frames.splice(0).map((frame) => {
      const reader = new JuteReader(frame);
      const [xid, zxid, error] = [reader.int(), reader.long(), reader.int()];
      return { xid, zxid, error, body: frame.slice(16) };
    });
  }

  /** As {@link take}, in short: `xid:error`, or `type path` for an event. */
  takeShort(): string[] {
    return this.take().map(({ xid, error, body }) => {
      if (xid !== XIDS.notification) return `${xid}:${error}`;
      const { type, path } = readWatcherEvent(new JuteReader(body));
      return `event ${type} ${path}`;
    });
  }

  /** What comes in a while, in short: for requests that are done a few at a time. */
  async takeMore(): Promise<string[]> {
    const answers: string[] = [];
    for (let i = 0; i < 20; i++) {
      await settle();
      answers.push(...this.takeShort());
    }
    return answers;
  }

  /** Sends and waits for what comes of it, in short. */
  async ask(...frames: readonly Uint8Array[]): Promise<string[]> {
    this.send(...frames);
    await settle();
    return this.takeShort();
  }
}
