/**
 * Breaks a copy of the sources on purpose, one mutant at a time, and counts the seeds until it is
 * noticed: `npm run mutants -- --seeds 200 [--only TEXT]`. Exits 1 when one lives, or when the text
 * that it changes is not there any more.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { MUTANTS, type Mutant } from "./list.ts";

const SOURCES = ["client", "core", "plugins", "simulation", "storage", "transports"];
const FILES = ["package.json", "tsconfig.json"];

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    from: { type: "string", default: "1" },
    only: { type: "string", default: "" },
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
function breakCopy(folder: string, mutant: Mutant): () => void {
  const before = new Map<string, string>();
  for (const { file, find, put } of mutant.edits) {
    const path = join(folder, file);
    const text = readFileSync(path, "utf8");
    if (!before.has(path)) before.set(path, text);
    const count = text.split(find).length - 1;
    if (count !== 1) throw new Error(`${mutant.name}: its text is ${count} times in ${file}`);
    writeFileSync(
      path,
      text.replace(find, () => put),
    );
  }
  return () => {
    for (const [path, text] of before) writeFileSync(path, text);
  };
}

/** What the seeds say: the number of seeds run, and why the last one failed. */
function runSeeds(folder: string): { seeds: number; reason: string } | undefined {
  const { seeds, from } = values;
  const command = ["--import", "tsx", "simulation/seeds/run.ts", "--seeds", seeds, "--from", from];
  const run = spawnSync(process.execPath, command, { cwd: folder, encoding: "utf8" });
  if (run.status === 0) return undefined;
  const failed = /^seed (\d+) failed at \S+ virtual ms: (.*)$/m.exec(run.stdout);
  if (failed === null) throw new Error(`the seeds did not run: ${run.stderr}`);
  return { seeds: Number(failed[1]) - Number(from) + 1, reason: failed[2] as string };
}

const folder = copySources();
let alive = 0;
try {
  for (const mutant of MUTANTS.filter(({ name }) => name.includes(values.only))) {
    let line: string;
    try {
      const undo = breakCopy(folder, mutant);
      const caught = runSeeds(folder);
      undo();
      if (caught === undefined) alive += 1;
      line =
        caught === undefined
          ? `LIVES after ${values.seeds}`
          : `${String(caught.seeds).padStart(5)}  ${caught.reason.slice(0, 110)}`;
    } catch (error) {
      alive += 1;
      line = `FAILED ${(error as Error).message.slice(0, 300)}`;
    }
    console.log(`${mutant.name.padEnd(62)} ${line}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(`${alive === 0 ? "every mutant is caught" : `${alive} mutants are not caught`}`);
if (alive > 0) process.exitCode = 1;
