import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  createServer,
  essentials,
  memoryStorage,
  type Plugin,
  type Server,
  sqliteStorage,
  tcpTransport,
} from "../../../mod.ts";
import { freePort } from "../../../tools/free_ports.ts";

const folder = mkdtempSync(join(tmpdir(), "zookit-release-"));
const path = join(folder, "data");
test.after(() => rmSync(folder, { recursive: true, force: true }));

function serverOn(storage: Plugin, port: number): Server {
  const transport = tcpTransport({ port, host: "127.0.0.1" });
  return createServer({ plugins: [...essentials({ logLevel: "error" }), storage, transport] });
}

async function failureOf(server: Server): Promise<string> {
  return server.start().then(
    () => "none",
    (error: Error & { readonly kind?: string }) => error.kind ?? error.message,
  );
}

test("a start that fails for its port or its folder leaves both free", async () => {
  const port = await freePort();
  const first = serverOn(memoryStorage(), port);
  await first.start();
  assert.is(await failureOf(serverOn(sqliteStorage({ path }), port)), "address-in-use");
  await first.stop();
  const second = serverOn(sqliteStorage({ path }), port);
  await second.start();
  assert.is(second.port, port);
  assert.is(await failureOf(serverOn(sqliteStorage({ path }), 0)), "locked");
  const client = await second.connect();
  await client.create("/still-serves");
  await client.close();
  await second.stop();
  const third = serverOn(sqliteStorage({ path }), port);
  await third.start();
  await third.stop();
});

test.run();
