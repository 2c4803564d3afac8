import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { FrameCutter } from "../../core/wire/frame.ts";
import { getInt, JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import {
  type ConnectRequest,
  type ConnectResponse,
  readConnectResponse,
  writeConnectRequest,
} from "../../core/wire/records.ts";
import { NO_SESSION } from "../../core/wire/session_id.ts";

const REPLY_BYTES_MAX = 256 * 1024 * 1024;

/** A reply or event; `error` is 0 for events. */
export interface Reply {
  readonly xid: number;
  readonly error: number;
  readonly body: Uint8Array;
}

/** Where a server is attacked: on which port, and by TLS as whom. */
export interface Target {
  readonly port: number;
  readonly tls?: ConnectionOptions | undefined;
}

/** A client without manners: sends any bytes, and reads only if it is told to. */
export class RawClient {
  readonly socket: Socket;
  /** Set once the server will send no more. Our own half stays open. */
  isClosed = false;
  /** Bytes received. */
  received = 0;
  readonly #frames: Uint8Array[] = [];
  readonly #cutter: FrameCutter;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
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
      REPLY_BYTES_MAX,
    );
    socket.on("data", (chunk) => {
      this.received += chunk.length;
      this.#cutter.push(chunk);
      this.#wake();
    });
    socket.on("error", () => {}); // "close" follows.
    const ended = (): void => {
      this.isClosed = true;
      this.#wake();
    };
    socket.on("end", ended);
    socket.on("close", ended);
  }

  /** Connects, by TLS where that is asked for, and says nothing. */
  static async dial(target: Target): Promise<RawClient> {
    const socket = connectTo(target);
    await once(socket, target.tls === undefined ? "connect" : "secureConnect");
    return new RawClient(socket);
  }

  /** Connects and gets a session. */
  static async open(target: Target, wanted: Partial<ConnectRequest> = {}): Promise<RawClient> {
    const client = await RawClient.dial(target);
    await client.handshake(wanted);
    return client;
  }

  async handshake(wanted: Partial<ConnectRequest> = {}): Promise<ConnectResponse> {
    this.send(handshakeFrame(wanted));
    const frame = await this.frame();
    if (frame === undefined) throw new Error("the server closed during the handshake");
    return readConnectResponse(new JuteReader(frame));
  }

  send(...frames: readonly Uint8Array[]): void {
    if (!this.isClosed) this.socket.write(Buffer.concat(frames));
  }

  /** The next frame; undefined when the connection ended, or nothing came for `limitMs`. */
  async frame(limitMs = 30_000): Promise<Uint8Array | undefined> {
    const deadline = Date.now() + limitMs;
    while (this.#frames.length === 0 && !this.isClosed && Date.now() < deadline) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#frames.shift();
  }

  async reply(limitMs?: number): Promise<Reply | undefined> {
    const frame = await this.frame(limitMs);
    if (frame === undefined) return undefined;
    return { xid: getInt(frame, 0), error: getInt(frame, 12), body: frame.subarray(16) };
  }

  /** Sends one request and waits for its reply, over events. */
  async ask(frame: Uint8Array, limitMs?: number): Promise<Reply | undefined> {
    this.send(frame);
    const xid = getInt(frame, 4);
    for (;;) {
      const reply = await this.reply(limitMs);
      if (reply === undefined || reply.xid === xid) return reply;
    }
  }

  /** Resolves when the connection has ended. @returns false after `limitMs`. */
  async closed(limitMs: number): Promise<boolean> {
    const deadline = Date.now() + limitMs;
    while (!this.isClosed && Date.now() < deadline) await this.frame(deadline - Date.now());
    return this.isClosed;
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** A socket on its way. */
export function connectTo({ port, tls }: Target): Socket {
  const to = { port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true };
  return tls === undefined ? connect(to) : connectTls({ ...to, ...tls });
}

/** A client's first frame. */
export function handshakeFrame(wanted: Partial<ConnectRequest> = {}): Uint8Array {
  return framed((writer) =>
    writeConnectRequest(writer, {
      protocolVersion: 0,
      lastZxidSeen: 0,
      timeoutMs: 4_000,
      sessionId: NO_SESSION,
      password: new Uint8Array(16),
      readOnly: false,
      ...wanted,
    }),
  );
}

/** A frame of what `write` writes, length first. */
export function framed(write: (writer: JuteWriter) => void): Uint8Array {
  const writer = new JuteWriter();
  writer.int(0);
  write(writer);
  writer.intAt(0, writer.length - 4);
  return writer.copy();
}

/** A request's frame. */
export function request(
  xid: number,
  type: number,
  body: (writer: JuteWriter) => void = () => {},
): Uint8Array {
  return framed((writer) => {
    writer.int(xid);
    writer.int(type);
    body(writer);
  });
}
