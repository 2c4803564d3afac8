/**
 * `npm run bench`: Zookit and Apache ZooKeeper measured in turn, in one run, with every answer
 * checked. See `docs/benchmarks.md`.
 */
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildZookit } from "./build.ts";
import { measureFill } from "./fill.ts";
import { Generator, type Measurement } from "./generator.ts";
import { compare, formatTable, type Row } from "./report.ts";
import {
  APACHE,
  isApacheInstalled,
  killAll,
  type Product,
  type RunningServer,
  startAndAwait,
  startGeneratorRoof,
  startRuntimeRoof,
  zookit,
} from "./servers.ts";
import { FILL, WORKLOADS, type Workload } from "./workloads.ts";

const USAGE = `npm run bench -- [options]
  --workloads a,b   of: ${[...WORKLOADS.map((each) => each.name), FILL].join(" ")}
  --servers a,b     of: apache zookit (default: both)
  --rounds n        rounds per workload and server (default 5)
  --seconds n       length of a round (default 5)
  --znodes n        loaded by the workload "fill" (default 1000000)
  --runtime "words" what starts Zookit and its roof (default: this Node)
  --directory path  where the data directories go; a local disk (default: the temporary folder)
  --json file       also write the rows to a file
  --quick           short rounds and no real warm-up: to see that it works, not to quote`;

/** How far the generator must be able to pass a figure for it to be printed. */
const ROOF_RATIO_MIN = 1.5;
const WARM_UP_SECONDS = 32;
const TMPFS_MAGIC = 0x01021994;

interface Options {
  readonly workloads: readonly string[];
  readonly servers: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly znodes: number;
  readonly runtime: readonly string[];
  readonly directory: string;
  readonly json: string | undefined;
}

function readOptions(): Options {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const names = { workloads: text, servers: text, rounds: text, seconds: text, znodes: text };
  const rest = {
    runtime: text,

    directory: text,
    json: text,
    quick: flag,
    help: flag,
  };
  const { values } = parseArgs({ options: { ...names, ...rest } });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const runtime = values.runtime?.split(" ") ?? [process.execPath];
  const known = [...WORKLOADS.map((each) => each.name), FILL];
  const workloads = values.workloads?.split(",") ?? known;
  const servers = values.servers?.split(",") ?? ["apache", "zookit"];
  const strange = workloads.find((name) => !known.includes(name));
  if (strange !== undefined) throw new Error(`no workload ${strange}\n${USAGE}`);
  const stranger = servers.find((name) => name !== "apache" && name !== "zookit");
  if (stranger !== undefined) throw new Error(`no server ${stranger}\n${USAGE}`);
  return {
    workloads,
    servers,
    rounds: readNumber("rounds", values.rounds, values.quick ? 2 : 5),
    seconds: readNumber("seconds", values.seconds, values.quick ? 1 : 5),
    warmUpSeconds: values.quick ? 2 : WARM_UP_SECONDS,
    znodes: readNumber("znodes", values.znodes, values.quick ? 100_000 : 1_000_000),
    runtime,
    directory: values.directory ?? tmpdir(),
    json: values.json,
  };
}

