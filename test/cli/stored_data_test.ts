import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Storage } from "../../core/contracts/storage.ts";
import { createServer, essentials } from "../../mod.ts";
import { ApacheStorage, apacheStorage } from "../../storage/apache/mod.ts";
import { SqliteStorage, sqliteStorage } from "../../storage/sqlite/mod.ts";

const COMMAND = join(import.meta.dirname, "../../bin/zookit.js");
const root = mkdtempSync(join(tmpdir(), "zookit-stored-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function zookit(...args: readonly string[]): Outcome {
  const start = "Deno" in globalThis ? ["run", "-A", COMMAND] : [COMMAND];
  const run = spawnSync(process.execPath, [...start, ...args], { encoding: "utf8" });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

type Kind = "sqlite" | "apache";

/** A folder that a server left after some writes, a checkpoint amid them. */
async function makeData(kind: Kind): Promise<string> {
  const folder = mkdtempSync(join(root, "data-"));
  const storage =
    kind === "sqlite" ? sqliteStorage({ path: folder }) : apacheStorage({ dataDir: folder });
  const server = createServer({ plugins: [...essentials({ logLevel: "silent" }), storage] });
  await server.start();
  const client = await server.connect();
  await client.create("/config", "blue");
  await client.create("/config/lock", "", { mode: "ephemeral" });
  await client.multi([
    { type: "setData", path: "/config", data: "green" },
    { type: "create", path: "/config/more", data: "x" },
  ]);
  await client.delete("/config/more");
  // Not closed: its session and ephemeral are to be found.
  await server.stop();
  await client.close();
  return folder;
}

function open(kind: Kind, folder: string): Storage {
  if (kind === "sqlite") return new SqliteStorage({ path: folder });
  return new ApacheStorage({ dataDir: folder });
}

for (const kind of ["sqlite", "apache"] as const) {
  test(`log prints what a ${kind} folder holds, one transaction a line`, async () => {
    const folder = await makeData(kind);
    const text = zookit("log", folder);
    assert.is(text.code, 0, text.err);
    const lines = text.out.trimEnd().split("\n");
    assert.match(lines[0]!, /^0x1 \S+Z session=0x\w+ cxid=0 createSession timeoutMs=\d+/);
    assert.match(lines[1]!, /^0x2 .* create\S* \/config dataBytes=4 acl=\[world:anyone:rwcda\]/);
    assert.match(lines[3]!, "multi txns=[setData /config dataBytes=5 version=1, create");
    const json = zookit("log", folder, "--json", "--data", "--from", "0x2", "--to", "2").out;
    const shown = JSON.parse(json);
    assert.is(shown.path, "/config");
    assert.is(atob(shown.data), "blue");
  });

  test(`snapshot prints the checkpoint of a ${kind} folder`, async () => {
    const folder = await makeData(kind);
    const storage = open(kind, folder);
    await storage.open();
    await storage.close();
    const shown = zookit("snapshot", folder, "--json");
    assert.is(shown.code, 0, shown.err);
    const last = JSON.parse(shown.out.trimEnd().split("\n").at(-1)!);
    assert.is(last.checkpoint, "0x0");
  });

  test(`check finds a ${kind} folder well, and a flipped bit in its log`, async () => {
    const folder = await makeData(kind);
    const well = zookit("check", folder);
    assert.is(well.code, 0, well.out + well.err);
    assert.match(well.out, /log +5 transactions, 0x1 to 0x5/);
    assert.match(well.out, /tree +\d+ znodes, 1 sessions/);
    assert.match(well.out, /all is well\n$/);
    const file = join(folder, kind === "sqlite" ? "log.db" : "version-2/log.1");
    const bytes = readFileSync(file);
    bytes[bytes.indexOf("blue")]! ^= 1;
    writeFileSync(file, bytes);
    const damaged = zookit("check", folder);
    assert.is(damaged.code, 3);
    assert.match(damaged.out, /damaged .* does not match its checksum/);
  });
}

test("check says of a folder in use and of one without data what to do", async () => {
  const folder = await makeData("sqlite");
  const storage = new SqliteStorage({ path: folder });
  await storage.open();
  const used = zookit("check", folder);
  await storage.close();
  assert.is(used.code, 3);
  assert.match(used.err, /in use by another server/);
  const empty = zookit("check", root);
  assert.is(empty.code, 2);
  assert.match(empty.err, /neither log.db nor version-2/);
});

test("check finds a log that was cut short of its checkpoint", async () => {
  const folder = await makeData("apache");
  truncateSync(join(folder, "version-2/log.1"), 20);
  truncateSync(join(folder, "version-2/snapshot.0"), 20);
  assert.is(zookit("check", folder).code, 3);
});

test.run();
