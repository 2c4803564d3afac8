import { spawn } from "node:child_process";

/** The runtimes that this project supports. */
export type RuntimeName = "node" | "deno" | "bun";

/** The runtime that this process runs on. */
export const RUNTIME: RuntimeName =
  "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

/** For people: the runtime that this process runs on, with its version. */
export const RUNTIME_VERSION: string = `${RUNTIME} ${process.versions[RUNTIME] ?? process.version}`;

// Node runs TypeScript itself from 22.18 on, and then has this property.
const runsTypeScript = "typescript" in process.features && process.features.typescript !== false;

/** The arguments, after the runtime's own path, that run `file` with `args`. */
export function runArguments(file: string, args: readonly string[] = []): string[] {
  switch (RUNTIME) {
    case "deno":
      return ["run", "-A", file, ...args];
    case "bun":
      return [file, ...args];
    case "node":
      return runsTypeScript ? [file, ...args] : ["--import", "tsx", file, ...args];
  }
}

/** What became of a process. */
export interface Finished {
  /** Exit code; -1 after a signal, the one that ends a process which took too long included. */
  readonly code: number;
  /** Standard output and standard error as they came. */
  readonly output: string;
  readonly durationMs: number;
  readonly tookTooLong: boolean;
}

/** How to run a process: for how long, and whether its output is also shown as it comes. */
export interface RunOptions {
  readonly limitMs: number;
  readonly isShown?: boolean;
  readonly cwd?: string;
}

/** Runs `file` with `args` on the current runtime to its end. Never rejects for what it does. */
export function runFile(
  file: string,
  args: readonly string[],
  { limitMs, isShown = false, cwd = process.cwd() }: RunOptions,
): Promise<Finished> {
  const { promise, resolve, reject } = deferred<Finished>();
  const startedMs = performance.now();
  const child = spawn(process.execPath, runArguments(file, args), {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      chunks.push(chunk);
      if (isShown) process.stdout.write(chunk);
    });
  }
  let tookTooLong = false;
  const timer = setTimeout(() => {
    tookTooLong = true;
    child.kill("SIGKILL");
  }, limitMs);
  child.on("error", reject);
  child.on("close", (code) => {
    clearTimeout(timer);
    const durationMs = performance.now() - startedMs;
    resolve({ code: code ?? -1, output: chunks.join(""), durationMs, tookTooLong });
  });
  return promise;
}

/** Reads the last `N passed, N failed` line that a tool printed; undefined without one. */
export function countsIn(output: string): { passed: number; failed: number } | undefined {
  const last = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  return last === undefined ? undefined : { passed: Number(last[1]), failed: Number(last[2]) };
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
