import { type Command, Option } from "commander";
import { StorageError } from "../core/contracts/storage.ts";
import { TransportError } from "../core/contracts/transport.ts";
import type { Plugin } from "../core/kernel/plugin.ts";
import { KernelServer } from "../core/kernel/server.ts";
import type { LogLevel, LogThreshold } from "../plugins/system/mod.ts";
import { storageNotice } from "./choose_storage.ts";
import { composePlugins } from "./compose.ts";
import { containerLogLevel } from "./config/container_env.ts";
import { loadConfig } from "./config/load.ts";
import type { Setting } from "./config/properties.ts";
import { ConfigError, type ServerConfig } from "./config/server_config.ts";
import { tuneEngine } from "./engine.ts";
import { EXIT_CODES } from "./exit_codes.ts";

interface ServeFlags {
  readonly port?: string;
  readonly host?: string;
  readonly dataDir?: string;
  readonly memory?: true;
  readonly metricsPort?: string;
  readonly adminPort?: string;
  readonly logLevel?: LogLevel;
  readonly D: readonly string[];
}

/** `zookit serve`: runs a server until SIGTERM or SIGINT. */
export function addServeCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command("serve")
    .description("run a server until SIGTERM or SIGINT")
    .argument("[zoo.cfg]", "configuration of an Apache ZooKeeper server")
    .option("--port <port>", "port for clients, 0 for a free one (clientPort)")
    .option("--host <address>", "address for clients (clientPortAddress)")
    .option("--data-dir <folder>", "folder of the database (dataDir)")
    .option("--memory", "keep nothing on disk")
    .option("--metrics-port <port>", "open /metrics for Prometheus (metricsProvider.httpPort)")
    .option("--admin-port <port>", "answer admin commands by HTTP (admin.serverPort)")
    .addOption(
      new Option(
        "--log-level <level>",
        "least level of the messages on standard error (info)",
      ).choices(["debug", "info", "warn", "error", "silent"]),
    )
    .addOption(
      new Option("-D <name=value>", "set a property as for Java: -Dzookeeper.maxCnxns=100")
        .argParser((value: string, previous: readonly string[]) => [...previous, value])
        .default([]),
    )
    .addHelpText("after", HELP)
    .action(async (file: string | undefined, flags: ServeFlags) => {
      done(await serve(file, flags));
    });
}

const HELP = `
Without anything: SQLite in ./zookit-data, 127.0.0.1:2181. Later sources win: zoo.cfg or, without
one, ZOO_*; then SERVER_JVMFLAGS and JVMFLAGS, then -D, then the other flags. See: zookit keys.

Exit codes: 0 stopped by a signal; 1 unexpected failure; 2 wrong usage or configuration;
3 data directory or disk; 4 address in use or not available.`;

async function serve(file: string | undefined, flags: ServeFlags): Promise<number> {
  tuneEngine();
  try {
    const { config, warnings, origin } = loadConfig({
      file,
      env: process.env,
      definitions: flags.D,
      flags: settingsOf(flags),
      ...(flags.memory === true && { needsDataDir: false }),
    });
    if (flags.memory === true) config.dataDir = undefined;
    if (flags.metricsPort !== undefined) config.metrics.enabled = true;
    if (flags.adminPort !== undefined) config.admin.enabled = true;
    for (const warning of warnings) console.error(`zookit: warning: ${warning}`);
    const logLevel = flags.logLevel ?? containerLogLevel(process.env) ?? "info";
    const threshold = { level: logLevel };
    const release = toggleBySignal(threshold);
    try {
      return await run(config, await composePlugins(config, threshold, origin));
    } finally {
      release();
    }
  } catch (error) {
    return explain(error);
  }
}

function settingsOf(flags: ServeFlags): Setting[] {
  const given: [key: string, value: string | undefined, source: string][] = [
    ["clientPort", flags.port, "--port"],
    ["clientPortAddress", flags.host, "--host"],
    ["dataDir", flags.dataDir, "--data-dir"],
    ["metricsProvider.httpPort", flags.metricsPort, "--metrics-port"],
    ["admin.serverPort", flags.adminPort, "--admin-port"],
  ];
  return given.flatMap(([key, value, source]) => {
    return value === undefined ? [] : [{ key, value, source }];
  });
}

