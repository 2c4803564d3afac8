import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const COMMAND = join(import.meta.dirname, "../../bin/zookit.js");
const START = "Deno" in globalThis ? ["run", "-A", COMMAND] : [COMMAND];

/** What a command did. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A server in a process of its own. */
export interface Running {
  readonly hosts: string;
  /** Of the admin server. */
  readonly url: string;
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
}

/** A folder, and commands that use it, until {@link end}. */
export class ZookitProcesses {
  readonly root: string = mkdtempSync(join(tmpdir(), "zookit-cli-"));
  readonly #children = new Set<ChildProcess>();

  end(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.root, { recursive: true, force: true });
  }

  /** Runs a command to its end. */
  async run(...args: readonly string[]): Promise<Outcome> {
    const child = spawn(process.execPath, [...START, ...args]);
    this.#children.add(child);
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    const [code] = await once(child, "close");
    this.#children.delete(child);
    return { code, out, err };
  }

  /** A server that writes checkpoints often. */
  async serve(folder: string): Promise<Running> {
    const config = join(mkdtempSync(join(this.root, "cfg-")), "zoo.cfg");
    const lines = ["clientPort=0", "clientPortAddress=127.0.0.1", "admin.serverPort=0"];
    const more = ["admin.serverAddress=127.0.0.1", "snapCount=200", `dataDir=${folder}`];
    writeFileSync(config, [...lines, ...more].join("\n"));
    const child = spawn(process.execPath, [...START, "serve", config]);
    this.#children.add(child);
    const exit = once(child, "close");
    let out = "";
    let err = "";
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    const ended = exit.then(() => "ended");
    const urlOf = (text: string) => /http:\/\/\S+\/commands\b/.exec(text)?.[0];
    // Which of the two pipes is read first is chance.
    while (!out.includes("\n") || urlOf(err) === undefined) {
      const next = [child.stdout, child.stderr].map((stream) => once(stream, "data"));
      if ((await Promise.race([...next, ended])) === "ended") throw new Error(err);
    }
    return {
      hosts: /127\.0\.0\.1:\d+/.exec(out)?.[0] ?? "",
      url: urlOf(err) ?? "",
      stop: async (signal = "SIGTERM") => {
        child.kill(signal);
        await exit;
        this.#children.delete(child);
      },
    };
  }
}
