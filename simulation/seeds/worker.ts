/**
 * Runs every `stride`th seed and prints a line of JSON for each, until one fails: what
 * `simulation/seeds/run.ts` starts for each of its jobs.
 */
import { outcomeOf } from "./seed_outcome.ts";

const [from, end, stride, servers] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
  number,
];
for (let seed = from; seed < end; seed += stride) {
  const outcome = await outcomeOf(seed, servers === 0 ? undefined : servers);
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
  if (outcome.failure !== undefined) break;
}
