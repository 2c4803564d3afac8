/** `npm run bench ensemble`: ensembles of Zookit and of Apache ZooKeeper measured in turn. */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Ensemble, parseShape } from "./ensemble.ts";
import type { Generator, Target } from "./generator.ts";
import { compare, formatTable, median, type Row, roofRefusal } from "./report.ts";
import { type RunningServer, startGeneratorRoof } from "./servers.ts";
import { readNames, readNumber, type SetUp, setUp } from "./set_up.ts";
import { ENSEMBLE_WORKLOADS, ratioWords, type Workload } from "./workloads.ts";

const FAILOVER = "failover";
const RATIOS = "ratios";
const FAILOVER_MS_MAX = 400;
const READ_PERCENTS = [0, 25, 50, 75, 90, 100];
const NAMES = [...ENSEMBLE_WORKLOADS.map(({ name }) => name), FAILOVER, RATIOS];

const USAGE = `npm run bench ensemble -- [options]
  --workloads a,b   of: ${NAMES.join(" ")}
  --servers a,b     of: apache zookit (default: both)
  --shapes a,b      ensembles for ratios, voters and observers (default 3,5,3+2)
  --rounds n        rounds per workload and ensemble (default 5)
  --seconds n       length of a round (default 5)
  --runtime "words" what starts Zookit (default: this Node)
  --directory path  where the data directories go; a local disk (default: the temporary folder)
  --json file       also write the rows to a file
  --quick           short rounds and no real warm-up: to see that it works, not to quote`;

interface Options {
  readonly workloads: readonly string[];
  readonly servers: readonly string[];
  readonly shapes: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly runtime: readonly string[];
  readonly directory: string;
  readonly json: string | undefined;
}

/** One point of the picture: requests a second against the share of reads. */
export interface RatioPoint {
  readonly product: string;
  readonly shape: string;
  readonly readPercent: number;
  readonly perSecond: number;
}

function readOptions(words: string[]): Options {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const names = { workloads: text, servers: text, shapes: text, rounds: text, seconds: text };
  const rest = { runtime: text, directory: text, json: text, quick: flag, help: flag };
  const { values } = parseArgs({ args: words, options: { ...names, ...rest } });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  return {
    workloads: readNames("workload", values.workloads, NAMES),
    servers: readNames("server", values.servers, ["apache", "zookit"]),
    shapes: values.shapes?.split(",") ?? ["3", "5", "3+2"],
    rounds: readNumber("rounds", values.rounds, values.quick ? 2 : 5),
    seconds: readNumber("seconds", values.seconds, values.quick ? 1 : 5),
    warmUpSeconds: values.quick ? 2 : 16,
    runtime: values.runtime?.split(" ") ?? [process.execPath],
    directory: values.directory ?? tmpdir(),
    json: values.json,
  };
}

/** Starts an ensemble of each product, warms them up, and stops them after the task. */
async function withEnsembles<T>(
  bench: SetUp,
  about: { readonly shape: string; readonly warmUpSeconds: number },
  task: (ensembles: readonly Ensemble[]) => Promise<T>,
): Promise<T> {
  const { generator, products } = bench;
  const directory = join(bench.directory, about.shape);
  const started: Ensemble[] = [];
  try {
    for (const product of products) {
      started.push(await Ensemble.start(product, directory, parseShape(about.shape)));
    }
    for (const ensemble of started) {
      console.error(`warming up: ${about.shape} ${ensemble.name}`);
      await warmUp(generator, ensemble, about.warmUpSeconds);
    }
    return await task(started);
  } finally {
    for (const ensemble of started) await ensemble.stop();
  }
}

async function warmUp(generator: Generator, target: Target, seconds: number): Promise<void> {
  for (const percent of [90, 0]) {
    await generator.measure(target, [...ratioWords(percent), "--seconds", String(seconds / 2)]);
  }
}

/** Whom a workload is for. */
async function targetOf(ensemble: Ensemble, { name }: Workload): Promise<Target> {
  if (name === "lone-leader") return await ensemble.only("leader");
  if (name === "lone-follower") return await ensemble.only("follower");
  return ensemble;
}

