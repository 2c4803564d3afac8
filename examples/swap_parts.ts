/**
 * One application, several servers: where the data lie and how clients come in are plugins, and the
 * application does not see which.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type ZooKeeperClient } from "../client/mod.ts";
import {
  createServer,
  essentials,
  memoryStorage,
  type Plugin,
  type Server,
  sqliteStorage,
  tcpTransport,
  webSocketTransport,
} from "../mod.ts";

/** The application: takes numbers that nobody else gets. */
async function takeNumber(zk: ZooKeeperClient): Promise<number> {
  const { path } = await zk.create("/ticket-", null, { mode: "ephemeral-sequential" });
  return Number(path.slice(-10));
}

const overTcp = (server: Server): Promise<ZooKeeperClient> =>
  connect({ servers: `127.0.0.1:${server.port}` });
const overWebSocket = (server: Server): Promise<ZooKeeperClient> =>
  connect({ servers: [`ws://127.0.0.1:${server.port}/`] });
const inProcess = (server: Server): Promise<ZooKeeperClient> => server.connect();

async function run(
  parts: readonly Plugin[],
  enter: (server: Server) => Promise<ZooKeeperClient>,
): Promise<string> {
  await using server = createServer({ plugins: [...essentials({ logLevel: "warn" }), ...parts] });
  await server.start();
  await using zk = await enter(server);
  return `${await takeNumber(zk)} ${await takeNumber(zk)}`;
}

const path = await mkdtemp(join(tmpdir(), "zookit-example-"));
try {
  const tcp = tcpTransport({ host: "127.0.0.1", port: 0 });
  const webSocket = webSocketTransport({ host: "127.0.0.1", port: 0 });
  const numbers = {
    "memory, in process": await run([memoryStorage()], inProcess),
    "memory, TCP": await run([memoryStorage(), tcp], overTcp),
    "memory, WebSocket": await run([memoryStorage(), webSocket], overWebSocket),
    "SQLite, TCP": await run([sqliteStorage({ path }), tcp], overTcp),
    "the same SQLite again, in process": await run([sqliteStorage({ path })], inProcess),
  };
  console.table(numbers);
  // What is on disk goes on where it was left; what was in memory begins anew.
  assert.deepEqual(Object.values(numbers), ["0 1", "0 1", "0 1", "0 1", "2 3"]);
} finally {
  await rm(path, { recursive: true });
}
