/**
 * What the SQLite storage costs: `npx tsx bench/storage.ts [package|runtime] [ZNODES]`.
 *
 * Prints commits a second and CPU time a commit, a checkpoint of many znodes with the longest delay
 * of the event loop and of a commit meanwhile, and the time to load them again.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { SnapshotSlice } from "../core/contracts/storage.ts";
import { JuteWriter } from "../core/wire/jute.ts";
import { SqliteStorage } from "../storage/sqlite/mod.ts";
import { batchOf } from "../test/conformance/storage_data.ts";

const SLICE_NODES = 1_000;
const [binding = "package", count = "1000000"] = process.argv.slice(2);
const nodeCount = Number(count);
const path = mkdtempSync(join(tmpdir(), "zookit-bench-"));
const open = (): SqliteStorage =>
  new SqliteStorage({ path, sqlite: binding === "runtime" ? "runtime" : "package" });

const storage = open();
await storage.open();
let zxid = 0;

async function measureAppend(transactions: number): Promise<void> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  let commits = 0;
  while (performance.now() - startMs < 3_000) {
    const zxids = Array.from({ length: transactions }, () => ++zxid);
    await storage.append(batchOf(zxids, 124));
    commits += 1;
  }
  const seconds = (performance.now() - startMs) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    `append, ${transactions} transactions of 160 bytes each: ${Math.round(commits / seconds)}/s, ` +
      `${Math.round((user + system) / commits)} us of CPU each, all threads`,
  );
}

const data = new Uint8Array(100).fill(97);

async function* slices(from: number, to: number): AsyncGenerator<SnapshotSlice> {
  const writer = new JuteWriter(SLICE_NODES * 200);
  for (let first = from; first < to; first += SLICE_NODES) {
    writer.clear();
    for (let index = first; index < first + SLICE_NODES; index++) {
      writer.string(`/app/n${String(index).padStart(10, "0")}`);
      writer.buffer(data);
      writer.long(-1);
      for (let field = 0; field < 4; field++) writer.long(index);
      writer.raw(new Uint8Array(28));
    }
    yield {
      sessions: undefined,
      acls: [],
      deleted: [],
      nodeCount: SLICE_NODES,
      nodes: writer.copy(),
    };
  }
}

async function measureCheckpoint(name: string): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startMs = performance.now();
  let isDone = false;
  let commits = 0;
  let commitMsMax = 0;
  const appending = (async () => {
    while (!isDone) {
      const beganMs = performance.now();
      await storage.append(batchOf([++zxid], 124));
      commitMsMax = Math.max(commitMsMax, performance.now() - beganMs);
      commits += 1;
    }
  })();
  await storage.checkpoint({ zxid, slices: slices(0, nodeCount) });
  isDone = true;
  await appending;
  delay.disable();
  const ms = performance.now() - startMs;
  const [most, nearlyMost] = [delay.max, delay.percentile(99.9)].map((ns) => (ns / 1e6).toFixed(1));
  console.log(
    `${name} of ${nodeCount} znodes of 100 bytes: ${Math.round(ms)} ms; event loop delayed ` +
      `${most} ms at most (99.9 %: ${nearlyMost}); ` +
      `${Math.round((commits / ms) * 1_000)} commits/s beside it, ` +
      `each ${commitMsMax.toFixed(1)} ms at most`,
  );
}

await measureAppend(1);
await measureAppend(100);
await measureCheckpoint("first checkpoint");
await measureCheckpoint("checkpoint of changes");
const openedMs = performance.now();
await storage.close();
const again = open();
const beganMs = performance.now();
await again.open();
const readyMs = performance.now();
let loaded = 0;
for await (const slice of again.load().slices) loaded += slice.nodeCount;
console.log(
  `close ${Math.round(beganMs - openedMs)} ms, open ${Math.round(readyMs - beganMs)} ms, ` +
    `load of ${loaded} znodes ${Math.round(performance.now() - readyMs)} ms`,
);
await again.close();
rmSync(path, { recursive: true });
