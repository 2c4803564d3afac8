import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { FrameCutter } from "../../core/wire/frame.ts";
import {
  type ByteSink,
  type Connection,
  createServer,
  essentials,
  memoryStorage,
  type Plugin,
  type Server,
  type ServerOptions,
  TRANSPORT,
  type Transport,
} from "../../mod.ts";
import { tcpTransport } from "../../transports/tcp/mod.ts";

/** The largest reply that a client of these tests takes, bytes. */
const REPLY_BYTES_MAX = 2 * 1024 * 1024;

/** A running server on TCP, and its connections as the server's transport has them. */
export interface ObservedServer {
  readonly server: Server;
  readonly connections: readonly ObservedConnection[];
}

export interface ObservedConnection {
  readonly connection: Connection;
  /** Resolves when the server's end is closed. */
  readonly closed: Promise<void>;
}

export async function startServer(options: Partial<ServerOptions> = {}): Promise<ObservedServer> {
  const connections: ObservedConnection[] = [];
  const plugins = [
    ...essentials({ logLevel: "silent" }),
    memoryStorage(),
    observed(tcpTransport({ port: 0, host: "127.0.0.1" }), connections),
  ];
  const server = createServer({ ...options, plugins });
  await server.start();
  return { server, connections };
}

/** A transport's plugin whose connections are also kept in `connections`. */
function observed(plugin: Plugin, connections: ObservedConnection[]): Plugin {
  const register: Plugin["register"] = (container) => {
    plugin.register({
      provide: (token: unknown, make: () => Transport) => {
        if (token === TRANSPORT) container.provide(TRANSPORT, () => observe(make(), connections));
      },
    } as unknown as typeof container);
  };
  return { ...plugin, register };
}

function observe(transport: Transport, connections: ObservedConnection[]): Transport {
  const listen = transport.listen.bind(transport);
  transport.listen = (accept) =>
    listen((connection) => {
      const sink = accept(connection);
      if (sink === undefined) return undefined;
      let tell = (): void => {};
      const closed = new Promise<void>((resolve) => {
        tell = resolve;
      });
      connections.push({ connection, closed });
      return telling(sink, tell);
    });
  return transport;
}

function telling(sink: ByteSink, closed: () => void): ByteSink {
  return {
    chunk: (bytes) => sink.chunk(bytes),
    writable: () => sink.writable(),
    ended: () => sink.ended(),
    closed: () => {
      sink.closed();
      closed();
    },
  };
}

/** A client that reads when it is told to. */
export class SlowClient {
  readonly socket: Socket;
  readonly #cutter: FrameCutter;
  #onFrame: (bytes: Uint8Array) => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    this.#cutter = new FrameCutter(
      {
        frame: (bytes, start, end) => {
          this.#onFrame(bytes.subarray(start, end));
          return true;
        },
        badLength: (lengthBytes) => socket.destroy(new Error(`frame of ${lengthBytes} bytes`)),
      },
      REPLY_BYTES_MAX,
    );
  }

  /** Has a session once this resolves, and reads no further. */
  static async connect(port: number, timeoutMs = 30_000): Promise<SlowClient> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const client = new SlowClient(socket);
    const handshake = new Uint8Array(4 + 45);
    const view = new DataView(handshake.buffer);
    view.setInt32(0, 45);
    view.setInt32(16, timeoutMs);
    view.setInt32(28, 16);
    socket.on("data", (chunk: Uint8Array) => client.#cutter.push(chunk));
    socket.on("error", () => {}); // The server may close at any time.
    socket.write(handshake);
    await client.frames(1);
    return client;
  }

  /** Reads until `count` frames have come, gives each to `onFrame`, and stops reading. */
  async frames(count: number, onFrame: (bytes: Uint8Array) => void = () => {}): Promise<void> {
    let left = count;
    await new Promise<void>((resolve, reject) => {
      const closed = (): void => reject(new Error(`closed with ${left} frames to come`));
      this.socket.once("close", closed);
      this.#onFrame = (bytes) => {
        onFrame(bytes);
        left -= 1;
        if (left > 0) return;
        this.socket.off("close", closed);
        this.socket.pause();
        resolve();
      };
      this.socket.resume();
    });
  }
}