async function run(config: ServerConfig, plugins: readonly Plugin[]): Promise<number> {
  const notice = storageNotice(config);
  if (notice !== undefined) console.error(`zookit: ${notice}`);
  const server = new KernelServer({ plugins, ...config.options });
  const signals = new StopSignals(server);
  try {
    await server.start();
    const place = config.dataDir === undefined ? "in memory" : `data in ${config.dataDir}`;
    const addresses = server.addresses.join(", ");
    if (!signals.isStopping) console.log(`zookit ready on ${addresses} (${place})`);
    await signals.stopped;
  } catch (error) {
    // What a start says that was stopped on the way is of no interest.
    if (!signals.isStopping) throw error;
    await signals.stopped;
  } finally {
    signals.release();
  }
  return EXIT_CODES.ok;
}

/**
 * SIGUSR2 lets every message be written, and the next one takes that back. (SIGUSR1 starts Node's
 * debugger.) Where there are no such signals, nothing happens.
 */
function toggleBySignal(threshold: LogThreshold): () => void {
  const { level } = threshold;
  const onSignal = (): void => {
    threshold.level = threshold.level === "debug" ? level : "debug";
    console.error(`zookit: SIGUSR2: messages of level ${threshold.level} and above are written`);
  };
  process.on("SIGUSR2", onSignal);
  return () => process.off("SIGUSR2", onSignal);
}

/** Stops a server at the first SIGTERM or SIGINT, and ends the process at the second. */
class StopSignals {
  isStopping = false;
  /** Resolves when a signal has stopped the server; rejects when the server failed. */
  readonly stopped: Promise<void>;
  readonly #release: () => void;

  constructor(server: KernelServer) {
    let onSignal = (_signal: NodeJS.Signals): void => {};
    this.stopped = new Promise((resolve, reject) => {
      server.state.subscribe({ error: reject });
      onSignal = (signal) => {
        if (this.isStopping) {
          console.error(`zookit: ${signal} again, ending at once`);
          process.exit(EXIT_CODES.unexpected);
        }
        this.isStopping = true;
        server.stop().then(resolve, reject);
      };
    });
    this.stopped.catch(() => {}); // Awaited once the start is over; it may reject before.
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
    this.#release = () => {
      process.off("SIGTERM", onSignal);
      process.off("SIGINT", onSignal);
    };
  }

  release(): void {
    this.#release();
  }
}

function explain(error: unknown): number {
  const say = (message: string): void => console.error(`zookit: ${message}`);
  if (error instanceof ConfigError) {
    for (const finding of error.findings) say(finding);
    return EXIT_CODES.usage;
  }
  if (error instanceof TransportError) {
    say(error.message);
    say(error.kind === "address-in-use" ? IN_USE_ADVICE : ADDRESS_ADVICE);
    return EXIT_CODES.address;
  }
  if (error instanceof StorageError) {
    say(error.message);
    say(STORAGE_ADVICE[error.kind]);
    return EXIT_CODES.storage;
  }
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT_CODES.unexpected;
}

const IN_USE_ADVICE =
  "stop what uses it, or choose another port, for clients by --port, else where it is configured";
const ADDRESS_ADVICE =
  "the address must be one of this machine, and the port one that this user may open: " +
  "see --host, clientPortAddress, or this server's own server.N line";

const STORAGE_ADVICE: Readonly<Record<StorageError["kind"], string>> = {
  locked: "another server uses the data directory: stop it, or choose another one: --data-dir",
  incompatible: "another version wrote it: use that version, or choose another: --data-dir",
  damaged: "keep a copy of the data directory, then restore a backup or another member's data",
  full: "free space on the disk, then start again",
  io: "check that the data directory is a folder, the rights on it, and the disk",
  closed: "start again; if it returns, report it with the lines above",
  "out-of-order": "report it with the lines above",
};
