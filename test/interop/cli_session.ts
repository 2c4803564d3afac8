/**
 * Drives an interactive command-line client through its pipes.
 *
 * Both command-line clients print answers without a prompt that could be awaited. So each command
 * is followed by a read of a node that does not exist: the refusal naming that node ends the
 * answer, because a server answers a session in the order of its requests.
 *
 * @module
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";

const ANSWER_MS_MAX = 60_000;

export interface CliOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Name of the Debian package that brings the command, for the message when it is missing. */
  readonly debianPackage: string;
  /** Text printed when the session is ready for commands. */
  readonly ready: RegExp;
}

/** One running client; every wait fails after a minute with what was printed last. */
export class CliSession {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exited: Promise<void>;
  #running = true;
  #output = "";
  #markers = 0;
  #wake: () => void = () => {};

  /** Starts the client and waits until it is ready. */
  static async open(options: CliOptions): Promise<CliSession> {
    if (!existsSync(options.command)) {
      throw new Error(`${options.command} is missing: install ${options.debianPackage} (Debian)`);
    }
    const session = new CliSession(options);
    await session.until(options.ready);
    return session;
  }

  private constructor(options: CliOptions) {
    // One pipe for both streams keeps errors and answers in their order.
    const shell = ["-c", 'exec "$0" "$@" 2>&1', options.command, ...options.args];
    this.#child = spawn("/bin/sh", shell, { stdio: "pipe", detached: true });
    this.#exited = new Promise((resolve) => this.#child.once("close", () => resolve()));
    this.#child.stdout.on("data", (chunk) => {
      this.#output += chunk;
      this.#wake();
    });
    this.#child.stdin.on("error", () => {});
    this.#child.once("close", () => {
      this.#running = false;
      this.#wake();
    });
  }

  /** Everything printed so far. */
  get output(): string {
    return this.#output;
  }

  /** Sends one command without waiting for its answer. */
  send(command: string): void {
    this.#child.stdin.write(`${command}\n`);
  }

  /** Sends one command and returns what was printed until its answer was complete. */
  async run(command: string): Promise<string> {
    const from = this.#output.length;
    const marker = `/no-such-node-${++this.#markers}`;
    this.send(command);
    this.send(`get ${marker}`);
    const end = new RegExp(`^(?:.*does not exist: ${marker}|${marker}: rc = -101)$`, "m");
    const text = await this.until(end, from);
    return text.replace(/^time = .*\n/gm, "");
  }

  /** Waits for the pattern anywhere after `from` and returns the text before the match. */
  async until(pattern: RegExp, from = 0): Promise<string> {
    const deadline = Date.now() + ANSWER_MS_MAX;
    for (;;) {
      const text = this.#output.slice(from);
      const match = pattern.exec(text);
      if (match !== null) return text.slice(0, match.index);
      if (!this.#running) throw new Error(`ended before ${pattern}:\n${lastLines(text)}`);
      if (!(await this.#woken(deadline))) {
        throw new Error(`${pattern} was not printed, but:\n${lastLines(text)}`);
      }
    }
  }

  /** How often the pattern (with flag `g`) was printed so far. */
  count(pattern: RegExp): number {
    return this.#output.match(pattern)?.length ?? 0;
  }

  /** Sends `quit` and waits for the end of the process. */
  async quit(): Promise<void> {
    if (this.#running) this.send("quit");
    const timer = setTimeout(() => this.signal("SIGKILL"), ANSWER_MS_MAX);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends the process with SIGKILL, so that the session is left to expire. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#exited;
  }

  /** Signals the client and its start script, which are a process group of their own. */
  signal(name: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void {
    if (this.#running && this.#child.pid !== undefined) process.kill(-this.#child.pid, name);
  }

  /** Resolves with true at the next output or the end, with false at the deadline. */
  #woken(deadline: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), Math.max(0, deadline - Date.now()));
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}

function lastLines(text: string): string {
  const lines = text.split("\n").slice(-40);
  return lines.map((line) => line.slice(0, 200)).join("\n");
}

/** Calls `read` until it returns a value that satisfies `done`, at most for a minute. */
export async function eventually<T>(
  read: () => Promise<T>,
  done: (value: T) => boolean,
): Promise<T> {
  const deadline = Date.now() + ANSWER_MS_MAX;
  for (;;) {
    const value = await read();
    if (done(value)) return value;
    if (Date.now() > deadline) throw new Error(`still ${String(value)} after ${ANSWER_MS_MAX} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
