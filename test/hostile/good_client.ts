import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ServerProcess } from "./server_process.ts";

/**
 * What the well-behaved client saw since it was asked last. Times are without those in which it or
 * the server could have run and had no processor, which others on the machine had.
 */
export interface GoodReport {
  /** Requests answered. */
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Answers that were not as they must be, and errors. */
  readonly wrong: readonly string[];
}

/** Somebody who only wants to work, in a process of its own so that our load is not its own. */
export class GoodClient {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start({ port, pid }: ServerProcess): Promise<GoodClient> {
    const main = fileURLToPath(new URL("good_main.ts", import.meta.url));
    const child = fork(main, [String(port), String(pid)], { execArgv: ["--import", "tsx"] });
    await once(child, "message");
    return new GoodClient(child);
  }

  /** What it saw since the last time. */
  async report(): Promise<GoodReport> {
    this.#child.send("report");
    const [report] = await once(this.#child, "message");
    return report as GoodReport;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    const limit = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    this.#child.send("stop");
    await ended;
    clearTimeout(limit);
  }
}
