/**
 * The command in a process of its own, which is killed and started again on the same data and port.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../tools/free_ports.ts";

const COMMAND = fileURLToPath(new URL("../../bin/zookit.js", import.meta.url));
const APACHE_MAIN = fileURLToPath(new URL("apache_main.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const READY_MS_MAX = 60_000;

/** What the data is kept in. */
export type StorageKind = "sqlite" | "apache";

/** `zookit serve zoo.cfg`, or the same on Apache's files. */
export class ServerProcess {
  /** The data is in `disk/data` of it. */
  readonly #folder: string;
  readonly #storage: StorageKind;
  #child: ChildProcess | undefined;
  #output = "";
  #exit: Promise<unknown[]> = Promise.resolve([]);
  /** What the present or last process wrote to standard error. */
  errors = "";
  /** The same over restarts; 0 before the first start. */
  port = 0;
  /** Time from start to ready line at the last {@link start}, ms. */
  startMs = 1_000;
  /** Environment of the next start. */
  env: Readonly<Record<string, string>> = {};

  constructor(folder: string, storage: StorageKind = "sqlite") {
    this.#folder = folder;
    this.#storage = storage;
    mkdirSync(this.disk, { recursive: true });
  }

  /** Folder that the data folder is in. */
  get disk(): string {
    return join(this.#folder, "disk");
  }

  get dataDir(): string {
    return join(this.disk, "data");
  }

  /** Begins to start, again after the first {@link start}, and returns at once. */
  begin(snapCount: number): void {
    const lines = [
      "tickTime=500",
      `dataDir=${this.dataDir}`,
      `clientPort=${this.port}`,
      "clientPortAddress=127.0.0.1",
      "maxClientCnxns=0",
      "maxSessionTimeout=60000",
      `snapCount=${snapCount}`,
    ];
    const config = join(this.#folder, "zoo.cfg");
    writeFileSync(config, lines.join("\n"));
    const args =
      this.#storage === "sqlite"
        ? [COMMAND, "serve", config]
        : ["--import", "tsx", APACHE_MAIN, config];
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { ...process.env, ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#exit = once(child, "close");
    this.errors = "";
    this.#output = "";
    child.stderr?.on("data", (chunk) => {
      this.errors += chunk;
    });
    child.stdout?.on("data", (chunk) => {
      this.#output += chunk;
    });
  }

  get hasEnded(): boolean {
    return this.#child?.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Whether the present or last process came so far that it let clients in. */
  get isReady(): boolean {
    return this.#output.includes("\n");
  }

  /** Starts, and resolves when clients are let in. @throws with what the server said if not. */
  async start(snapCount: number): Promise<void> {
    // Nobody else gets it while the server is down.
    if (this.port === 0) this.port = await freePort();
    const began = performance.now();
    this.begin(snapCount);
    const limit = setTimeout(() => this.#child?.kill("SIGKILL"), READY_MS_MAX);
    const ended = this.#exit.then(() => "ended");
    const { stdout } = this.#child!;
    while (!this.isReady && (await Promise.race([once(stdout!, "data"), ended])) !== "ended");
    clearTimeout(limit);
    if (!this.isReady) throw new Error(`the server does not start:\n${this.errors}`);
    this.startMs = performance.now() - began;
  }

  /** Waits until a server that begins to start opens its database: from then on it recovers. */
  async recovering(): Promise<void> {
    const watcher = watch(this.dataDir);
    try {
      const ended = this.#exit.then(() => ["", "ended"]);
      for (;;) {
        const [, name] = await Promise.race([once(watcher, "change"), ended]);
        // SQLite empties what a dead process left of it.
        if (name === "tree.db-shm" || name === "ended") return;
      }
    } finally {
      watcher.close();
    }
  }

  /** The exit code, once it has ended by itself. */
  async ended(): Promise<unknown> {
    return (await this.#exit)[0];
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#exit;
  }
}
