/** Runs the ten lines of `server.ts` as an operator would: starts, uses, stops and restarts it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "../../client/mod.ts";
import { runArguments } from "../../tools/runtime.ts";

const READY = /ready on (\S+)\n/;

interface Running {
  readonly process: ChildProcess;
  readonly address: string;
}

async function start(data: string): Promise<Running> {
  const child = spawn(process.execPath, runArguments(join(import.meta.dirname, "server.ts")), {
    env: { ...process.env, ZOOKIT_DATA: data, ZOOKIT_PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  for await (const chunk of child.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    output += String(chunk);
    const address = READY.exec(output)?.[1];
    if (address !== undefined) return { process: child, address };
  }
  throw new Error(`the server ended before it was ready: ${output}`);
}

async function stop({ process: child }: Running): Promise<void> {
  const exit = once(child, "exit");
  // Not child.kill(): Deno then reports the signal even of a process that ended by itself.
  process.kill(child.pid ?? 0, "SIGTERM");
  assert.deepEqual(await exit, [0, null], "a server that is told to stop exits with 0");
}

const data = await mkdtemp(join(tmpdir(), "zookit-example-"));
try {
  const first = await start(data);
  console.log(`a server on ${first.address}`);
  const writer = await connect({ servers: first.address });
  await writer.create("/greeting", "hello");
  await writer.close();
  await stop(first);

  const second = await start(data);
  console.log(`the same data on ${second.address}`);
  const reader = await connect({ servers: second.address });
  const greeting = await reader.getData("/greeting");
  assert.equal(new TextDecoder().decode(greeting.data ?? undefined), "hello");
  await reader.close();
  await stop(second);
} finally {
  await rm(data, { recursive: true });
}
