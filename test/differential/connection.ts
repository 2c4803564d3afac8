import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/** One raw connection: cuts the bytes that arrive into frames and keeps them in order. */
export class Connection {
  /** Bodies of the frames received so far, without their lengths. */
  readonly frames: Uint8Array[] = [];
  /** Set once the server has ended the connection, or `cut()` has. */
  closed = false;
  readonly #socket: Socket;
  #pending = new Uint8Array(0);
  #wake: () => void = () => {};

  /** @throws the socket's error when nobody listens on `port` of 127.0.0.1. */
  static async dial(
    port: number,
    localAddress = "127.0.0.1",
    tls?: ConnectionOptions,
  ): Promise<Connection> {
    const to = { port, host: "127.0.0.1", localAddress, noDelay: true };
    const socket = tls === undefined ? connect(to) : connectTls({ ...to, ...tls });
    await new Promise<void>((resolve, reject) => {
      socket.once(tls === undefined ? "connect" : "secureConnect", resolve);
      socket.once("error", reject);
    });
    return new Connection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", () => {}); // "close" follows, and is what the transcript records.
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** What has arrived and is no whole frame; the answer to a four-letter word is such. */
  get text(): string {
    return new TextDecoder().decode(this.#pending);
  }

  write(bytes: Uint8Array): void {
    if (!this.closed) this.#socket.write(bytes);
  }

  /** Ends the connection without a word, as a crashing client does. */
  cut(): void {
    this.closed = true;
    this.#socket.destroy();
  }

  /** Waits until `done()` holds or the connection is closed. @returns false after `ms`. */
  async until(done: () => boolean, ms: number): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (!done() && !this.closed) {
      const left = deadline - Date.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }

  #receive(chunk: Uint8Array): void {
    const bytes = new Uint8Array(this.#pending.length + chunk.length);
    bytes.set(this.#pending);
    bytes.set(chunk, this.#pending.length);
    const view = new DataView(bytes.buffer);
    let at = 0;
    while (bytes.length - at >= 4 && bytes.length - at - 4 >= view.getInt32(at)) {
      const end = at + 4 + view.getInt32(at);
      this.frames.push(bytes.slice(at + 4, end));
      at = end;
    }
    this.#pending = bytes.slice(at);
    this.#wake();
  }
}
