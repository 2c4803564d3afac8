/**
 * Breaks a copy of the sources on purpose, one mutant at a time, and counts the seeds until it is
 * noticed: `npm run mutants -- --seeds 200 [--only TEXT] [--jobs N]`. `--quick` tries only those
 * that few seeds catch, each from a seed at which it is known to be caught soon. Exits 1 when one
 * lives, or when the text that it changes is not there any more.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { MUTANTS, type Mutant, QUICK } from "./list.ts";

const SOURCES = ["client", "core", "plugins", "simulation", "storage", "transports"];
const FILES = ["package.json", "tsconfig.json"];
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    from: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    jobs: { type: "string", default: String(availableParallelism()) },
    quick: { type: "boolean", default: false },
  },
});

/** A copy of the sources; `node_modules` is the same. */
function copySources(): string {
  const folder = mkdtempSync(join(tmpdir(), "zookit-mutants-"));
  for (const name of [...SOURCES, ...FILES]) {
    cpSync(name, join(folder, name), { recursive: true });
  }
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
  return folder;
}

/** @returns undoes it. */
function breakCopy(folder: string, { name, edits }: Mutant): () => void {
  const before = new Map<string, string>();
  const undo = (): void => {
    for (const [path, text] of before) writeFileSync(path, text);
  };
  for (const { file, find, put } of edits) {
    const path = join(folder, file);
    const text = readFileSync(path, "utf8");
    if (!before.has(path)) before.set(path, text);
    const count = text.split(find).length - 1;
    if (count !== 1) {
      undo();
      throw new Error(`${name}: its text is ${count} times in ${file}`);
    }
    const broken = text.replace(find, () => put);
    writeFileSync(path, broken);
  }
  return undo;
}

/** What the seeds say: the number of seeds run, and why the last one failed. */
function runSeeds(
  folder: string,
  from: string,
): Promise<{ seeds: number; reason: string } | undefined> {
  const { seeds } = values;
  const file = "simulation/seeds/run.ts";
  const args = [...process.execArgv, file, "--jobs", "1", "--seeds", seeds, "--from", from];
  const options = { cwd: folder, encoding: "utf8", maxBuffer: OUTPUT_BYTES_MAX } as const;
  return new Promise((done, reject) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (error === null) return done(undefined);
      const failed = /^seed (\d+) failed at \S+ virtual ms: (.*)$/m.exec(stdout);
      if (failed === null) return reject(new Error(`the seeds did not run: ${stderr}`));
      done({ seeds: Number(failed[1]) - Number(from) + 1, reason: failed[2] as string });
    });
  });
}

/** @returns whether it was caught, and what to say of that. */
async function attempt(folder: string, mutant: Mutant): Promise<[isCaught: boolean, line: string]> {
  try {
    const undo = breakCopy(folder, mutant);
    const quick = values.quick ? QUICK.get(mutant.name) : undefined;
    const caught = await runSeeds(folder, String(quick ?? values.from)).finally(undo);
    if (caught === undefined) return [false, `LIVES after ${values.seeds}`];
    return [true, `${String(caught.seeds).padStart(5)}  ${caught.reason.slice(0, 110)}`];
  } catch (error) {
    return [false, `FAILED ${(error as Error).message.slice(0, 300)}`];
  }
}

let alive = 0;

/** Takes mutants until there are no more. */
async function work(mutants: Mutant[]): Promise<void> {
  const folder = copySources();
  try {
    for (let mutant = mutants.shift(); mutant !== undefined; mutant = mutants.shift()) {
      const [isCaught, line] = await attempt(folder, mutant);
      if (!isCaught) alive += 1;
      console.log(`${mutant.name.padEnd(62)} ${line}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const chosen = MUTANTS.filter(({ name }) => {
  return name.includes(values.only) && (!values.quick || QUICK.has(name));
});
const { length } = chosen;
await Promise.all(Array.from({ length: Number(values.jobs) }, () => work(chosen)));
console.log(alive === 0 ? "every mutant is caught" : `${alive} mutants are not caught`);
console.log(`${length - alive} passed, ${alive} failed`);
if (alive > 0) process.exitCode = 1;
