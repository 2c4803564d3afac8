/** Starts and stops the servers that are compared, each a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../tools/free_ports.ts";
import type { Generator, Target } from "./generator.ts";

const APACHE_JAR = "/usr/share/java/zookeeper.jar";
const APACHE_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
const STOP_MS_MAX = 60_000;

/** How to start one kind of server on a configuration file. */
export interface Product {
  readonly name: "apache" | "zookit";
  command(configuration: string): readonly string[];
}

/** Debian's Apache ZooKeeper, with the heap that Java chooses and without a log. */
export const APACHE: Product = {
  name: "apache",
  command: (configuration) => ["java", "-cp", APACHE_JAR, APACHE_MAIN, configuration],
};

/** Zookit on a runtime: the words to start that with, such as `["node"]`, and the start file. */
export function zookit(runtime: readonly string[], script: string): Product {
  return {
    name: "zookit",
    command: (configuration) => [...runtime, script, "serve", configuration],
  };
}

export function isApacheInstalled(): boolean {
  return existsSync(APACHE_JAR);
}

const running = new Set<ChildProcess>();

/** Ends what is still running, at once: for an interrupted run. */
export function killAll(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** A server process. Stop it before its folder goes. */
export class RunningServer implements Target {
  readonly name: string;
  readonly port: number;
  readonly isConstant: boolean;
  readonly startedNs: bigint;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, about: { name: string; port: number; isConstant: boolean }) {
    this.#child = child;
    running.add(child);
    child.once("exit", () => running.delete(child));
    this.name = about.name;
    this.port = about.port;
    this.isConstant = about.isConstant;
    this.startedNs = process.hrtime.bigint();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get ports(): readonly number[] {
    return [this.port];
  }

  get pids(): readonly number[] {
    return [this.pid];
  }

  /** Resident memory of the process, from `/proc`. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
  }

  /** Resolves once the process is over, whoever ends it. */
  async exited(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    await once(this.#child, "exit");
  }

  /** Asks politely, then after a minute does not. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const impatience = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS_MAX);
    await this.exited();
    clearTimeout(impatience);
  }
}

/**
 * Starts a product on `directory/<name>`, with what is there from earlier, and does not wait for
 * it. Both get the same configuration; all else is their default, fsync included.
 *
 * @param settings more lines for `zoo.cfg`.
 */
export async function startProduct(
  product: Product,
  directory: string,
  settings: readonly string[] = [],
): Promise<RunningServer> {
  const port = await freePort();
  return startAt(product, join(directory, product.name), { port, settings });
}

/** As {@link startProduct}, in a folder and on a port of the caller's choice. */
export function startAt(
  product: Product,
  home: string,
  { port, settings }: { readonly port: number; readonly settings: readonly string[] },
): RunningServer {
  mkdirSync(join(home, "data"), { recursive: true });
  const configuration = join(home, "zoo.cfg");
  const lines = [
    "tickTime=2000",
    `dataDir=${join(home, "data")}`,
    `clientPort=${port}`,
    "clientPortAddress=127.0.0.1",
    "maxClientCnxns=0",
    "admin.enableServer=false",
    ...settings,
  ];
  writeFileSync(configuration, `${lines.join("\n")}\n`);
  const log = openSync(join(home, "server.log"), "a");
  const [program = "", ...words] = product.command(configuration);
  const child = spawn(program, words, { cwd: home, stdio: ["ignore", log, log] });
  closeSync(log);
  return new RunningServer(child, { name: product.name, port, isConstant: false });
}

/** Starts a product and waits for its first answer. */
export async function startAndAwait(
  product: Product,
  directory: string,
  generator: Generator,
  settings: readonly string[] = [],
): Promise<RunningServer> {
  const server = await startProduct(product, directory, settings);
  try {
    await generator.firstAnswerNs(server.port, "/");
  } catch (cause) {
    await server.stop();
    const log = readFileSync(join(directory, product.name, "server.log"), "utf8");
    throw new Error(`${product.name} does not start: ${log.slice(-2000)}`, { cause });
  }
  return server;
}

/** The constant-answer server on the runtime under test. */
export function startRuntimeRoof(runtime: readonly string[]): Promise<RunningServer> {
  const script = fileURLToPath(new URL("constant_server.ts", import.meta.url));
  const isNode = basename(runtime[0] ?? "") === "node";
  const loader = isNode ? ["--import", import.meta.resolve("tsx")] : [];
  return startConstant("runtime's roof", [...runtime, ...loader, script]);
}

/** The constant-answer server in C, which shows what the generator can reach. */
export function startGeneratorRoof(generator: Generator): Promise<RunningServer> {
  return startConstant("generator's roof", [generator.constantServer]);
}

async function startConstant(name: string, command: readonly string[]): Promise<RunningServer> {
  const [program = "", ...words] = command;
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(/:(\d+)\s*$/.exec(line.toString())?.[1]);
  return new RunningServer(child, { name, port, isConstant: true });
}
