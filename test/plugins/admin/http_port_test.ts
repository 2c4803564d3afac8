import { once } from "node:events";
import { connect } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HttpPort } from "../../../plugins/admin/http_port.ts";
import type { HttpTls } from "../../../plugins/admin/http_tls.ts";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import { cipherSettings, readCredentials, subjectOf } from "../../../transports/tcp/mod.ts";
import { TlsFixture } from "../../transports/tls_fixture.ts";

const HOST = "127.0.0.1";
const SAYINGS = [
  "GET / HTTP/1.1\r\nHost: zookit\r\nEndless: ",
  "POST / HTTP/1.1\r\nHost: zookit\r\nContent-Length: 1000000\r\n\r\n",
];

/** What is answered to words that are followed by a byte now and then, once that is ended. */
async function drip(port: number, words: string): Promise<string> {
  const socket = connect(port, HOST, () => socket.write(words));
  const drops = setInterval(() => socket.write("x"), 50);
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.on("error", () => {}); // Cut off in the middle of its words.
  await once(socket, "close");
  clearInterval(drops);
  return answer;
}

async function withPort(tls: HttpTls | undefined): Promise<void> {
  const limits = { idleTimeoutMs: 60_000, requestMsMax: 400 };
  const place = { name: "slow", host: HOST, port: 0, tls, ...limits };
  const port = new HttpPort(place, new ConsoleLogger("silent"), async (request, response) => {
    for await (const _ of request);
    response.end("all of it\n");
  });
  await port.listen();
  const answers = await Promise.all(SAYINGS.map((words) => drip(port.port, words)));
  for (const answer of answers) assert.match(answer, /^HTTP\/1.1 408 /);
  await port.close();
}

test("a head and a body that come a byte now and then end with their connection", () =>
  withPort(undefined));

test("they do where one port answers by TLS and without, too", async () => {
  if ("Bun" in globalThis) return; // Its servers for HTTP take no connections of others.
  const fixture = new TlsFixture();
  const settings = fixture.options();
  const stores = { ...readCredentials(settings), ...cipherSettings(settings) };
  fixture.remove();
  await withPort({ ...stores, acceptsPlain: true, subjectOf });
});

test.run();
