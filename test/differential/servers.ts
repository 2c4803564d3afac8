import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Connection } from "./connection.ts";

export type ServerKind = "apache" | "zookit";
export type Server = {
  readonly kind: ServerKind;
  readonly port: number;
  /** Ends the process, waits for its end and removes its files. */
  stop(): Promise<void>;
};

/** Credentials of the super user on every server started here. */
export const SUPER = "super:secret";
const START_MS_MAX = 30_000;
const APACHE_JAR = "/usr/share/java/zookeeper.jar";
const ZOOKIT = join(import.meta.dirname, "../../bin/zookit.js");

const superHash = createHash("sha1").update(SUPER).digest("base64");
/** The same switches for both, in the form that Apache's start script passes them. */
const PROPERTIES = [
  "-Dzookeeper.admin.enableServer=false",
  "-Dzookeeper.4lw.commands.whitelist=*",
  "-Dzookeeper.extendedTypesEnabled=true",
  "-Dzookeeper.enforceQuota=true",
  `-Dzookeeper.DigestAuthenticationProvider.superDigest=super:${superHash}`,
  "-Dznode.container.checkIntervalMs=86400000", // Reaping at random moments is not comparable.
];

/** @throws Error with the last lines of its log when the server does not start to serve. */
export async function startServer(kind: ServerKind): Promise<Server> {
  const home = mkdtempSync(join(tmpdir(), `differential-${kind}-`));
  const port = await freePort();
  const config = join(home, "zoo.cfg");
  const settings = {
    tickTime: 100, // Also the grain of expiry.
    dataDir: join(home, "data"),
    clientPort: port,
    clientPortAddress: "127.0.0.1",
    minSessionTimeout: 300,
    maxSessionTimeout: 120_000,
    maxClientCnxns: 0,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(config, lines.join(""));
  const [command, args] = commandLine(kind, config);
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
    rmSync(home, { recursive: true, force: true });
  };
  try {
    await waitForPort(port, child);
  } catch (cause) {
    await stop();
    throw new Error(`the ${kind} server did not start:\n${log}`, { cause });
  }
  return { kind, port, stop };
}

function commandLine(kind: ServerKind, config: string): [string, string[]] {
  if (kind === "zookit") return [process.execPath, [ZOOKIT, "serve", config, ...PROPERTIES]];
  const heap = ["-Xmx256m", "-XX:+UseSerialGC"];
  const path = ["-cp", `/etc/zookeeper/conf:${APACHE_JAR}`];
  const main = "org.apache.zookeeper.server.ZooKeeperServerMain";
  return ["java", [...heap, ...PROPERTIES, "-Dzookeeper.forceSync=no", ...path, main, config]];
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

async function waitForPort(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_MS_MAX;
  while (child.exitCode === null && Date.now() < deadline) {
    const probe = await Connection.dial(port).catch(() => undefined);
    if (probe !== undefined) {
      probe.write(new TextEncoder().encode("srvr"));
      await probe.until(() => false, 1_000);
      const answered = probe.text.includes("Mode: standalone");
      probe.cut();
      if (answered) return;
    }
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
