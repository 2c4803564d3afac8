import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../client/mod.ts";
import { createServer, essentials, sqliteStorage } from "../../mod.ts";
import { type Outcome, ZookitProcesses } from "./zookit_process.ts";

const processes = new ZookitProcesses();
const { root } = processes;
const zookit = (...args: readonly string[]): Promise<Outcome> => processes.run(...args);

test.after(() => processes.end());

/** What a server on this folder shows below `/n`: names in order. */
async function namesIn(folder: string): Promise<string[]> {
  const plugins = [...essentials({ logLevel: "silent" }), sqliteStorage({ path: folder })];
  const server = createServer({ plugins });
  await server.start();
  const client = await server.connect();
  const { children: names } = await client.getChildren("/n");
  await client.close();
  await server.stop();
  return [...names].sort();
}

test("a backup under writes holds all that was acknowledged before it, and restores", async () => {
  const running = await processes.serve(join(root, "live"));
  const client = await connect({ servers: running.hosts });
  await client.create("/n");
  let isOver = false;
  const made: string[] = [];
  const lanes = Array.from({ length: 8 }, async (_, lane) => {
    for (let i = 0; !isOver; i++) {
      const name = `${lane}-${String(i).padStart(6, "0")}`;
      await client.create(`/n/${name}`, "x".repeat(100));
      made.push(name);
    }
  });
  while (made.length < 300) await new Promise((resolve) => setImmediate(resolve));
  const before = [...made];
  const backup = join(root, "backup");
  const outcome = await zookit("backup", backup, "--server", running.url);
  const sent = new Set(made);
  isOver = true;
  await Promise.all(lanes);
  assert.is(outcome.code, 0, outcome.err);
  assert.match(outcome.out, /znodes, 1 sessions, \d+ transactions of log; tree digest [\da-f]{16}/);
  assert.not.ok(existsSync(`${backup}.part`));

  const again = await zookit("backup", backup, "--server", running.url);
  assert.is(again.code, 3);
  assert.match(again.err, "holds something already");
  const elsewhere = running.url.replace("/commands", "");
  const lost = await zookit("backup", join(root, "lost"), "--server", elsewhere);
  assert.is(lost.code, 3);
  assert.match(lost.err, "its address ends in /commands");
  await client.close();
  await running.stop();

  assert.match((await zookit("check", backup)).out, /all is well/);
  const restored = join(root, "restored");
  const back = await zookit("restore", backup, "--to", restored);
  assert.is(back.code, 0, back.err);
  assert.match(back.out, outcome.out.split("; ")[1] ?? "?");
  const names = await namesIn(restored);
  const there = new Set(names);
  assert.equal(
    before.filter((name) => !there.has(name)),
    [],
  );
  assert.ok(names.length >= before.length && names.length <= sent.size + lanes.length);
});

test("backup --from copies a stopped server, and restore overwrites nothing", async () => {
  const live = join(root, "live");
  const backup = join(root, "offline");
  assert.is((await zookit("backup", backup, "--from", live)).code, 0);
  const target = join(root, "target");
  mkdirSync(target);
  writeFileSync(join(target, "keep"), "");
  const refused = await zookit("restore", backup, "--to", target);
  assert.is(refused.code, 3);
  assert.match(refused.err, "holds something already: name a new folder");
  assert.equal(readdirSync(target), ["keep"]);
});

test("a backup that was never finished is neither restored nor well", async () => {
  const part = join(root, "broken-off.part");
  cpSync(join(root, "offline"), part, { recursive: true });
  const refused = await zookit("restore", `${part}/`, "--to", join(root, "from-part"));
  assert.is(refused.code, 3);
  assert.match(refused.err, "never finished");
  const checked = await zookit("check", part);
  assert.is(checked.code, 3);
  assert.match(checked.out, "never finished");
});

test("backup says what to do when there is no admin server", async () => {
  const outcome = await zookit(
    "backup",
    join(root, "none"),
    "--server",
    "http://127.0.0.1:1/commands",
  );
  assert.is(outcome.code, 4);
  assert.match(outcome.err, "--from");
});

test.run();
