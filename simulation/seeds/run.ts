/**
 * Runs seeds and says what they covered: `npm run simulate -- --seeds 1000 --from 1`.
 *
 * `--servers N` runs all of them with so many servers. Ends at the first seed that fails, prints
 * what happened last, and exits 1; `--trace` prints it all.
 */
import { parseArgs } from "node:util";
import { SimulationError } from "../simulate.ts";
import { runSeed, type SeedResult } from "./run_seed.ts";

const LINES_SHOWN = 60;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    servers: { type: "string" },
    trace: { type: "boolean", default: false },
  },
});

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new RangeError(`--${name} ${text}`);
  return value;
}

const from = wholeNumber("from", values.from);
const seeds = wholeNumber("seeds", values.seeds);
const servers = values.servers === undefined ? undefined : wholeNumber("servers", values.servers);

const results: SeedResult[] = [];
const beganMs = performance.now();
for (let seed = from; seed < from + seeds; seed++) {
  try {
    results.push(await runSeed(seed, { servers }));
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error;
    const lines = values.trace ? error.trace : error.trace.slice(-LINES_SHOWN);
    console.log(lines.join("\n"));
    console.log(error.message.split("\n")[0]);
    console.log(`to run it again: npm run simulate -- --from ${seed} --seeds 1 --trace`);
    process.exitCode = 1;
    break;
  }
}
report(results, (performance.now() - beganMs) / 1_000);

function report(done: readonly SeedResult[], seconds: number): void {
  const counted = done.filter(({ counts }) => counts);
  const names = new Set(done.flatMap(({ coverage }) => [...coverage.keys()]));
  console.log("\nwhat                            seeds   share   times");
  for (const name of [...names].sort()) {
    const having = counted.filter(({ coverage }) => coverage.has(name));
    const times = counted.reduce((sum, { coverage }) => sum + (coverage.get(name) ?? 0), 0);
    const share = `${((100 * having.length) / Math.max(1, counted.length)).toFixed(1)} %`;
    const columns = [String(having.length).padStart(6), share.padStart(8)];
    console.log(`${name.padEnd(30)} ${columns.join("")} ${String(times).padStart(7)}`);
  }
  const virtual = done.reduce((sum, { report: { virtualMs } }) => sum + virtualMs, 0) / 1_000;
  const writes = done.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  console.log(`\n${done.length} seeds passed, ${counted.length} of them count`);
  console.log(`${writes} acknowledged writes, ${virtual.toFixed(0)} s of virtual time`);
  const rate = `${(done.length / seconds).toFixed(1)} seeds a second`;
  console.log(
    `${seconds.toFixed(1)} s: ${(virtual / seconds).toFixed(0)} times real time, ${rate}`,
  );
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / 1e6;
  console.log(`${cpuSeconds.toFixed(1)} s of CPU: ${(virtual / cpuSeconds).toFixed(0)} times that`);
  console.log(`${done.length} passed, ${process.exitCode === 1 ? 1 : 0} failed`);
}
