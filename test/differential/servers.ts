import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../tools/free_ports.ts";
import { Connection } from "./connection.ts";
import { settingsOf, type Variant } from "./variants.ts";

export type ServerKind = "apache" | "zookit";
export type Server = {
  readonly kind: ServerKind;
  readonly port: number;
  /** Where `logins` listens for TLS. */
  readonly tlsPort: number;
  /** Holds all its files, the data in `data`. */
  readonly home: string;
  /** Ends the process and waits for its end; the files stay. */
  stop(): Promise<void>;
  /** Removes the files of a stopped server. */
  discard(): void;
};

/** Credentials of the super user on every server started here. */
export const SUPER = "super:secret";
const START_MS_MAX = 30_000;
const WORD_MS_MAX = 10_000;
/** The last ones are for TLS; Debian's package does not name them to Java. */
const APACHE_JARS = [
  "zookeeper",
  "netty-resolver",
  "netty-codec",
  "netty-transport-native-unix-common",
].map((name) => `/usr/share/java/${name}.jar`);
const ZOOKIT = join(import.meta.dirname, "../../bin/zookit.js");

/** In memory where the system has such a place: neither server waits for a disk. */
const FOLDER = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

const superHash = createHash("sha1").update(SUPER).digest("base64");
/** The same switches for both, in the form that Apache's start script passes them. */
const PROPERTIES = [
  "-Dzookeeper.admin.enableServer=false",
  "-Dzookeeper.4lw.commands.whitelist=*",
  `-Dzookeeper.DigestAuthenticationProvider.superDigest=super:${superHash}`,
  "-Dzookeeper.snapCount=2000000000", // The log keeps every transaction.
];

// A run that is stopped leaves no server behind.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

/** @throws Error with the last lines of its log when the server does not start to serve. */
export async function startServer(kind: ServerKind, variant: Variant): Promise<Server> {
  const home = mkdtempSync(join(FOLDER, `differential-${kind}-`));
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const config = join(home, "zoo.cfg");
  const { properties, config: more } = settingsOf(variant, home, tlsPort);
  const settings = {
    tickTime: 20, // Also the grain of expiry.
    dataDir: join(home, "data"),
    clientPort: port,
    clientPortAddress: "127.0.0.1",
    minSessionTimeout: 60,
    maxSessionTimeout: 120_000,
    maxClientCnxns: 0,
    ...more,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(config, lines.join(""));
  const [command, args] = commandLine(kind, [...PROPERTIES, ...properties], config);
  const child = spawn(command, args, { cwd: home, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  const keep = (chunk: Buffer): void => {
    log = `${log}${chunk}`.slice(-4_000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const tell = (code: number | null, signal: string | null): void =>
    console.error(`the ${kind} server has ended: exit code ${code}, signal ${signal}\n${log}`);
  child.once("exit", tell);
  const stop = async (): Promise<void> => {
    child.off("exit", tell);
    await stopProcess(child);
  };
  const discard = (): void => {
    process.off("exit", abandon);
    rmSync(home, { recursive: true, force: true });
  };
  const abandon = (): void => {
    child.kill("SIGKILL");
    discard();
  };
  process.on("exit", abandon);
  try {
    await waitForPort(port, child);
  } catch (cause) {
    await stop();
    discard();
    throw new Error(`the ${kind} server did not start:\n${log}`, { cause });
  }
  return { kind, port, tlsPort, home, stop, discard };
}

function commandLine(
  kind: ServerKind,
  properties: readonly string[],
  config: string,
): [string, string[]] {
  if (kind === "zookit") return [process.execPath, [ZOOKIT, "serve", config, ...properties]];
  const heap = ["-Xmx256m", "-XX:+UseSerialGC"];
  const path = ["-cp", ["/etc/zookeeper/conf", ...APACHE_JARS].join(":")];
  const main = "org.apache.zookeeper.server.ZooKeeperServerMain";
  return ["java", [...heap, ...properties, "-Dzookeeper.forceSync=no", ...path, main, config]];
}

/** The answer to a four-letter word. */
export async function askWord(port: number, word: string): Promise<string> {
  const connection = await Connection.dial(port);
  connection.write(new TextEncoder().encode(word));
  await connection.until(() => false, WORD_MS_MAX);
  connection.cut();
  return connection.text;
}

async function waitForPort(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_MS_MAX;
  while (child.exitCode === null && Date.now() < deadline) {
    const answer = await askWord(port, "srvr").catch(() => "");
    if (answer.includes("Mode: standalone")) return;
    await new Promise((resolve) => setTimeout(resolve, 50)); // Nothing announces itself yet.
  }
  throw new Error(`nothing serves port ${port}`);
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(timer);
}
