/**
 * Loaded into the server by `checkpoint.ts` before anything else: takes the time of each slice of a
 * checkpoint and the event loop's delay. On SIGUSR2 it appends what it saw since the last time, as
 * a line of JSON, to the file that PROBE_FILE names. PROBE_DIST is the folder of the server's code.
 */
import { appendFileSync, openSync, readSync } from "node:fs";
import { monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

const dist = process.env.PROBE_DIST;
const code = (file) => import(pathToFileURL(`${dist}/${file}`).href);
const { ChangeTracker } = await code("core/tree/snapshot.js");
const { NodeGroup } = await code("storage/sqlite/node_group.js");
const { SqliteTree } = await code("storage/sqlite/sqlite_tree.js");

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const STATUS = openSync("/proc/thread-self/status", "r");
const status = Buffer.alloc(4096);
let seen;
reset();

function reset() {
  seen = { sliceMsMax: 0, wholeMsMax: 0, gcMsMax: 0, slices: 0, nodes: 0, firstMs: 0, lastMs: 0 };
  delay.reset();
}

// On a machine with few cores the kernel may take the core away in the middle of a slice, above all
// where it wakes SQLite's thread. Both times are taken: all of them by the clock, and those of
// slices that kept their core.
function begin() {
  return { ms: performance.now(), lost: timesTheCoreWasLost() };
}

function end({ ms, lost }) {
  const tookMs = performance.now() - ms;
  seen.wholeMsMax = Math.max(seen.wholeMsMax, tookMs);
  if (tookMs > seen.sliceMsMax && timesTheCoreWasLost() === lost) seen.sliceMsMax = tookMs;
}

/** Into a buffer that is used again: new ones would be work for the collector, in the slices. */
function timesTheCoreWasLost() {
  const length = readSync(STATUS, status, 0, status.length, 0);
  const at = status.lastIndexOf("nonvoluntary_ctxt_switches:", length);
  return Number.parseInt(status.latin1Slice(at + 27, length), 10);
}

// Cutting a slice and handing it over is one turn of the event loop, with promises in between.
let began;
const { take } = ChangeTracker.prototype;
ChangeTracker.prototype.take = function () {
  const source = take.call(this);
  return {
    next: () => {
      began = begin();
      const slice = source.next();
      end(began);
      seen.firstMs ||= began.ms;
      seen.lastMs = performance.now();
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
  if (words[1].nodes !== undefined) end(began);
  return done;
};
const { add } = NodeGroup.prototype;
NodeGroup.prototype.add = function (...words) {
  const ownBegan = begin();
  add.apply(this, words);
  end(ownBegan);
};

new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) seen.gcMsMax = Math.max(seen.gcMsMax, duration);
}).observe({ entryTypes: ["gc"] });

process.on("SIGUSR2", () => {
  const line = { ...seen, delayMsMax: delay.max / 1e6, delayMsP999: delay.percentile(99.9) / 1e6 };
  appendFileSync(process.env.PROBE_FILE, `${JSON.stringify(line)}\n`);
  reset();
});
