import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { dataCommands } from "../../../cli/data_commands.ts";
import type { Acl } from "../../../client/mod.ts";
import { adminServer, createServer, essentials, type Server, sqliteStorage } from "../../../mod.ts";
import { freePorts } from "../../../tools/free_ports.ts";

const root = mkdtempSync(join(tmpdir(), "zookit-authority-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

const ALL = 31;
/** Everybody may do everything but read; that is for some address only. */
const readableBy = (...ids: readonly string[]): Acl[] => [
  { scheme: "world", id: "anyone", perms: ALL - 1 },
  ...ids.map((id) => ({ scheme: "ip", id, perms: 1 })),
];

async function serve(name: string, isOn: boolean): Promise<{ server: Server; port: number }> {
  const [port = 0] = await freePorts(1);
  const server = createServer({
    plugins: [
      ...essentials({ logLevel: "silent" }),
      sqliteStorage({ path: join(root, name) }),
      adminServer({ host: "127.0.0.1", port }),
      dataCommands({ dataDir: root, isSnapshotOn: isOn, isRestoreOn: isOn }),
    ],
  });
  await server.start();
  return { server, port };
}

test("POST /commands/backup goes by an address that may do everything with the root", async () => {
  const { server, port } = await serve("live", true);
  const client = await server.connect();
  await client.create("/n", "kept");
  let tries = 0;
  const ask = async (authorization?: string): Promise<[status: number, last: string]> => {
    const path = join(root, `backup-${++tries}`);
    const headers = authorization === undefined ? {} : { authorization };
    const url = `http://127.0.0.1:${port}/commands/backup?path=${path}`;
    const response = await fetch(url, { method: "POST", headers });
    const lines = (await response.text()).trim().split("\n");
    return [response.status, lines.at(-1) ?? ""];
  };
  try {
    await client.setAcl("/", readableBy("10.0.0.0/8", "127.0.0.0/8"));
    const [status, last] = await ask("ip");
    assert.is(status, 200);
    assert.match(last, /"backup":"\d+ znodes, 1 sessions/);
    assert.ok(readdirSync(join(root, "backup-1")).includes("log.db"));
    assert.is((await ask())[0], 401);
    assert.is((await ask("ip 127.0.0.1 more"))[0], 401);
    await client.setAcl("/", readableBy("10.0.0.0/8", "127.0.0.2"));
    assert.is((await ask("ip"))[0], 403);
    await client.setAcl("/", readableBy());
    assert.is((await ask("ip"))[0], 403);
    assert.equal(readdirSync(root).sort(), ["backup-1", "live"], "who was refused left nothing");
  } finally {
    await client.close();
    await server.stop();
  }
});

test("an operator may switch snapshot and restore off", async () => {
  const { server, port } = await serve("off", false);
  const headers = { authorization: "ip" };
  const commands = { snapshot: "GET", restore: "POST", rest: "POST" };
  for (const [name, method] of Object.entries(commands)) {
    const answer = await fetch(`http://127.0.0.1:${port}/commands/${name}`, { method, headers });
    assert.is(answer.status, 503);
    assert.match(await answer.text(), /"admin\.(?:snapshot|restore)\.enabled is false"/);
  }
  await server.stop();
});

test.run();
