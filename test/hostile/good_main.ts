/**
 * The well-behaved client, in a process of its own: `good_main.ts PORT PID`, both the server's.
 * Works until it is told to stop, checks every answer, and reports what it saw.
 */
import * as assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, ZkError } from "../../client/mod.ts";
import type { GoodReport } from "./good_client.ts";

const HOME = "/good";
const PAUSE_MS = 2;
const [port = "", pid = ""] = process.argv.slice(2);
const zk = await connect({ servers: `127.0.0.1:${port}`, timeoutMs: 30_000 });
await zk.addAuth("digest", "good:secret");
const acl = [{ perms: 31, scheme: "auth", id: "" }];
try {
  await zk.create(HOME, "0", { acl });
} catch (error) {
  if (!(error instanceof ZkError) || error.kind !== "NodeExists") throw error;
}

let latencies: number[] = [];
let wrong: string[] = [];
let stopping = false;
let round = 0;
let version = (await zk.setData(HOME, "0")).version;

async function timed<T>(work: Promise<T>): Promise<T> {
  const [began, waited] = [performance.now(), waitedMs()];
  const result = await work;
  const tookMs = performance.now() - began - (waitedMs() - waited);
  latencies.push(Math.max(0, tookMs));
  return result;
}

/** How long server and client could have run so far and had no processor, where Linux tells. */
function waitedMs(): number {
  return [pid, "self"].reduce((sum, process) => {
    try {
      const [, waitedNs] = readFileSync(`/proc/${process}/schedstat`, "utf8").split(" ");
      return sum + Number(waitedNs) / 1e6;
    } catch {
      return sum; // Then the machine had better be idle.
    }
  }, 0);
}

async function once(): Promise<void> {
  round += 1;
  const text = `round ${round}`;
  const stat = await timed(zk.setData(HOME, text, { version }));
  version += 1;
  assert.equal(stat.version, version);
  const found = await timed(zk.getData(HOME));
  assert.equal(new TextDecoder().decode(found.data ?? undefined), text);
  assert.equal(found.stat.version, version);
  const child = `${HOME}/c${round}`;
  await timed(zk.create(child, text, { acl, mode: "ephemeral" }));
  const children = await timed(zk.getChildren(HOME));
  assert.deepEqual(children.children, [`c${round}`]);
  await timed(zk.delete(child));
  assert.equal(await timed(zk.exists(child)), null);
}

async function work(): Promise<void> {
  while (!stopping) {
    try {
      await once();
    } catch (error) {
      if (wrong.length < 20) wrong.push(String(error));
      if (wrong.length >= 20) return;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function report(): GoodReport {
  const sorted = latencies.sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  const result = { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), wrong };
  latencies = [];
  wrong = [];
  return result;
}

const working = work();
process.on("message", (message) => {
  if (message === "report") process.send?.(report());
  else {
    stopping = true;
    void working.then(() => zk.close()).then(() => process.exit(0));
  }
});
process.on("disconnect", () => process.exit(1));
process.send?.("ready");
