/**
 * Takes a CPU profile of Zookit on this Node under one workload, and prints where time goes.
 *
 * Run with `npx tsx bench/profile.ts get-pipelined [seconds] [folder for the profiles]`. The files
 * open in the developer tools of Chromium; one for each thread.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildZookit } from "./build.ts";
import { Generator } from "./generator.ts";
import { killAll, startAndAwait, zookit } from "./servers.ts";
import { WORKLOADS } from "./workloads.ts";

const WARM_UP_SECONDS = 4;
const LINES_MAX = 40;

/** The parts of V8's `.cpuprofile` that are read here; times in microseconds. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { functionName: string; url: string; lineNumber: number };
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Self time by function between two moments of the monotonic clock, highest first. */
function selfTimes(profile: Profile, fromUs: number, toUs: number): [string, number][] {
  const names = new Map<number, string>();
  for (const { id, callFrame } of profile.nodes) {
    const file = callFrame.url.replace(/^.*\/(?=[^/]+\/[^/]+\/[^/]+$)/, "");
    const place = file === "" ? "" : ` ${file}:${callFrame.lineNumber + 1}`;
    names.set(id, `${callFrame.functionName || "(anonymous)"}${place}`);
  }
  const times = new Map<string, number>();
  let nowUs = profile.startTime;
  profile.samples.forEach((id, index) => {
    const deltaUs = profile.timeDeltas[index] ?? 0;
    nowUs += deltaUs;
    if (nowUs < fromUs || nowUs > toUs) return;
    const name = names.get(id) ?? "?";
    times.set(name, (times.get(name) ?? 0) + deltaUs);
  });
  return [...times].sort((a, b) => b[1] - a[1]);
}

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

async function main(): Promise<void> {
  const [name = "get-pipelined", seconds = "5", folder] = process.argv.slice(2);
  const workload = WORKLOADS.find((each) => each.name === name);
  if (workload === undefined) throw new Error(`no workload ${name}`);
  const directory = mkdtempSync(join(tmpdir(), "zookit-profile-"));
  process.once("exit", () => {
    killAll();
    rmSync(directory, { recursive: true, force: true });
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
  const profiles = folder ?? join(directory, "profiles");
  mkdirSync(profiles, { recursive: true });
  const generator = await Generator.build(directory);
  const flags = ["--cpu-prof", `--cpu-prof-dir=${profiles}`, "--cpu-prof-interval=500"];
  const product = zookit([process.execPath, ...flags], await buildZookit());
  const server = await startAndAwait(product, directory, generator);
  await generator.measure(server, [...workload.words, "--seconds", String(WARM_UP_SECONDS)]);
  const fromUs = nowUs();
  const found = await generator.measure(server, [...workload.words, "--seconds", seconds]);
  const toUs = nowUs();
  await server.stop();
  console.log(name, JSON.stringify(found));
  for (const file of readdirSync(profiles)) {
    const profile = JSON.parse(readFileSync(join(profiles, file), "utf8")) as Profile;
    const times = selfTimes(profile, fromUs, toUs);
    const totalUs = times.reduce((sum, [, us]) => sum + us, 0);
    console.log(`\n${file}: ${(totalUs / 1e6).toFixed(1)} s`);
    for (const [place, us] of times.slice(0, LINES_MAX)) {
      console.log(`${((100 * us) / totalUs).toFixed(1).padStart(6)} %  ${place}`);
    }
  }
}

await main();
