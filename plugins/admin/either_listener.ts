import { createServer, type Server, type Socket } from "node:net";

/** First byte of a TLS handshake record; no request begins so. */
const HANDSHAKE_RECORD = 0x16;

/** Listens on one port for two servers; the first byte of a connection says whose it is. */
export class EitherListener {
  readonly server: Server;
  /** Have not said anything yet. */
  readonly #silent = new Set<Socket>();

  /** @param silentMsMax after which a connection without a byte is closed. */
  constructor(secure: Server, plain: Server, silentMsMax: number) {
    this.server = createServer((socket) => {
      this.#silent.add(socket);
      const close = (): void => void socket.destroy();
      socket.setTimeout(silentMsMax, close);
      socket.on("error", () => {}); // "close" follows.
      socket.once("close", () => this.#silent.delete(socket));
      socket.once("readable", () => {
        const chunk = socket.read() as Uint8Array | null;
        this.#silent.delete(socket);
        socket.off("timeout", close);
        socket.setTimeout(0);
        if (chunk === null) return void socket.destroy(); // It ended without a word.
        socket.unshift(chunk);
        (chunk[0] === HANDSHAKE_RECORD ? secure : plain).emit("connection", socket);
      });
    });
    // Servers for HTTP look for slow requests from when they listen.
    for (const one of [secure, plain]) this.server.on("listening", () => one.emit("listening"));
  }

  /** Closes the connections that are nobody's yet. */
  drop(): void {
    for (const socket of [...this.#silent]) socket.destroy();
  }
}
