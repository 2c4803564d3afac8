import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../client/mod.ts";
import { createServer, essentials, sqliteStorage } from "../../mod.ts";

const COMMAND = join(import.meta.dirname, "../../bin/zookit.js");
const START = "Deno" in globalThis ? ["run", "-A", COMMAND] : [COMMAND];
const root = mkdtempSync(join(tmpdir(), "zookit-backup-"));
const children = new Set<ChildProcess>();

test.after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function zookit(...args: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [...START, ...args]);
  children.add(child);
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  const [code] = await once(child, "close");
  children.delete(child);
  return { code, out, err };
}

interface Running {
  readonly hosts: string;
  /** Of the admin server. */
  readonly url: string;
  stop(): Promise<void>;
}

/** A server that writes checkpoints often. */
async function serve(folder: string): Promise<Running> {
  const config = join(root, `${mkdtempSync(join(root, "cfg-")).slice(-6)}.cfg`);
  const lines = ["clientPort=0", "clientPortAddress=127.0.0.1", "admin.serverPort=0"];
  const more = ["admin.serverAddress=127.0.0.1", "snapCount=200", `dataDir=${folder}`];
  writeFileSync(config, [...lines, ...more].join("\n"));
  const child = spawn(process.execPath, [...START, "serve", config]);
  children.add(child);
  const exit = once(child, "close");
  let out = "";
  let err = "";
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  const ended = exit.then(() => "ended");
  const urlOf = (text: string) => /http:\/\/\S+\/commands\b/.exec(text)?.[0];
  // Which of the two pipes is read first is chance.
  while (!out.includes("\n") || urlOf(err) === undefined) {
    const more = [child.stdout, child.stderr].map((stream) => once(stream, "data"));
    if ((await Promise.race([...more, ended])) === "ended") throw new Error(err);
  }
  return {
    hosts: /127\.0\.0\.1:\d+/.exec(out)?.[0] ?? "",
    url: urlOf(err) ?? "",
    stop: async () => {
      child.kill("SIGTERM");
      await exit;
      children.delete(child);
    },
  };
}

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
  const running = await serve(join(root, "live"));
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
