/** Memory per znode, and the time from start to first answer with many znodes. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Generator } from "./generator.ts";
import { compare, type Row } from "./report.ts";
import { type Product, type RunningServer, startAndAwait, startProduct } from "./servers.ts";
import { FILL, FILL_GOALS } from "./workloads.ts";

const ROOT = "/fill";
const CONNECTIONS = 16;
const LAST_PARENT = `${ROOT}/c${String(CONNECTIONS - 1).padStart(3, "0")}`;
// For the garbage of the load to be seen as such; the same for both.
const SETTLE_MS = 3000;

export interface FillOptions {
  readonly products: readonly Product[];
  readonly directory: string;
  readonly znodes: number;
  readonly restarts: number;
}

interface Found {
  filledBytes: number[];
  restartedBytes: number[];
  restartSeconds: number[];
}

/**
 * Loads each product with znodes of 100 bytes, then stops and starts them in turn. A start counts
 * only when the number of znodes is right. Memory is that of the whole process, by znode.
 */
export async function measureFill(generator: Generator, options: FillOptions): Promise<Row[]> {
  const found = new Map<string, Found>();
  for (const product of options.products) {
    const server = await startAndAwait(product, options.directory, generator);
    try {
      await fill(generator, server, options.znodes);
      const filledBytes = [server.residentBytes() / options.znodes];
      found.set(product.name, { filledBytes, restartedBytes: [], restartSeconds: [] });
    } finally {
      await server.stop();
    }
  }
  for (let round = 0; round < options.restarts; round++) {
    for (const product of options.products) {
      const server = await startProduct(product, options.directory);
      try {
        await timeStart(generator, server, { found: found.get(product.name)!, ...options });
      } finally {
        await server.stop();
      }
    }
  }
  return rowsOf(found);
}

async function fill(generator: Generator, server: RunningServer, znodes: number): Promise<void> {
  const words = ["create", "--keep", "--root", ROOT, "--count", String(znodes)];
  const shape = ["--connections", String(CONNECTIONS), "--window", "64", "--seconds", "900"];
  const { count } = await generator.measure(server, [...words, ...shape]);
  if (count !== znodes) throw new Error(`only ${count} znodes created`);
  await sleep(SETTLE_MS);
}

async function timeStart(
  generator: Generator,
  server: RunningServer,
  about: { found: Found; znodes: number },
): Promise<void> {
  const answeredNs = await generator.firstAnswerNs(server.port, LAST_PARENT);
  about.found.restartSeconds.push(Number(answeredNs - server.startedNs) / 1e9);
  await generator.firstAnswerNs(server.port, ROOT, about.znodes + CONNECTIONS);
  await sleep(SETTLE_MS);
  about.found.restartedBytes.push(server.residentBytes() / about.znodes);
}

function rowsOf(found: ReadonlyMap<string, Found>): Row[] {
  const row = (figure: string, key: keyof Found, goal?: number): Row =>
    compare(
      { workload: FILL, figure, better: "lower", ...(goal !== undefined && { goal }) },
      found.get("apache")?.[key] ?? [],
      found.get("zookit")?.[key] ?? [],
    );
  return [
    // No goal: Java's heap is then full of garbage, and a ratio would flatter.
    row("process bytes per znode, loaded", "filledBytes"),
    row("process bytes per znode, restarted", "restartedBytes", FILL_GOALS.memory),
    row("start to first answer, s", "restartSeconds", FILL_GOALS.restart),
  ];
}
