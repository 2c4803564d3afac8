import { borrowGlobals } from "./globals.ts";
import { World, type WorldOptions } from "./world.ts";

/** What to simulate, and from which seeds. */
export interface SimulationOptions extends WorldOptions {
  /** The first seed. Default 1; the environment variable `ZOOKIT_SEED` wins, and runs it alone. */
  readonly seed?: number;
  /** How many seeds to run, one after the other. Default 1. */
  readonly seeds?: number;
  /** Virtual ms that a run may take. Default 600,000. */
  readonly limitMs?: number;
}

/** What one run was. */
export interface SimulationReport {
  readonly seed: number;
  /** Equal for two runs that did the same. */
  readonly hash: string;
  readonly virtualMs: number;
  readonly realMs: number;
  /** Things that happened. */
  readonly turns: number;
  /** What was used of `Date`, timers and the like; virtual ones took their place. */
  readonly globalsUsed: readonly string[];
}

/** A run that failed; the message says how to run it again. */
export class SimulationError extends Error {
  override readonly name = "SimulationError";
  readonly seed: number;
  /** What happened, the newest last. */
  readonly trace: readonly string[];

  constructor(
    seed: number,
    message: string,
    options: { cause: unknown; trace: readonly string[] },
  ) {
    super(message, options);
    this.seed = seed;
    this.trace = options.trace;
  }
}

const LIMIT_MS = 600_000;
// Taken before anybody can put something else in its place.
const realNow = performance.now.bind(performance);
const nextTurn = globalThis.setImmediate;
let isRunning = false;

/**
 * Runs `body` against an ensemble in virtual time: first all servers start and serve. The same seed
 * gives the same run. While it runs, `Date`, timers, `performance.now` and `Math.random` are
 * virtual; what waits for anything real, a socket or a file, is not repeatable and may never end.
 *
 * @returns one report for each seed.
 * @throws {SimulationError} when `body` throws, servers break a rule (the same transactions in the
 * same order everywhere, none lost), a promise is rejected and nobody cares, or time runs out.
 * @throws {Error} when another simulation runs in this process.
 */
export async function simulate(
  options: SimulationOptions,
  body: (world: World) => Promise<void>,
): Promise<SimulationReport[]> {
  if (isRunning) throw new Error("another simulation runs in this process");
  isRunning = true;
  const wanted = Number(process.env["ZOOKIT_SEED"] ?? Number.NaN);
  const [first, count] = Number.isInteger(wanted)
    ? [wanted, 1]
    : [options.seed ?? 1, options.seeds ?? 1];
  try {
    const reports: SimulationReport[] = [];
    for (let seed = first; seed < first + count; seed++) {
      reports.push(await runSeed(seed, options, body));
    }
    return reports;
  } finally {
    isRunning = false;
  }
}

async function runSeed(
  seed: number,
  options: SimulationOptions,
  body: (world: World) => Promise<void>,
): Promise<SimulationReport> {
  const world = new World(seed, options);
  const { scheduler, machine, violations } = world;
  const globalsUsed = new Set<string>();
  const realFromMs = realNow();
  const limitMs = options.limitMs ?? LIMIT_MS;
  let outcome: { readonly error: unknown } | "done" | undefined;
  const failed = (error: unknown): void => {
    if (outcome === undefined || outcome === "done") outcome = { error };
  };
  const giveBack = borrowGlobals(machine, world.random.fork("globals"), (name) => {
    globalsUsed.add(name);
  });
  process.on("unhandledRejection", failed);
  try {
    scheduler.after(0, () => {
      void world
        .start()
        .then(() => body(world))
        .then(() => {
          outcome ??= "done";
        }, failed);
    });
    await scheduler.run(() => {
      if (violations[0] !== undefined) failed(new Error(violations[0]));
      if (scheduler.nowMs > limitMs) failed(new Error(`not done after ${limitMs} virtual ms`));
      return outcome !== undefined;
    });
    // Rejections that nobody handles are told of between turns; by Bun once no turn is waiting.
    for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => nextTurn(resolve));
  } catch (error) {
    failed(error);
  } finally {
    process.off("unhandledRejection", failed);
    giveBack();
  }
  if (outcome !== "done") throw errorOf(world, outcome?.error);
  const { turns, nowMs, trace } = scheduler;
  const realMs = realNow() - realFromMs;
  const { hash } = trace;
  return { seed, hash, virtualMs: nowMs, realMs, turns, globalsUsed: [...globalsUsed] };
}

function errorOf(world: World, cause: unknown): SimulationError {
  const { seed, scheduler } = world;
  const what = cause instanceof Error ? cause.message : String(cause);
  const command = [process.argv0, ...process.execArgv, ...process.argv.slice(1)].join(" ");
  const message =
    `seed ${seed} failed at ${scheduler.nowMs.toFixed(1)} virtual ms: ${what}\n` +
    `to run it again: ZOOKIT_SEED=${seed} ${command}`;
  return new SimulationError(seed, message, { cause, trace: scheduler.trace.lines });
}
