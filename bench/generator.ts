/** Builds the load generator, which is in C so that it is never the bottleneck, and runs it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const SOURCES = fileURLToPath(new URL(".", import.meta.url));
const GCC = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"];

/** What one run of the generator found. Latencies in microseconds; 0 where a mode has none. */
export interface Measurement {
  readonly count: number;
  readonly perSecond: number;
  readonly serverCpuSeconds: number;
  readonly generatorCpuSeconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

export interface Target {
  /** One for each server; connections go round them. */
  readonly ports: readonly number[];
  /** Whose CPU time is read, together. */
  readonly pids: readonly number[];
  /** A constant-answer server: contents of answers are compared, but not held against it. */
  readonly isConstant: boolean;
}

/** The two C programs, compiled into a folder that the caller removes. */
export class Generator {
  readonly constantServer: string;
  readonly #load: string;

  private constructor(directory: string) {
    this.#load = join(directory, "load");
    this.constantServer = join(directory, "constant_server");
  }

  /** Fails with gcc's own words when it is missing or refuses. */
  static async build(directory: string): Promise<Generator> {
    const generator = new Generator(directory);
    const load = ["load.c", "load_wire.c", "load_run.c", "load_modes.c"];
    await run("gcc", [...GCC, "-o", generator.#load, ...load], { cwd: SOURCES });
    const constant = ["constant_server.c", "load_wire.c"];
    await run("gcc", [...GCC, "-o", generator.constantServer, ...constant], { cwd: SOURCES });
    return generator;
  }

  /** Fails when one answer is wrong, missing or out of order. `words` start with the mode. */
  async measure(target: Target, words: readonly string[]): Promise<Measurement> {
    const fixed = target.isConstant ? ["--fixed"] : [];
    const where = ["--port", target.ports.join(","), "--server-pid", target.pids.join(",")];
    const { stdout } = await run(this.#load, [...words, ...where, ...fixed]);
    const empty = { perSecond: 0, serverCpuSeconds: 0, generatorCpuSeconds: 0, p999Us: 0 };
    return { ...empty, ...JSON.parse(stdout) } as Measurement;
  }

  /** Kills the leader of an ensemble and returns how long no write got through the others, ms. */
  async failoverMs(leaderPid: number, survivors: readonly number[]): Promise<number> {
    const words = ["failover", "--kill", String(leaderPid), "--port", survivors.join(",")];
    const { stdout } = await run(this.#load, words);
    return (JSON.parse(stdout) as Measurement).p50Us / 1000;
  }

  /**
   * Knocks until a server answers a getData of `path`, and returns when, in nanoseconds of the
   * clock that `process.hrtime` reads. With `descendants`, then checks how many znodes it holds.
   */
  async firstAnswerNs(port: number, path: string, descendants?: number): Promise<bigint> {
    const words = ["first", "--port", String(port), "--root", path, "--seconds", "120"];
    if (descendants !== undefined) words.push("--expect", String(descendants));
    const { stdout } = await run(this.#load, words);
    return BigInt(/\d+/.exec(stdout)?.[0] ?? "");
  }
}