async function measureWorkload(
  parts: { generator: Generator; ensembles: readonly Ensemble[]; roof: RunningServer },
  workload: Workload,
  { rounds, seconds }: Options,
): Promise<Row[]> {
  const { generator, ensembles, roof } = parts;
  console.error(`measuring: ${workload.name}, ${workload.about}`);
  const words = [...workload.words, "--seconds", String(seconds)];
  const roofFound = await generator.measure(roof, words);
  const found = Object.fromEntries(ensembles.map(({ name }) => [name, [] as Found[]]));
  for (let round = 0; round < rounds; round++) {
    for (const ensemble of ensembles) {
      const target = await targetOf(ensemble, workload);
      found[ensemble.name]?.push(await generator.measure(target, words));
    }
  }
  const all = Object.values(found).flat();
  const refusal = workload.isThroughput
    ? roofRefusal(
        roofFound.perSecond,
        all.map(({ perSecond }) => perSecond),
      )
    : undefined;
  if (refusal !== undefined) return [{ workload: workload.name, figure: "", refusal }];
  return workload.figures.map(({ name: figure, better, goal, read }) => {
    const about = { workload: workload.name, figure, better };
    const row = compare(
      goal === undefined ? about : { ...about, goal },
      found.apache?.map(read) ?? [],
      found.zookit?.map(read) ?? [],
    );
    return { ...row, generatorRoof: read(roofFound) };
  });
}

type Found = Awaited<ReturnType<Generator["measure"]>>;

async function measureFailover(
  generator: Generator,
  ensembles: readonly Ensemble[],
  rounds: number,
): Promise<Row> {
  console.error("measuring: failover, kill -9 of the leader until a write is acknowledged");
  const found = new Map<string, number[]>(ensembles.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const ensemble of ensembles) {
      found.get(ensemble.name)?.push(await ensemble.failOver(generator));
    }
  }
  const figure = "ms to the next write";
  return compare(
    { workload: FAILOVER, figure, better: "lower", limit: FAILOVER_MS_MAX },
    found.get("apache") ?? [],
    found.get("zookit") ?? [],
  );
}

async function measureTable(bench: SetUp, options: Options): Promise<Row[]> {
  const { generator } = bench;
  const workloads = ENSEMBLE_WORKLOADS.filter(({ name }) => options.workloads.includes(name));
  const hasFailover = options.workloads.includes(FAILOVER);
  if (workloads.length === 0 && !hasFailover) return [];
  const about = { shape: "3", warmUpSeconds: options.warmUpSeconds };
  const roof = await startGeneratorRoof(generator);
  try {
    return await withEnsembles(bench, about, async (ensembles) => {
      const rows: Row[] = [];
      for (const workload of workloads) {
        rows.push(...(await measureWorkload({ generator, ensembles, roof }, workload, options)));
      }
      if (hasFailover) rows.push(await measureFailover(generator, ensembles, options.rounds));
      return rows;
    });
  } finally {
    await roof.stop();
  }
}

async function measureRatios(bench: SetUp, options: Options): Promise<RatioPoint[]> {
  const points: RatioPoint[] = [];
  if (!options.workloads.includes(RATIOS)) return points;
  for (const shape of options.shapes) {
    const about = { shape, warmUpSeconds: options.warmUpSeconds };
    await withEnsembles(bench, about, async (ensembles) => {
      for (const readPercent of READ_PERCENTS) {
        const words = [...ratioWords(readPercent), "--seconds", String(options.seconds)];
        const found = new Map<string, number[]>(ensembles.map(({ name }) => [name, []]));
        for (let round = 0; round < options.rounds; round++) {
          for (const ensemble of ensembles) {
            const { perSecond } = await bench.generator.measure(ensemble, words);
            found.get(ensemble.name)?.push(perSecond);
          }
        }
        for (const [product, all] of found) {
          points.push({ product, shape, readPercent, perSecond: Math.round(median(all)) });
        }
      }
    });
  }
  return points;
}

function formatPoints(points: readonly RatioPoint[]): string {
  const lines = new Map<string, string[]>();
  for (const { product, shape, perSecond } of points) {
    const name = `${product} ${shape}`;
    lines.set(name, [...(lines.get(name) ?? []), perSecond.toLocaleString("en-US")]);
  }
  const heads = ["servers", ...READ_PERCENTS.map((percent) => `${percent} % reads`)];
  const rule = heads.map(() => "---");
  const cells = [...lines].map(([name, figures]) => [name, ...figures]);
  return [heads, rule, ...cells].map((line) => `| ${line.join(" | ")} |`).join("\n");
}

/** @param words the command line behind `ensemble`. */
export async function benchEnsembles(words: string[]): Promise<void> {
  const options = readOptions(words);
  const bench = await setUp(options);
  const rows = await measureTable(bench, options);
  const points = await measureRatios(bench, options);
  if (rows.length > 0) console.log(formatTable(rows));
  if (points.length > 0) console.log(formatPoints(points));
  if (options.json !== undefined) {
    writeFileSync(options.json, JSON.stringify({ rows, points }, null, 2));
  }
  if (rows.some(({ refusal }) => refusal !== undefined)) process.exitCode = 1;
}
