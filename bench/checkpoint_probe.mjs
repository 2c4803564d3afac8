/**
 * Loaded into the server by `checkpoint.ts` before anything else: takes the time of each slice of a
 * checkpoint and the event loop's delay. On SIGUSR2 it appends what it saw since the last time, as
 * a line of JSON, to the file that PROBE_FILE names. PROBE_DIST is the folder of the server's code.
 */
import { appendFileSync } from "node:fs";
import { createRequire } from "node:module";
import { monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

const dist = process.env.PROBE_DIST;
const code = (file) => import(pathToFileURL(`${dist}/${file}`).href);
const { ChangeTracker } = await code("core/tree/snapshot.js");
const { NodeGroup } = await code("storage/sqlite/node_group.js");
const { SqliteTree } = await code("storage/sqlite/sqlite_tree.js");
const { Statement } = createRequire(`${dist}/`)("sqlite3");

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
let seen;
reset();

function reset() {
  seen = { sliceMsMax: 0, bindMsMax: 0, gcMsMax: 0, slices: 0, nodes: 0, firstMs: 0, lastMs: 0 };
  delay.reset();
}

// Cutting a slice and handing it over is one turn of the event loop, with promises in between.
let beganMs;
const { take } = ChangeTracker.prototype;
ChangeTracker.prototype.take = function () {
  const source = take.call(this);
  return {
    next: () => {
      beganMs = performance.now();
      const slice = source.next();
      seen.firstMs ||= beganMs;
      seen.lastMs = performance.now();
      seen.sliceMsMax = Math.max(seen.sliceMsMax, seen.lastMs - beganMs);
      seen.slices += 1;
      seen.nodes += slice?.nodeCount ?? 0;
      return slice;
    },
    close: () => source.close(),
  };
};
const { change } = SqliteTree.prototype;
SqliteTree.prototype.change = function (...words) {
  const done = change.apply(this, words);
  if (words[1].nodes !== undefined) {
    seen.sliceMsMax = Math.max(seen.sliceMsMax, performance.now() - beganMs);
  }
  return done;
};
const { add } = NodeGroup.prototype;
NodeGroup.prototype.add = function (...words) {
  const startMs = performance.now();
  add.apply(this, words);
  seen.sliceMsMax = Math.max(seen.sliceMsMax, performance.now() - startMs);
};
// Appends to the log are made with or without a checkpoint.
const { run } = Statement.prototype;
Statement.prototype.run = function (...values) {
  if (this.sql.startsWith("INSERT INTO batch")) return run.apply(this, values);
  const startMs = performance.now();
  const result = run.apply(this, values);
  seen.bindMsMax = Math.max(seen.bindMsMax, performance.now() - startMs);
  return result;
};

new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) seen.gcMsMax = Math.max(seen.gcMsMax, duration);
}).observe({ entryTypes: ["gc"] });

process.on("SIGUSR2", () => {
  const line = { ...seen, delayMsMax: delay.max / 1e6, delayMsP999: delay.percentile(99.9) / 1e6 };
  appendFileSync(process.env.PROBE_FILE, `${JSON.stringify(line)}\n`);
  reset();
});
