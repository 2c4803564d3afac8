/**
 * The same tests ran on every runtime: compares the files that `run_tests.ts --names` wrote.
 *
 * `compare_names.ts FILE FILE...`: prints every test that is not in all of them, and exits 1 when
 * one of these differences is not declared below.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";

/** Tests that follow from a trait of a runtime. */
interface Declared {
  readonly lines: RegExp;
  /** The only runs that may differ from the others in these lines. */
  readonly runs: readonly string[];
  readonly reason: string;
}
const DECLARED: readonly Declared[] = [
  {
    lines: /^test\/storage\/sqlite_runtime_test\.ts: /,
    runs: ["node20"],
    reason: "Node 20 has no SQLite of its own; the file has one test that it says so",
  },
];

const files = process.argv.slice(2);
const runs = files.map((file) => ({
  name: basename(file, ".names"),
  lines: new Set(readFileSync(file, "utf8").split("\n").filter(Boolean)),
}));
const all = [...new Set(runs.flatMap(({ lines }) => [...lines]))].sort();
let undeclared = 0;
for (const line of all) {
  const missing = runs.filter(({ lines }) => !lines.has(line)).map(({ name }) => name);
  if (missing.length === 0) continue;
  const having = runs.filter(({ lines }) => lines.has(line)).map(({ name }) => name);
  const reason = DECLARED.find(
    (declared) =>
      declared.lines.test(line) &&
      // These runs lack what all others have, or have what all others lack.
      [missing, having].some((names) => names.every((name) => declared.runs.includes(name))),
  )?.reason;
  if (reason === undefined) undeclared++;
  console.log(`${line}\n    not on ${missing.join(", ")}: ${reason ?? "not declared"}`);
}
console.log(runs.map(({ name, lines }) => `${name}: ${lines.size} tests`).join(", "));
if (undeclared > 0 || all.length === 0) process.exitCode = 1;
