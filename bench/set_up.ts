/** What every measurement needs first: a folder on a disk, the generator, the products. */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { buildZookit } from "./build.ts";
import { Generator } from "./generator.ts";
import { APACHE, isApacheInstalled, killAll, type Product, zookit } from "./servers.ts";

const TMPFS_MAGIC = 0x01021994;

/** What a run of the bench works with. */
export interface SetUp {
  /** Gone when the process ends, as are the servers. */
  readonly directory: string;
  readonly generator: Generator;
  /** In the order in which they take turns. */
  readonly products: readonly Product[];
}

export interface SetUpOptions {
  readonly servers: readonly string[];
  /** What starts Zookit. */
  readonly runtime: readonly string[];
  /** On a local disk. */
  readonly directory: string;
}

/** Fails when the folder is in memory, or something that is asked for is not installed. */
export async function setUp(options: SetUpOptions): Promise<SetUp> {
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
  return { directory, generator, products: await prepareProducts(options) };
}

async function prepareProducts({ servers, runtime }: SetUpOptions): Promise<Product[]> {
  const products: Product[] = [];
  if (servers.includes("apache")) {
    if (!isApacheInstalled()) throw new Error("Debian's package zookeeper is not installed");
    products.push(APACHE);
  }
  if (servers.includes("zookit")) products.push(zookit(runtime, await buildZookit()));
  return products;
}

/** Reads a whole number above 0 from the command line. */
export function readNumber(name: string, text: string | undefined, byDefault: number): number {
  const value = Number(text ?? byDefault);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number`);
  return value;
}

/** Reads names with commas between them. */
export function readNames(
  what: string,
  text: string | undefined,
  known: readonly string[],
): readonly string[] {
  const names = text?.split(",") ?? known;
  const strange = names.find((name) => !known.includes(name));
  if (strange !== undefined) throw new Error(`no ${what} ${strange}, of ${known.join(" ")}`);
  return names;
}
