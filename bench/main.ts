/**
 * `npm run bench`: Zookit and Apache ZooKeeper measured in turn, in one run, with every answer
 * checked. See `docs/benchmarks.md`.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { benchEnsembles } from "./ensemble_bench.ts";
import { measureFill } from "./fill.ts";
import type { Generator, Measurement } from "./generator.ts";
import { compare, formatTable, type Row, roofRefusal } from "./report.ts";
import {
  type Product,
  type RunningServer,
  startAndAwait,
  startGeneratorRoof,
  startRuntimeRoof,
} from "./servers.ts";
import { readNames, readNumber, setUp } from "./set_up.ts";
import { FILL, WORKLOADS, type Workload } from "./workloads.ts";

const USAGE = `npm run bench -- [options]; for ensembles: npm run bench ensemble -- --help
  --workloads a,b   of: ${[...WORKLOADS.map((each) => each.name), FILL].join(" ")}
  --servers a,b     of: apache zookit (default: both)
  --rounds n        rounds per workload and server (default 5)
  --seconds n       length of a round (default 5)
  --znodes n        loaded by the workload "fill" (default 1000000)
  --runtime "words" what starts Zookit and its roof (default: this Node)
  --directory path  where the data directories go; a local disk (default: the temporary folder)
  --json file       also write the rows to a file
  --quick           short rounds and no real warm-up: to see that it works, not to quote`;

const WARM_UP_SECONDS = 32;

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
  const workloads = readNames("workload", values.workloads, known);
  const servers = readNames("server", values.servers, ["apache", "zookit"]);
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

/** Runs what the servers will be asked to do, so that their compilers have seen it. */
async function warmUp(generator: Generator, server: RunningServer, seconds: number): Promise<void> {
  const phases = ["mix-pipelined", "create-pipelined", "get-unpipelined", "set-unpipelined"];
  for (const { words } of WORKLOADS.filter(({ name }) => phases.includes(name))) {
    await generator.measure(server, [...words, "--seconds", String(seconds / phases.length)]);
  }
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

async function main(): Promise<void> {
  const options = readOptions();
  const { directory, generator, products } = await setUp(options);
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

if (process.argv[2] === "ensemble") await benchEnsembles(process.argv.slice(3));
else await main();
