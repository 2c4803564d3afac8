import { createServer, type Server } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { WebSocketServer } from "ws";
import { tcpDialer, webSocketDialer } from "../../client/mod.ts";
import {
  type ByteSink,
  type Connection,
  type Dialer,
  TransportError,
} from "../../core/contracts/transport.ts";

/** Counts what arrives and lets a test wait for it. */
class Collector implements ByteSink {
  readonly bytes: number[] = [];
  readonly calls: string[] = [];
  #waiting: { readonly isDone: () => boolean; readonly resolve: () => void }[] = [];

  chunk(bytes: Uint8Array): void {
    this.bytes.push(...bytes);
    this.#check();
  }

  writable(): void {
    this.calls.push("writable");
    this.#check();
  }

  ended(): void {
    this.calls.push("ended");
    this.#check();
  }

  closed(): void {
    this.calls.push("closed");
    this.#check();
  }

  until(isDone: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ isDone, resolve });
      this.#check();
    });
  }

  #check(): void {
    for (const { isDone, resolve } of this.#waiting) if (isDone()) resolve();
    this.#waiting = this.#waiting.filter(({ isDone }) => !isDone());
  }
}

interface EchoServer {
  dialer(): Dialer;
  close(): Promise<void>;
}

async function tcpEcho(): Promise<EchoServer> {
  const server: Server = createServer({ allowHalfOpen: false }, (socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  return {
    dialer: () => tcpDialer("127.0.0.1", port),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function webSocketEcho(): Promise<EchoServer> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => {
    socket.on("message", (data: Buffer) => socket.send(data));
  });
  await new Promise<void>((resolve) => server.once("listening", () => resolve()));
  const { port } = server.address() as { readonly port: number };
  return {
    dialer: () => webSocketDialer(`ws://127.0.0.1:${port}`),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

for (const [name, start] of [
  ["tcp", tcpEcho],
  ["websocket", webSocketEcho],
] as const) {
  test(`${name}: bytes go out and come back in order, and closed() comes once`, async () => {
    const echo = await start();
    const sink = new Collector();
    const connection = await echo.dialer().dial(() => sink);
    const sent = Array.from({ length: 5_000 }, (_, i) => i % 251);
    for (let at = 0; at < sent.length; at += 100) {
      const part = new Uint8Array(sent.slice(at, at + 100));
      connection.write(part);
      // The bytes are the caller's again as soon as none are buffered.
      if (connection.bufferedBytes === 0) part.fill(0);
    }
    await sink.until(() => sink.bytes.length === sent.length);
    assert.equal(sink.bytes, sent);
    connection.destroy();
    connection.destroy();
    await sink.until(() => sink.calls.includes("closed"));
    connection.write(new Uint8Array([1]));
    await echo.close();
    assert.equal(sink.calls.filter((call) => call === "closed").length, 1);
  });

  test(`${name}: pause() holds bytes back until resume()`, async () => {
    const echo = await start();
    const sink = new Collector();
    const connection: Connection = await echo.dialer().dial(() => sink);
    connection.write(new Uint8Array([1]));
    await sink.until(() => sink.bytes.length === 1);
    connection.pause();
    connection.write(new Uint8Array([2]));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(sink.bytes, [1]);
    connection.resume();
    await sink.until(() => sink.bytes.length === 2);
    connection.end();
    await sink.until(() => sink.calls.includes("closed"));
    await echo.close();
  });

  test(`${name}: a server that is not there and an abort reject`, async () => {
    const echo = await start();
    const dialer = echo.dialer();
    const abort = new AbortController();
    abort.abort(new Error("changed my mind"));
    const aborted = await dialer.dial(() => new Collector(), abort.signal).catch((error) => error);
    assert.is(aborted.message, "changed my mind");
    await echo.close();
    const refused = await dialer.dial(() => new Collector()).catch((error) => error);
    assert.instance(refused, TransportError);
  });
}

test.run();
