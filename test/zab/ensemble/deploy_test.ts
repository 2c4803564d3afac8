import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../../client/mod.ts";
import { freePorts } from "../../../tools/free_ports.ts";
import { fourLetters } from "../../interop/server.ts";

const ROOT = join(import.meta.dirname, "../../..");
const DEPLOY = join(ROOT, "examples/deploy");
const folder = mkdtempSync(join(tmpdir(), "zookit-deploy-"));
const children: ChildProcess[] = [];

test.after(async () => {
  for (const child of children) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
});

/** The roles of these servers, once each has one. */
async function modesOf(ports: readonly number[]): Promise<(string | undefined)[]> {
  for (;;) {
    const answers = await Promise.all(ports.map((port) => fourLetters(port, "srvr")));
    const modes = answers.map((answer) => /^Mode: (.*)$/m.exec(answer)?.[1]);
    if (!modes.includes(undefined)) return modes;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What the image sets for each process in it. */
function imageVariables(): Record<string, string> {
  const text = readFileSync(join(DEPLOY, "Containerfile"), "utf8").replaceAll("\\\n", " ");
  const env = /^ENV (.*)$/m.exec(text)?.[1] ?? "";
  const pairs = env.trim().split(/\s+/);
  return Object.fromEntries(pairs.map((pair) => pair.split("=") as [string, string]));
}

test("the image's variables and two more make a server a member of an ensemble", async () => {
  const ports = await freePorts(9);
  const [one = [], two = [], three = []] = [0, 3, 6].map((at) => ports.slice(at, at + 3));
  const servers = [one, two, three].map(([client, quorum, election], i) => {
    return `server.${i + 1}=127.0.0.1:${quorum}:${election};${client}`;
  });
  const { PATH: _, ...variables } = imageVariables();
  assert.is(variables["ZOO_TICK_TIME"], "2000");
  for (const id of [1, 2, 3]) {
    const home = join(folder, String(id));
    mkdirSync(home);
    // Folders and addresses of a machine of its own are all that is different here.
    const env = {
      PATH: process.env["PATH"],
      ...variables,
      ZOO_CONF_DIR: home,
      ZOO_DATA_DIR: join(home, "data"),
      ZOO_DATA_LOG_DIR: join(home, "data"),
      ZOO_ADMINSERVER_ENABLED: "false",
      ZOO_CFG_EXTRA: "clientPortAddress=127.0.0.1",
      ZOO_MY_ID: String(id),
      ZOO_SERVERS: servers.join(" "),
    };
    const command = [join(ROOT, "bin/zookit.js"), "serve"];
    children.push(spawn(process.execPath, command, { cwd: home, env, stdio: "ignore" }));
  }
  const addresses = [one, two, three].map(([client]) => `127.0.0.1:${client}`);
  const client = await connect({ servers: addresses.join(","), timeoutMs: 20_000 });
  await client.create("/deployed", "yes");
  await client.close();
  // All of them: who is still on the way to serving may not have heard of SIGTERM yet.
  const modes = await modesOf([one, two, three].map(([port = 0]) => port));
  assert.equal(modes.sort(), ["follower", "follower", "leader"]);
  for (const child of children) child.kill("SIGTERM");
  const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
  assert.equal(codes, [0, 0, 0]);
});

test("systemd finds nothing wrong in the unit", () => {
  try {
    execFileSync("systemd-analyze", ["--version"]);
  } catch {
    console.log("SKIPPED the unit: there is no systemd-analyze here");
    return;
  }
  const unit = readFileSync(join(DEPLOY, "zookit.service"), "utf8");
  assert.match(unit, /^ExecStart=\/usr\/local\/bin\/zookit serve \/etc\/zookit\/zoo\.cfg$/m);
  // It looks for the program, which is not installed there.
  const file = join(folder, "zookit.service");
  writeFileSync(file, unit.replace("/usr/local/bin/zookit", process.execPath));
  const said = execFileSync("systemd-analyze", ["verify", "--man=no", file], { encoding: "utf8" });
  assert.is(said, "");
});

test.run();
