/**
 * One server for the interop tests: Apache ZooKeeper from Debian, or Zookit.
 *
 * `ZOOKIT_INTEROP_SERVER=apache` runs the same tests on the original, which proves the tests.
 *
 * ```ts
 * const server = await startServer({ dataDir: await mkdtemp(join(tmpdir(), "interop-")) });
 * await server.restart();
 * await server.stop();
 * ```
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../tools/free_ports.ts";

export type ServerKind = "apache" | "zookit";

/** Which server is under test: from the environment, Zookit unless told otherwise. */
export const SERVER_KIND: ServerKind =
  process.env.ZOOKIT_INTEROP_SERVER === "apache" ? "apache" : "zookit";

export interface ServerOptions {
  /** Left out, it is {@link SERVER_KIND}. */
  readonly kind?: ServerKind;
  /** Holds the data over restarts; made when missing. */
  readonly dataDir: string;
  /** 0, or left out, picks a free port, which then stays the same over restarts. */
  readonly port?: number;
  /** Apache: what its class path begins with. */
  readonly classPath?: readonly string[];
  /** Lines for `zoo.cfg` on top of the ones every interop server has; later wins. */
  readonly options?: Readonly<Record<string, string>>;
}

export interface TestServer {
  readonly port: number;
  /** `127.0.0.1:port`, as every client takes it. */
  readonly hosts: string;
  /** Everything the server wrote, for failure messages. */
  output(): string;
  /** Stops with SIGTERM and waits for the exit. Does nothing when the server is not running. */
  stop(): Promise<void>;
  /** Stops with SIGKILL and waits for the exit. */
  kill(): Promise<void>;
  /** Stops with SIGTERM and starts again: same data, same port. */
  restart(): Promise<void>;
  /** Starts again after `stop` or `kill`. */
  start(): Promise<void>;
}

const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;
const APACHE_JAR = "/usr/share/java/zookeeper.jar";
/** Needed for TLS; Debian's package does not name them to Java. */
const NETTY_JARS = ["resolver", "codec", "transport-native-unix-common"].map(
  (name) => `/usr/share/java/netty-${name}.jar`,
);
/** What Apache's server and client need for everything they can do. */
export const APACHE_CLASS_PATH: string = ["/etc/zookeeper/conf", APACHE_JAR, ...NETTY_JARS].join(
  ":",
);
const ZOOKIT = fileURLToPath(new URL("../../bin/zookit.js", import.meta.url));

/** Short ticks keep tests of expiry short; long sessions stay possible for those of restarts. */
const CONFIG: Readonly<Record<string, string>> = {
  tickTime: "200",
  minSessionTimeout: "400",
  maxSessionTimeout: "60000",
  clientPortAddress: "127.0.0.1",
  maxClientCnxns: "0",
  "admin.enableServer": "false",
  "4lw.commands.whitelist": "*",
  extendedTypesEnabled: "true",
  enforceQuota: "true",
};

/** Reaps containers and TTL nodes soon; read by both servers as a system property. */
const PROPERTIES = ["-Dznode.container.checkIntervalMs=200"];

/** Starts a server of {@link SERVER_KIND} and waits until it serves. */
export async function startServer(options: ServerOptions): Promise<TestServer> {
  await mkdir(options.dataDir, { recursive: true });
  const server = new ProcessServer(options);
  await server.start();
  return server;
}

class ProcessServer implements TestServer {
  readonly #options: ServerOptions;
  #port: number;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #output = "";

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#port = options.port ?? 0;
  }

  get port(): number {
    return this.#port;
  }

  get hosts(): string {
    return `127.0.0.1:${this.#port}`;
  }

  output(): string {
    return this.#output;
  }

  async start(): Promise<void> {
    const { kind = SERVER_KIND } = this.#options;
    if (this.#port === 0) this.#port = await freePort();
    const configPath = join(this.#options.dataDir, "zoo.cfg");
    await writeFile(configPath, this.#config());
    const [command, args] = commandLine(kind, configPath, this.#options);
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#exited = new Promise<void>((resolve) => {
      child.once("error", (error) => {
        this.#output += String(error);
        resolve();
      });
      child.once("close", () => resolve());
    }).then(() => {
      if (this.#child === child) this.#child = undefined;
    });
    child.stderr.on("data", (chunk) => {
      this.#output += chunk;
    });
    child.stdout.on("data", (chunk) => {
      this.#output += chunk;
    });
    await this.#ready();
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  #config(): string {
    const all: Record<string, string> = {
      ...CONFIG,
      dataDir: this.#options.dataDir,
      clientPort: String(this.#port),
      ...this.#options.options,
    };
    return Object.entries(all)
      .map(([key, value]) => `${key}=${value}\n`)
      .join("");
  }

  /** Apache says nothing that could be relied on, so both are asked until they answer. */
  async #ready(): Promise<void> {
    const deadline = Date.now() + READY_MS_MAX;
    while (this.#child !== undefined && Date.now() < deadline) {
      if (/^Mode: standalone$/m.test(await fourLetters(this.#port, "srvr"))) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await this.kill();
    throw new Error(`the server did not get ready:\n${this.#output.slice(-4000)}`);
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, STOP_MS_MAX);
    child.kill(signal);
    await this.#exited;
    clearTimeout(timer);
    if (late) throw new Error(`the server was still running ${STOP_MS_MAX} ms after ${signal}`);
  }
}

function commandLine(
  kind: ServerKind,
  configPath: string,
  { dataDir, classPath: first = [] }: ServerOptions,
): [string, string[]] {
  if (kind === "zookit") {
    return [process.execPath, [ZOOKIT, "serve", configPath, ...PROPERTIES]];
  }
  if (!existsSync(APACHE_JAR)) {
    throw new Error(`${APACHE_JAR} is missing: install the Debian package zookeeper`);
  }
  const log = `-Dzookeeper.log.dir=${dataDir}`;
  const heap = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
  const main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
  const classPath = [...first, "/etc/zookeeper/conf", APACHE_JAR].join(":");
  return ["java", [...heap, log, ...PROPERTIES, "-cp", classPath, main, configPath]];
}

/** Asks a four-letter word; the empty string when nobody answers. */
export function fourLetters(port: number, word: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(word));
    socket.setTimeout(2_000, () => socket.destroy());
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("error", () => resolve(""));
    socket.on("close", () => resolve(answer));
  });
}
