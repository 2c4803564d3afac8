/**
 * The command in a process of its own, which is killed and started again on the same data and port.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const COMMAND = fileURLToPath(new URL("../../bin/zookit.js", import.meta.url));
const READY_MS_MAX = 60_000;

/** `zookit serve zoo.cfg` on SQLite in `folder`. */
export class ServerProcess {
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #exit: Promise<unknown> = Promise.resolve();
  #errors = "";
  /** The same over restarts; 0 before the first start. */
  port = 0;
  /** Time from start to ready line at the last {@link start}, ms. */
  startMs = 1_000;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Begins to start and returns at once. */
  begin(snapCount: number): void {
    const lines = [
      "tickTime=500",
      `dataDir=${join(this.#folder, "data")}`,
      `clientPort=${this.port}`,
      "clientPortAddress=127.0.0.1",
      "maxClientCnxns=0",
      "maxSessionTimeout=60000",
      `snapCount=${snapCount}`,
    ];
    const config = join(this.#folder, "zoo.cfg");
    writeFileSync(config, lines.join("\n"));
    const child = spawn(process.execPath, [COMMAND, "serve", config], {
      cwd: this.#folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#exit = once(child, "close");
    this.#errors = "";
    child.stderr?.on("data", (chunk) => {
      this.#errors += chunk;
    });
  }

  /** Starts, and resolves when clients are let in. */
  async start(snapCount: number): Promise<void> {
    const began = performance.now();
    this.begin(snapCount);
    const stdout = this.#child?.stdout;
    if (!stdout) throw new Error("the server has no output");
    const limit = setTimeout(() => this.#child?.kill("SIGKILL"), READY_MS_MAX);
    const ended = this.#exit.then(() => undefined);
    let output = "";
    while (!output.includes("\n")) {
      const more = await Promise.race([once(stdout, "data"), ended]);
      if (more === undefined) throw new Error(`the server does not start:\n${this.#errors}`);
      output += String(more[0]);
    }
    clearTimeout(limit);
    stdout.resume();
    this.port = Number(/:(\d+) /.exec(output)?.[1]);
    this.startMs = performance.now() - began;
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#exit;
  }
}
