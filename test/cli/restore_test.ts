import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { restoreCommand } from "../../cli/restore_command.ts";
import { type ZooKeeperClient as Client, connect } from "../../client/mod.ts";
import type { AdminReply } from "../../core/contracts/admin.ts";
import type { Consensus } from "../../core/contracts/consensus.ts";
import type { Logger } from "../../core/contracts/logger.ts";
import { type Running, ZookitProcesses } from "./zookit_process.ts";

const processes = new ZookitProcesses();
const { root } = processes;
test.after(() => processes.end());

const AUTH = { authorization: "digest ann:secret" };
const TEXT = new TextDecoder();
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

function visit(running: Running, more: object = {}): Promise<Client> {
  return connect({ servers: running.hosts, logger: quiet, ...more });
}

async function post(
  running: Running,
  path: string | undefined,
  headers: Record<string, string> = AUTH,
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const query = path === undefined ? "" : `?path=${encodeURIComponent(path)}`;
  const answer = await fetch(`${running.url}/restore${query}`, { method: "POST", headers });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function backUp(running: Running, folder: string): Promise<string> {
  const outcome = await processes.run("backup", folder, "--server", running.url);
  assert.is(outcome.code, 0, outcome.err);
  return outcome.out;
}

async function* noBody(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(0);
}

async function figure(running: Running, name: string): Promise<unknown> {
  const figures = (await (await fetch(`${running.url}/monitor`)).json()) as object;
  return new Map(Object.entries(figures)).get(name);
}

async function textOf(client: Client, path: string): Promise<string> {
  return TEXT.decode((await client.getData(path)).data ?? undefined);
}

/** What the backup is made of. */
async function makeFormer(client: Client): Promise<void> {
  await client.create("/n");
  await client.create("/mine", "", { mode: "ephemeral" });
  await client.create("/kept", "then");
  await client.create("/gone");
  await client.create("/s-", "", { mode: "persistent-sequential" });
}

/** A server that starts on this folder has what the backup was made of. */
async function demandFormer(folder: string): Promise<void> {
  assert.match((await processes.run("check", folder)).out, "all is well");
  const running = await processes.serve(folder);
  const client = await visit(running);
  assert.is(await textOf(client, "/kept"), "then");
  assert.equal((await client.getChildren("/n")).children, []);
  await client.close();
  await running.stop();
}

/** Writes until the connection is gone; each of many lanes waits for its own answer only. */
async function writeUnderLoad(client: Client): Promise<number> {
  let acknowledged = 0;
  let isGone = false;
  const lanes = Array.from({ length: 16 }, async (_, lane) => {
    for (let i = 0; !isGone; i++) {
      try {
        await client.create(`/n/${lane}-${i}`, "x".repeat(500));
        await client.exists(`/n/${lane}-${i}`, { watch: () => {} });
        acknowledged += 1;
      } catch (error) {
        assert.is((error as { kind?: string }).kind, "ConnectionLoss");
        isGone = true;
      }
    }
  });
  await Promise.all(lanes);
  return acknowledged;
}

for (const format of ["SQLite", "Apache's files"] as const) {
  const place = (name: string): string => join(root, `${format.slice(0, 6)}-${name}`);

  test(`restore gives a server on ${format} its former data back, under load`, async () => {
    const folder = place("live");
    if (format !== "SQLite") mkdirSync(join(folder, "version-2"), { recursive: true });
    const running = await processes.serve(folder);
    const steady = await visit(running, { timeoutMs: 30_000 });
    await makeFormer(steady);
    const backup = place("backup");
    const made = await backUp(running, backup);
    const { lastZxid } = steady;

    const busy = await visit(running, { whileDisconnected: "fail", reconnectDelayMaxMs: 50 });
    await busy.setData("/kept", "now");
    await busy.delete("/gone");
    await busy.create("/s-", "", { mode: "persistent-sequential" });
    await busy.create("/theirs", "", { mode: "ephemeral" });
    const load = writeUnderLoad(busy);
    while ((await busy.exists("/n/0-30")) === null);
    const outcome = await processes.run("restore", backup, "--server", running.url);
    assert.is(outcome.code, 0, outcome.err);
    const held = (text: string): string | undefined => /\d+ znodes, .*sessions/.exec(text)?.[0];
    assert.match(outcome.out, `${backup}: restored ${held(made)}`);
    assert.match(outcome.out, made.split("; ")[1] ?? "?");
    assert.ok((await load) > 16);

    const fresh = await visit(running);
    const next = await fresh.create("/s-", "", { mode: "persistent-sequential" });
    assert.is(next.path, "/s-0000000005", "the root's sixth child, again");
    assert.ok(next.stat.czxid > lastZxid && next.stat.czxid <= lastZxid + 4, "zxids go on");
    assert.is(await textOf(fresh, "/kept"), "then");
    assert.ok((await fresh.exists("/gone")) !== null);
    assert.is(await fresh.exists("/theirs"), null);
    assert.equal((await fresh.getChildren("/n")).children, [], "no write came through");
    const owner = (await fresh.exists("/mine"))?.ephemeralOwner;
    assert.is(await textOf(steady, "/kept"), "then", "who has seen no more is back");
    assert.is(steady.state.sessionId, owner);
    assert.is(busy.state.status, "suspended", "who has seen more is not");
    for (let i = 0; i < 300; i++) void fresh.create(`/n/${i}`); // A checkpoint, too.
    await fresh.setData("/kept", "later");
    assert.is(await figure(running, "digest_mismatches_count"), 0);
    assert.is(await figure(running, "outstanding_requests"), 0);

    assert.is((await post(running, backup)).status, 200);
    await running.stop("SIGKILL");
    await Promise.all([steady, busy, fresh].map((client) => client.close()));
    await demandFormer(folder);
  });
}

type Refusal = readonly [path: string | undefined, status: number, why: string];

/** Folders and what else is no backup, some of them spoiled copies of a good one. */
function makeBad(good: string): readonly Refusal[] {
  const file = join(root, "a-file");
  writeFileSync(file, "no folder");
  const empty = join(root, "empty");
  mkdirSync(empty);
  const blank = join(root, "blank"); // What SQLite would take for a new database.
  mkdirSync(blank);
  writeFileSync(join(blank, "log.db"), "");
  const emptyApache = join(root, "empty-apache");
  mkdirSync(join(emptyApache, "version-2"), { recursive: true });
  const garbage = join(root, "garbage");
  mkdirSync(garbage);
  writeFileSync(join(garbage, "log.db"), "x".repeat(50_000));
  const damaged = join(root, "damaged");
  cpSync(good, damaged, { recursive: true });
  const bytes = readFileSync(join(damaged, "log.db"));
  bytes.write("kipt", bytes.lastIndexOf("kept"));
  writeFileSync(join(damaged, "log.db"), bytes);
  const unfinished = `${good}.part`;
  cpSync(good, unfinished, { recursive: true });
  const headless = join(root, "headless"); // The tree's file is gone.
  cpSync(good, headless, { recursive: true });
  for (const name of readdirSync(headless)) {
    if (name.startsWith("tree.db")) rmSync(join(headless, name));
  }
  return [
    [undefined, 400, "name a backup"],
    ["", 400, "must be absolute"],
    ["backups/monday", 400, "must be absolute"],
    ["..", 400, "must be absolute"],
    ["/nowhere/at/all", 400, "is it a backup"],
    ["/", 400, "is it a backup"],
    [`${good}\0`, 400, "is it a backup"],
    [join(good, "log.db"), 400, "is it a backup"],
    [file, 400, "is it a backup"],
    [empty, 400, "is it a backup"],
    [blank, 400, "holds no transaction"],
    [emptyApache, 400, "holds no transaction"],
    [`${unfinished}/`, 400, "never finished"],
    [garbage, 500, "not a database"],
    [damaged, 500, `${damaged}: batch`],
    [headless, 500, "tree.db"],
  ];
}

test("a restore that cannot be done says why and changes nothing", async () => {
  const folder = join(root, "own");
  const running = await processes.serve(folder);
  const client = await visit(running);
  await client.create("/n", "kept");
  const good = join(root, "good");
  await backUp(running, good);
  await client.setData("/n", "newer");
  const before = client.lastZxid;

  const link = join(root, "link-to-own");
  symlinkSync(folder, link);
  const other = await processes.serve(join(root, "other"));

  const inUse = [folder, link, join(root, "other")].map((path): Refusal => [path, 409, "in use"]);
  for (const [path, status, why] of [...makeBad(good), ...inUse]) {
    const { status: given, body } = await post(running, path);
    const said = String(body["error"]);
    assert.match(said, why, `${path}: ${said}`);
    assert.is(given, status, `${path}: ${said}`);
  }
  assert.is((await post(running, good, {})).status, 401);
  assert.is((await post(running, good, { authorization: "digest" })).status, 401);
  await client.setAcl("/", [{ scheme: "digest", id: "bob:x", perms: 31 }]);
  const stranger = await processes.run("restore", good, "--server", running.url);
  assert.is(stranger.code, 3);
  assert.match(stranger.err, "Not authorized");
  assert.match(stranger.err, "--auth");
  assert.is((await fetch(`${running.url}/restore?path=${good}`)).status, 405);

  assert.is(await textOf(client, "/n"), "newer");
  assert.is(client.lastZxid, before + 1, "the client's connection has seen none of it");
  assert.is(client.state.status, "connected");
  await client.close();
  await Promise.all([other.stop(), running.stop()]);
  assert.match((await processes.run("check", folder)).out, "all is well");
  assert.is((await processes.run("restore", good, "--server", running.url)).code, 4);
});

test("restore on a member of an ensemble says what to do instead", async () => {
  const consensus = { restore: undefined } as unknown as Consensus;
  const command = restoreCommand({ consensus, logger: quiet }, { holder: undefined });
  const args = new Map([["path", join(root, "good")]]);
  const { status, error } = await command.run({ args, body: noBody() });
  assert.is(status, 409);
  assert.match(error ?? "", "stop all of them");
});

test("a disk without room for another tree is told of before anybody is disconnected", async () => {
  const folder = join(root, "stopped");
  const running = await processes.serve(folder);
  const client = await visit(running);
  await client.create("/n", "x".repeat(1_000_000));
  await client.close();
  await running.stop();
  const consensus = { restore: async () => {} } as unknown as Consensus;
  const ask = async (freeBytes: number): Promise<AdminReply> => {
    const parts = { consensus, logger: quiet, freeBytes: async () => freeBytes };
    const args = new Map([["path", folder]]);
    return await restoreCommand(parts, { holder: undefined }).run({ args, body: noBody() });
  };
  const refused = await ask(33 << 20);
  assert.is(refused.status, 507);
  assert.match(refused.error ?? "", /takes 34 MiB, but 33 MiB of the disk are free/);
  assert.is((await ask(35 << 20)).status, undefined);
  const unnamed = await processes.run("restore", "", "--server", running.url);
  assert.is(unnamed.code, 2);
});

test("of two restores, or a backup and a restore, at once one is refused", async () => {
  const running = await processes.serve(join(root, "twice"));
  const client = await visit(running);
  await client.create("/n");
  for (let i = 0; i < 3_000; i++) void client.create(`/n/${i}`, "x".repeat(1_000));
  await client.sync("/");
  const backup = join(root, "once");
  await backUp(running, backup);
  const both = await Promise.all([post(running, backup), post(running, backup)]);
  assert.equal(both.map(({ status }) => status).sort(), [200, 409]);
  const writing = fetch(`${running.url}/backup?path=${join(root, "meanwhile")}`, {
    method: "POST",
    headers: AUTH,
  });
  const answer = await (await writing).body?.getReader().read();
  assert.match(TEXT.decode(answer?.value), "step");
  const { status, body } = await post(running, backup);
  assert.is(status, 409);
  assert.match(String(body["error"]), "another backup is under way");
  await client.close();
  await running.stop();
});

test.run();
