import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../../client/mod.ts";
import { freePort } from "../../../tools/free_ports.ts";

const COMMAND = join(import.meta.dirname, "../../../bin/zookit.js");
const folder = mkdtempSync(join(tmpdir(), "zookit-command-"));

test.after(() => rmSync(folder, { recursive: true, force: true }));

test("zookit ensemble 3 runs three servers, says who leads, and ends with a signal", async () => {
  const port = await freePort();
  const args = ["ensemble", "3", "--port", String(port), "--data-dir", join(folder, "data")];
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const isServing = (): boolean => {
    return /: leader /.test(output) && (output.match(/: follower /g) ?? []).length >= 2;
  };
  while (!isServing() && child.exitCode === null) output += (await once(child.stdout, "data"))[0];
  const client = await connect({ servers: `127.0.0.1:${port},127.0.0.1:${port + 2}` });
  await client.create("/tried", "out");
  await client.close();
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  assert.is(code, 0, output);
  const messages = readFileSync(join(folder, "data/1/messages.log"), "utf8");
  assert.match(messages, /"msg":"role"/);
});

test.run();
