import { once } from "node:events";
import { connect as dial, type Socket } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { WebSocket } from "ws";
import { connect } from "../../client/mod.ts";
import {
  createServer,
  essentials,
  fourLetterWords,
  memoryStorage,
  type Server,
  webSocketTransport,
} from "../../mod.ts";
import type { WebSocketOptions } from "../../transports/websocket/mod.ts";

const host = "127.0.0.1";
const PAGE = "https://app.example";

async function start(options: Partial<WebSocketOptions> = {}): Promise<Server> {
  const transport = webSocketTransport({ port: 0, host, ...options });
  const words = fourLetterWords({ whitelist: ["ruok"] });
  const plugins = [...essentials({ logLevel: "silent" }), memoryStorage(), words, transport];
  const server = createServer({ plugins });
  await server.start();
  return server;
}

/** The status line that a request for a WebSocket is answered with. */
async function statusOf(port: number, { path = "/", origin = "" } = {}): Promise<string> {
  const socket = dial({ port, host });
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}:${port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...(origin === "" ? [] : [`Origin: ${origin}`]),
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  const status = await firstLine(socket);
  socket.destroy();
  return status;
}

async function firstLine(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, "data")) as [Uint8Array];
  return new TextDecoder().decode(chunk).split("\r\n")[0] ?? "";
}

/** What the server closes a WebSocket with that sends `message`. */
async function closeCode(server: Server, message: string | Uint8Array): Promise<number> {
  const socket = new WebSocket(`ws://${host}:${server.port}/`);
  await once(socket, "open");
  socket.send(message);
  const [code] = (await once(socket, "close")) as [number];
  return code;
}

test("a client works over a WebSocket, and its data$ follows another's changes", async () => {
  await using server = await start();
  const [address = ""] = server.addresses;
  await using one = await connect({ servers: address });
  await using two = await connect({ servers: address });
  await one.create("/a", "first");
  const seen: string[] = [];
  const done = new Promise<void>((resolve) => {
    one.data$("/a").subscribe((value) => {
      seen.push(new TextDecoder().decode(value?.data ?? undefined));
      if (seen.at(-1) === "first") void two.setData("/a", "second");
      if (seen.at(-1) === "second") resolve();
    });
  });
  await done;
  assert.equal(seen, ["first", "second"]);
});

test("by default no web page is let in, and clients without an Origin are", async () => {
  await using server = await start();
  const own = `http://${host}:${server.port}`;
  assert.match(await statusOf(server.port), "101");
  assert.is(await statusOf(server.port, { origin: PAGE }), "HTTP/1.1 403 Forbidden");
  // Not even one that seems to come from here: a name may be rebound to this address.
  assert.is(await statusOf(server.port, { origin: own }), "HTTP/1.1 403 Forbidden");
});

test("origins that are listed are let in, as they are written and no others", async () => {
  await using server = await start({ origins: [PAGE] });
  assert.match(await statusOf(server.port, { origin: PAGE }), "101");
  for (const origin of ["http://app.example", `${PAGE}:8443`, `${PAGE}.evil.example`, "null"]) {
    assert.match(await statusOf(server.port, { origin }), "403", origin);
  }
  await using open = await start({ origins: "any" });
  assert.match(await statusOf(open.port, { origin: "https://evil.example" }), "101");
});

test("webSocketTransport() refuses an origin with a path, which no browser would send", () => {
  const make = (): unknown => webSocketTransport({ port: 0, origins: [`${PAGE}/`] });
  assert.throws(make, /app\.example\//);
});

test("a path that is not the server's is answered 404, and a plain request 426", async () => {
  await using server = await start({ path: "/zookeeper" });
  const url = `http://${host}:${server.port}`;
  assert.match(await statusOf(server.port, { path: "/other" }), "404");
  assert.match(await statusOf(server.port, { path: "/zookeeper?a=b" }), "101");
  assert.is((await fetch(`${url}/other`)).status, 404);
  assert.is((await fetch(`${url}/zookeeper`)).status, 426);
});

test("a text message closes with 1003, and one above the bound with 1009", async () => {
  await using server = await start({ messageBytesMax: 1_000 });
  assert.is(await closeCode(server, "ruok"), 1003);
  assert.is(await closeCode(server, new Uint8Array(1_001)), 1009);
});

test("a four-letter word in a binary message is answered; without WebSocket, refused", async () => {
  await using server = await start();
  const socket = new WebSocket(`ws://${host}:${server.port}/`);
  await once(socket, "open");
  const closed = once(socket, "close");
  socket.send(new TextEncoder().encode("ruok"));
  const [answer] = (await once(socket, "message")) as [Uint8Array];
  assert.is(new TextDecoder().decode(answer), "imok");
  await closed;
  const plain = dial({ port: server.port, host });
  const ended = once(plain, "close");
  plain.write("ruok\n");
  assert.match(await firstLine(plain), "HTTP/1.1 400");
  await ended;
});

test("frames may be cut anywhere and joined in one message", async () => {
  await using server = await start();
  const socket = new WebSocket(`ws://${host}:${server.port}/`);
  await once(socket, "open");
  const bytes = new Uint8Array(4 + 45 + 12);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, 45);
  view.setInt32(16, 30_000);
  view.setInt32(28, 16);
  view.setInt32(49, 8);
  view.setInt32(53, -2);
  view.setInt32(57, 11);
  let receivedBytes = 0;
  // Several may come in one turn.
  const isAnswered = new Promise<void>((resolve) => {
    socket.on("message", (answer: Uint8Array) => {
      receivedBytes += answer.length;
      if (receivedBytes >= 41 + 20) resolve();
    });
  });
  for (let at = 0; at < 45; at++) socket.send(bytes.subarray(at, at + 1));
  socket.send(bytes.subarray(45));
  await isAnswered;
  assert.is(receivedBytes, 61);
  socket.terminate();
});

test.run();
