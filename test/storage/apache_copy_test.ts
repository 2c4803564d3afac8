import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { digestText, recoverTree } from "../../cli/copy_storage.ts";
import { main } from "../../cli/main.ts";
import type { Storage } from "../../core/contracts/storage.ts";
import { createServer, essentials, sqliteStorage } from "../../mod.ts";
import { ApacheStorage, apacheStorage } from "../../storage/apache/mod.ts";
import { SqliteStorage } from "../../storage/sqlite/mod.ts";
import { ApacheFixture } from "./apache_fixture.ts";

const fixture = new ApacheFixture();

/** Runs the command; what it says is left out. */
async function run(...argv: string[]): Promise<{ exitCode: number; said: string }> {
  const { log, error } = console;
  const write = process.stderr.write;
  let said = "";
  console.log = console.error = (text: string) => {
    said += `${text}\n`;
  };
  process.stderr.write = (text: unknown) => {
    said += String(text);
    return true;
  };
  try {
    return { exitCode: await main(argv), said };
  } finally {
    console.log = log;
    console.error = error;
    process.stderr.write = write;
  }
}

async function stateOf(storage: Storage): Promise<string> {
  await storage.open();
  try {
    const { tree, isAsAnnounced } = await recoverTree(storage);
    assert.ok(isAsAnnounced);
    return `${digestText(tree)} ${tree.nodeCount} ${tree.sessions.size} ${tree.lastZxid}`;
  } finally {
    await storage.close();
  }
}

/** A data folder of a server that was written to: with checkpoints, and with a log behind them. */
async function fillServer(path: string, kind: "apache" | "sqlite"): Promise<void> {
  const logger = { logLevel: "silent" } as const;
  const storage = kind === "apache" ? apacheStorage({ dataDir: path }) : sqliteStorage({ path });
  const server = createServer({ plugins: [...essentials(logger), storage], snapCount: 40 });
  await server.start();
  const zk = await server.connect();
  const acl = [
    { perms: 31, scheme: "digest", id: "user:x" },
    { perms: 7, scheme: "world", id: "anyone" },
  ];
  for (let index = 0; index < 100; index++) {
    await zk.create(`/n${index}`, index % 2 === 0 ? null : `${index}`, index % 5 ? {} : { acl });
    if (index % 3 === 0) await zk.create(`/n${index}/e`, "", { mode: "ephemeral" });
    if (index % 3 === 1) await zk.delete(`/n${index}`);
  }
  await server.stop();
  await zk.close().catch(() => {});
}

test("a server on Apache's files has the same tree after each start", async () => {
  const path = fixture.makePath();
  await fillServer(path, "apache");
  const files = readdirSync(join(path, "version-2"));
  assert.ok(files.filter((name) => name.startsWith("snapshot.")).length > 1, files.join());
  const storage = fixture.makeAt(path);
  await storage.open();
  assert.equal(await storage.damage(), []);
  await storage.close();
  const before = await stateOf(fixture.makeAt(path));
  const server = createServer({
    plugins: [...essentials({ logLevel: "silent" }), apacheStorage({ dataDir: path })],
  });
  await server.start();
  await server.stop();
  assert.is(await stateOf(fixture.makeAt(path)), before);
});

test("import and export copy tree, sessions and log, and say the digest", async () => {
  const [apache, sqlite, back] = [fixture.makePath(), fixture.makePath(), fixture.makePath()];
  await fillServer(apache, "apache");
  const original = await stateOf(new ApacheStorage({ dataDir: apache }));
  const imported = await run("import", "--from", apache, "--to", sqlite);
  assert.is(imported.exitCode, 0, imported.said);
  assert.match(imported.said, /\d+ znodes copied/);
  assert.match(imported.said, `digest ${original.split(" ")[0]} at zxid`);
  assert.is(await stateOf(new SqliteStorage({ path: sqlite })), original);
  const exported = await run("export", "--from", sqlite, "--to", back);
  assert.is(exported.exitCode, 0, exported.said);
  assert.is(await stateOf(new ApacheStorage({ dataDir: back })), original);
});

test("export takes the checkpoint and the log of a server on SQLite", async () => {
  const [sqlite, apache, logs] = [fixture.makePath(), fixture.makePath(), fixture.makePath()];
  await fillServer(sqlite, "sqlite");
  const args = ["--from", sqlite, "--to", apache, "--to-log", logs];
  const { exitCode, said } = await run("export", ...args);
  assert.is(exitCode, 0, said);
  const storage = new ApacheStorage({ dataDir: apache, dataLogDir: logs });
  assert.is(await stateOf(storage), await stateOf(new SqliteStorage({ path: sqlite })));
});

test("import refuses a target in use and a source that is none, and makes neither", async () => {
  const [apache, sqlite, empty] = [fixture.makePath(), fixture.makePath(), fixture.makePath()];
  await fillServer(apache, "apache");
  await fillServer(sqlite, "sqlite");
  const refused = await run("import", "--from", apache, "--to", sqlite);
  assert.is(refused.exitCode, 3);
  assert.match(refused.said, /already/);
  const other = join(empty, "other");
  assert.is((await run("import", "--from", empty, "--to", other)).exitCode, 2);
  assert.not(existsSync(other));
});

test.after(() => fixture.remove());
test.run();
