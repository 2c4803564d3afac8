import fc from "fast-check";
import { type AllowedCounts, difference } from "./compare.ts";
import { programs } from "./generator.ts";
import { ServerPair } from "./pair.ts";
import { countOps, type Program } from "./program.ts";
import type { ServerKind } from "./servers.ts";
import { addCoverage, type Coverage } from "./transcript.ts";
import type { Variant } from "./variants.ts";

const PROGRAMS_PER_SEED = 5;
/** Longest time for one seed, most of it for making a program that fails smaller. */
const SEED_MS_MAX = 60_000;
/** After so many programs with a difference the campaign stops looking for more. */
const FAILURES_MAX = 5;
/** Operations after which both servers are replaced: their logs are read and thrown away. */
const OPS_PER_PAIR = 40_000;

/** Many programs on pairs of servers, with what they reached and what they showed. */
export class Campaign {
  readonly coverage: [Coverage, Coverage] = [new Map(), new Map()];
  readonly allowed: AllowedCounts = new Map();
  /** Programs that differ and digests that do not agree, in words. */
  readonly failures: string[] = [];
  /** Transactions whose digests were compared with the rule, on each server. */
  readonly digests: [number, number] = [0, 0];
  /** Lines of the word `hash` that were compared, on each server. */
  readonly hashLines: [number, number] = [0, 0];
  ops = 0;
  readonly #kinds: readonly [ServerKind, ServerKind];
  readonly #variant: Variant;
  #pair: ServerPair | undefined;
  #opsOfPair = 0;

  constructor(kinds: readonly [ServerKind, ServerKind], variant: Variant) {
    this.#kinds = kinds;
    this.#variant = variant;
  }

  /** Runs `program` on both servers at once. @throws Error telling the first difference. */
  async check(program: Program): Promise<void> {
    this.#pair ??= await ServerPair.start(this.#kinds, this.#variant);
    const transcripts = await this.#pair.run(program);
    this.ops += countOps(program);
    this.#opsOfPair += countOps(program);
    addCoverage(this.coverage[0], transcripts[0]);
    addCoverage(this.coverage[1], transcripts[1]);
    const found = difference(transcripts, this.allowed);
    if (found !== undefined) throw new Error(found);
  }

  /** Runs `program` so often, noting a difference. */
  async repeat(program: Program, times: number): Promise<void> {
    for (let time = 0; time < times; time++) {
      try {
        await this.check(program);
      } catch (error) {
        this.#fail(`${JSON.stringify(program)}\n${messageOf(error)}`);
        return;
      }
    }
  }

  /**
   * Runs random programs `of` some kind, seed after seed, until `opsMin` operations have been run
   * in all.
   *
   * @returns the seed to go on with.
   */
  async explore(
    firstSeed: number,
    opsMin: number,
    of: fc.Arbitrary<Program> = programs(),
  ): Promise<number> {
    let seed = firstSeed;
    for (; this.ops < opsMin && this.failures.length < FAILURES_MAX; seed++) {
      const property = fc.asyncProperty(of, (program) => this.check(program));
      // Without a bias to small values: programs should be as long and varied as they may be.
      const limits = { interruptAfterTimeLimit: SEED_MS_MAX, markInterruptAsFailure: true };
      const options = { seed, numRuns: PROGRAMS_PER_SEED, unbiased: true, ...limits };
      const result = await fc.check(property, options);
      if (result.failed) {
        const [program] = result.counterexample ?? [];
        const told = messageOf(result.errorInstance);
        this.#fail(`seed ${seed}: ${JSON.stringify(program)}\n${told}`);
      }
      if (this.#opsOfPair < OPS_PER_PAIR && !result.failed) continue;
      await this.end();
      console.log(`${this.ops} operations, next seed ${seed + 1}`);
    }
    return seed;
  }

  /** Ends the present servers, after a look at their digests. */
  async end(): Promise<void> {
    const pair = this.#pair;
    [this.#pair, this.#opsOfPair] = [undefined, 0];
    const reports = (await pair?.endWithDigests()) ?? [];
    for (const [at, report] of reports.entries()) {
      this.digests[at as 0 | 1] += report.digestCount;
      this.hashLines[at as 0 | 1] += report.hashLineCount;
      if (report.mismatches.length === 0) continue;
      const first = report.mismatches.slice(0, 3).join("\n");
      this.#fail(`digests of the ${this.#kinds[at]} server:\n${first}`);
    }
  }

  /** Tells at once: a long run may never come to its end. */
  #fail(failure: string): void {
    this.failures.push(failure);
    console.log(failure);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
