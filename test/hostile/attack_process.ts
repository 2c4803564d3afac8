import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Outcomes } from "./attacker.ts";
import type { Target } from "./raw_client.ts";

/** One attack: on whom, as whom, and how long. */
export interface AttackOrder {
  readonly target: Target;
  /** Logs in on every connection, which adds an identity that the corpus may stand for. */
  readonly logsIn: boolean;
  readonly seed: number;
  readonly frames: number;
}

/** What came of it. */
export interface AttackReport {
  readonly outcomes: Outcomes;
  /** Frames sent. */
  readonly sent: number;
  /** Those whose header was good. */
  readonly pastHeader: number;
}

/** Several attackers, in a process of their own with whatever time others leave to it. */
export class AttackProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<AttackProcess> {
    const main = fileURLToPath(new URL("attack_main.ts", import.meta.url));
    const execArgv = ["--import", "tsx"];
    const child = fork(main, [], { execArgv, serialization: "advanced" });
    await once(child, "message");
    return new AttackProcess(child);
  }

  /** Resolves when all frames are sent and answered. @throws when the server does not answer. */
  async run(order: AttackOrder): Promise<AttackReport> {
    this.#child.send(order);
    const ended = once(this.#child, "exit").then(() => ["the attackers ended"]);
    const [report] = await Promise.race([once(this.#child, "message"), ended]);
    if (typeof report === "string") throw new Error(report);
    return report as AttackReport;
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}
