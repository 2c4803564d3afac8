import { SimulationError } from "../simulate.ts";
import { runSeed } from "./run_seed.ts";

/** What one seed showed, as workers tell it. */
export interface SeedOutcome {
  readonly seed: number;
  readonly hash: string;
  /** Whether enough happened for the seed to count. */
  readonly counts: boolean;
  readonly acknowledged: number;
  readonly virtualMs: number;
  /** How often what happened. */
  readonly coverage: readonly (readonly [what: string, times: number])[];
  /** Set when something is wrong. */
  readonly failure?: { readonly message: string; readonly trace: readonly string[] };
}

/** Runs a seed; what is found wrong is part of the outcome. */
export async function outcomeOf(seed: number, servers: number | undefined): Promise<SeedOutcome> {
  // Nobody is shown where an error comes from, and finding that out takes long.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    const { report, counts, acknowledged, coverage } = await runSeed(seed, { servers });
    const { hash, virtualMs } = report;
    return { seed, hash, counts, acknowledged, virtualMs, coverage: [...coverage] };
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error;
    const [message = ""] = error.message.split("\n");
    const failure = { message, trace: error.trace };
    const nothing = { counts: false, acknowledged: 0, virtualMs: 0, coverage: [] };
    return { seed, hash: "", ...nothing, failure };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
