import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../../client/mod.ts";
import { freePortBefore } from "../../../tools/free_ports.ts";

const COMMAND = join(import.meta.dirname, "../../../bin/zookit.js");
const folder = mkdtempSync(join(tmpdir(), "zookit-command-"));
/** Those of the three servers behind the first one's client port, as `zookit ensemble` says. */
const OTHER_PORTS = [1, 2, ...[707, 1707].flatMap((first) => [first, first + 1, first + 2])];

test.after(() => rmSync(folder, { recursive: true, force: true }));

test("zookit ensemble 3 runs three servers, says who leads, and ends with a signal", async () => {
  const port = await freePortBefore(OTHER_PORTS);
  const args = ["ensemble", "3", "--port", String(port), "--data-dir", join(folder, "data")];
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const exit = once(child, "exit");
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  const isServing = (): boolean => {
    return /: leader /.test(output) && (output.match(/: follower /g) ?? []).length >= 2;
  };
  while (!isServing()) {
    await Promise.race([once(child.stdout, "data"), exit]);
    assert.is(child.exitCode, null, output);
  }
  const client = await connect({ servers: `127.0.0.1:${port},127.0.0.1:${port + 2}` });
  await client.create("/tried", "out");
  await client.close();
  child.kill("SIGTERM");
  const [code] = await exit;
  assert.is(code, 0, output);
  const messages = readFileSync(join(folder, "data/1/messages.log"), "utf8");
  assert.match(messages, /"msg":"role"/);
});

test("zookit ensemble ends at once, and names the folder, where none can be made", async () => {
  const child = spawn(process.execPath, [COMMAND, "ensemble", "1", "--data-dir", "/proc/zookit/x"]);
  let output = "";
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, "close");
  assert.is(code, 3, output);
  assert.match(output, /^zookit: cannot write to \/proc\/zookit\/x: ENOENT/m);
});

test.run();
