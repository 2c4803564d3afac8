/**
 * What a checkpoint costs those who are served meanwhile: `npx tsx bench/checkpoint.ts [ROUNDS]
 * [ZNODES]`.
 *
 * Each round fills a fresh server with znodes of 100 bytes, then sends 20,000 setData a second,
 * first without and then with a checkpoint of all of them under way. Prints the longest delay of
 * the server's event loop in both, and the longest slice of the checkpoint's code.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { buildZookit } from "./build.ts";
import { Generator } from "./generator.ts";
import { median } from "./report.ts";
import { killAll, type RunningServer, startAndAwait, zookit } from "./servers.ts";

const RATE = 20_000;
const SECONDS = 25;
const WARM_UP_SECONDS = 3;
/** Requests of the phase with the checkpoint before it begins. */
const LEAD = RATE;
const ROOT = "/fill";
const CONNECTIONS = ["--connections", "16", "--window", "64"];
const PACED = [...CONNECTIONS, "--rate", String(RATE)];
const PROBE = fileURLToPath(new URL("checkpoint_probe.mjs", import.meta.url));

/** What `checkpoint_probe.mjs` writes; milliseconds. */
interface Seen {
  /** Of slices during which the event loop kept its core. */
  readonly sliceMsMax: number;
  /** By the clock, of all slices. */
  readonly wholeMsMax: number;
  readonly gcMsMax: number;
  readonly slices: number;
  readonly nodes: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly delayMsMax: number;
  readonly delayMsP999: number;
}

interface Phase extends Seen {
  readonly perSecond: number;
  readonly p999Us: number;
}

async function measureRound(script: string, directory: string, znodes: number): Promise<Phase[]> {
  const generator = await Generator.build(directory);
  const probeFile = join(directory, "probe.jsonl");
  writeFileSync(probeFile, "");
  process.env["PROBE_FILE"] = probeFile;
  process.env["PROBE_DIST"] = join(dirname(script), "..", "dist");
  const before = znodes + RATE * (SECONDS + WARM_UP_SECONDS);
  const product = zookit([process.execPath, "--import", PROBE], script);
  const settings = [`snapCount=${before + LEAD}`];
  const server = await startAndAwait(product, directory, generator, settings);
  const runPhase = async (seconds: number): Promise<Phase> => {
    await look(server, probeFile);
    const words = ["set", ...PACED, "--seconds", String(seconds)];
    const { perSecond, p999Us } = await generator.measure(server, words);
    return { ...(await look(server, probeFile)), perSecond, p999Us };
  };
  try {
    const count = ["--count", String(znodes), "--seconds", "900"];
    await generator.measure(server, ["create", "--keep", "--root", ROOT, ...CONNECTIONS, ...count]);
    await runPhase(WARM_UP_SECONDS);
    const without = await runPhase(SECONDS);
    const during = await runPhase(SECONDS);
    if (without.nodes > 0) throw new Error("the checkpoint came too early");
    if (during.nodes < znodes) throw new Error(`only ${during.nodes} znodes were written in time`);
    return [without, during];
  } finally {
    await server.stop();
  }
}

/** What the server saw since the last look. */
async function look(server: RunningServer, probeFile: string): Promise<Seen> {
  const size = readFileSync(probeFile).length;
  process.kill(server.pid, "SIGUSR2");
  for (;;) {
    const text = readFileSync(probeFile, "utf8");
    if (text.length > size && text.endsWith("\n")) {
      return JSON.parse(text.trimEnd().split("\n").at(-1)!) as Seen;
    }
    await sleep(5);
  }
}

function format({ perSecond, p999Us, delayMsMax, delayMsP999, gcMsMax }: Phase): string {
  return (
    `${Math.round(perSecond)} setData/s, p99.9 ${(p999Us / 1000).toFixed(1)} ms; event loop ` +
    `delayed ${delayMsMax.toFixed(1)} ms at most, p99.9 ${delayMsP999.toFixed(1)} ms; ` +
    `longest collection ${gcMsMax.toFixed(1)} ms`
  );
}

async function main(): Promise<void> {
  const [rounds = 5, znodes = 1_000_000] = process.argv.slice(2).map(Number);
  const script = await buildZookit();
  const found: Phase[][] = [];
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
  process.once("exit", killAll);
  for (let round = 0; round < rounds; round++) {
    const directory = mkdtempSync(join(tmpdir(), "zookit-checkpoint-"));
    try {
      const [without, during] = (await measureRound(script, directory, znodes)) as [Phase, Phase];
      found.push([without, during]);
      const { nodes, slices, firstMs, lastMs, sliceMsMax, wholeMsMax } = during;
      console.log(`without: ${format(without)}\nwith:    ${format(during)}`);
      console.log(
        `         ${nodes} znodes in ${slices} slices and ${Math.round(lastMs - firstMs)} ms; ` +
          `longest slice ${sliceMsMax.toFixed(1)} ms, by the clock ` +
          `${wholeMsMax.toFixed(1)} ms, also where the kernel took the core away`,
      );
    } finally {
      killAll();
      rmSync(directory, { recursive: true, force: true });
    }
  }
  const growth = median(found.map(([a, b]) => b!.delayMsMax - a!.delayMsMax));
  const slice = median(found.map(([, b]) => b!.sliceMsMax));
  const whole = median(found.map(([, b]) => b!.wholeMsMax));
  console.log(`median of ${rounds}: delay grows by ${growth.toFixed(1)} ms (20 are allowed)`);
  console.log(
    `median of ${rounds}: longest slice ${slice.toFixed(1)} ms (5 are allowed), by the clock ` +
      `${whole.toFixed(1)} ms`,
  );
}

await main();