function readNumber(name: string, text: string | undefined, byDefault: number): number {
  const value = Number(text ?? byDefault);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number`);
  return value;
}

/** Runs what the servers will be asked to do, so that their compilers have seen it. */
async function warmUp(generator: Generator, server: RunningServer, seconds: number): Promise<void> {
  const phases = ["mix-pipelined", "create-pipelined", "get-unpipelined", "set-unpipelined"];
  for (const { words } of WORKLOADS.filter(({ name }) => phases.includes(name))) {
    await generator.measure(server, [...words, "--seconds", String(seconds / phases.length)]);
  }
}

function roofRefusal(reached: number, figures: readonly number[]): string | undefined {
  const highest = Math.max(...figures);
  if (reached >= ROOF_RATIO_MIN * highest) return undefined;
  const [roof, figure] = [reached, highest].map((value) => Math.round(value));
  return `refused: the generator reaches only ${roof}/s, ${ROOF_RATIO_MIN} times ${figure} is due`;
}

interface Bench {
  readonly generator: Generator;
  readonly servers: readonly RunningServer[];
  readonly runtimeRoof: RunningServer;
  readonly generatorRoof: RunningServer;
}

async function measureWorkload(bench: Bench, workload: Workload, options: Options): Promise<Row[]> {
  const { generator } = bench;
  const words = [...workload.words, "--seconds", String(options.seconds)];
  const runtimeRoof = await generator.measure(bench.runtimeRoof, words);
  const generatorRoof = await generator.measure(bench.generatorRoof, words);
  const found = new Map<string, Measurement[]>(bench.servers.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const server of bench.servers) {
      found.get(server.name)?.push(await generator.measure(server, words));
    }
  }
  const figures = [...found.values()].flat().map(({ perSecond }) => perSecond);
  const reached = Math.max(generatorRoof.perSecond, runtimeRoof.perSecond);
  const refusal = workload.isThroughput ? roofRefusal(reached, figures) : undefined;
  if (refusal !== undefined) return [{ workload: workload.name, figure: "", refusal }];
  return workload.figures.map((figure) => {
    const { name, better, goal, read } = figure;
    const about = { workload: workload.name, figure: name, better };
    const row = compare(
      goal === undefined ? about : { ...about, goal },
      found.get("apache")?.map(read) ?? [],
      found.get("zookit")?.map(read) ?? [],
    );
    return { ...row, runtimeRoof: read(runtimeRoof), generatorRoof: read(generatorRoof) };
  });
}

async function measureServing(
  generator: Generator,
  products: readonly Product[],
  options: Options,
): Promise<Row[]> {
  const workloads = WORKLOADS.filter(({ name }) => options.workloads.includes(name));
  if (workloads.length === 0) return [];
  const started: RunningServer[] = [];
  const keep = (server: RunningServer): RunningServer => {
    started.push(server);
    return server;
  };
  try {
    const runtimeRoof = keep(await startRuntimeRoof(options.runtime));
    const generatorRoof = keep(await startGeneratorRoof(generator));
    const servers: RunningServer[] = [];
    const directory = join(options.directory, "serving");
    for (const product of products) {
      servers.push(keep(await startAndAwait(product, directory, generator)));
    }
    await warmUp(generator, runtimeRoof, options.warmUpSeconds / 8);
    for (const server of servers) {
      console.error(`warming up: ${server.name}`);
      await warmUp(generator, server, options.warmUpSeconds);
    }
    const rows: Row[] = [];
    for (const workload of workloads) {
      console.error(`measuring: ${workload.name}, ${workload.about}`);
      const bench = { generator, servers, runtimeRoof, generatorRoof };
      rows.push(...(await measureWorkload(bench, workload, options)));
    }
    return rows;
  } finally {
    for (const server of started) await server.stop();
  }
}

/** In the order in which they take turns. */
async function prepareProducts(options: Options): Promise<Product[]> {
  const products: Product[] = [];
  if (options.servers.includes("apache")) {
    if (!isApacheInstalled()) throw new Error("Debian's package zookeeper is not installed");
    products.push(APACHE);
  }
  if (options.servers.includes("zookit")) {
    products.push(zookit(options.runtime, await buildZookit()));
  }
  return products;
}

async function main(): Promise<void> {
  const options = readOptions();
  mkdirSync(options.directory, { recursive: true });
  if (statfsSync(options.directory).type === TMPFS_MAGIC) {
    throw new Error(`${options.directory} is in memory, where fsync means nothing: --directory`);
  }
  const directory = mkdtempSync(join(options.directory, "zookit-bench-"));
  process.once("exit", () => {
    killAll();
    rmSync(directory, { recursive: true, force: true });
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
  const generator = await Generator.build(directory);
  const products = await prepareProducts(options);
  const rows = await measureServing(generator, products, { ...options, directory });
  if (options.workloads.includes(FILL)) {
    console.error(`measuring: ${FILL}, ${options.znodes} znodes`);
    const filling = {
      products,
      znodes: options.znodes,
      directory: join(directory, FILL),
      restarts: 3,
    };
    rows.push(...(await measureFill(generator, filling)));
  }
  console.log(formatTable(rows));
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(rows, null, 2));
  if (rows.some(({ refusal }) => refusal !== undefined)) process.exitCode = 1;
}

await main();
