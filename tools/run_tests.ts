/**
 * Finds the test files and runs each in a process of its own on the current runtime.
 *
 * `run_tests.ts [--names FILE] [PATH...]`: without a path, every `test/**\/*_test.ts` except the
 * groups that need other programs (see `GROUPS`); with paths, the tests at or below them.
 * `--names` writes one line `file: name` for each test that ran, sorted, so that runs on several
 * runtimes can be compared. Ends with a line `N passed, N failed` and exits 1 when one failed or
 * was skipped, or when there was nothing to run.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { RUNTIME_VERSION, runFile } from "./runtime.ts";
import { listFiles } from "./source.ts";

// Folders whose tests start other people's programs, or take long: run by name only.
const GROUPS = [
  "test/bench/",
  "test/interop/",
  "test/crash/",
  "test/differential/",
  "test/hostile/",
  "test/zab/ensemble/",
  "test/zab/hostile/",
  "test/zab/interop/",
];
const FILE_LIMIT_MS = 300_000;
const GROUP_FILE_LIMIT_MS = 600_000;
const JOBS = 2;

interface Outcome {
  readonly file: string;
  readonly names: readonly string[];
  readonly failed: number;
  readonly skipped: number;
}

function isInGroup(file: string): boolean {
  return GROUPS.some((group) => file.startsWith(group));
}

function findTests(paths: readonly string[]): string[] {
  const all = listFiles("test", "_test.ts");
  if (paths.length === 0) return all.filter((file) => !isInGroup(file));
  const isNamed = (file: string): boolean =>
    paths.some((path) => file === path || file.startsWith(`${path.replace(/\/$/, "")}/`));
  return all.filter(isNamed);
}

function readNames(namesFile: string): string[] {
  try {
    return JSON.parse(readFileSync(namesFile, "utf8")) as string[];
  } catch (cause) {
    // A process that was killed leaves no names; its failure is counted by its exit code.
    if ((cause as { readonly code?: string }).code === "ENOENT") return [];
    throw cause;
  }
}

function countIn(output: string, word: string): number {
  return Number(new RegExp(`^ {2}${word}: +(\\d+)`, "m").exec(output)?.[1] ?? 0);
}

async function runTest(file: string, namesFile: string): Promise<Outcome> {
  const limitMs = isInGroup(file) ? GROUP_FILE_LIMIT_MS : FILE_LIMIT_MS;
  const finished = await runFile("tools/run_test_file.ts", [file, namesFile], { limitMs });
  // uvu colours its summary where it takes the output for a terminal.
  const output = finished.output.replaceAll(new RegExp(`${"\u001b"}\\[[0-9;]*m`, "g"), "");
  const names = readNames(namesFile);
  const total = countIn(output, "Total");
  const skipped = countIn(output, "Skipped");
  const problems: string[] = [];
  if (finished.tookTooLong) problems.push(`took more than ${limitMs / 1_000} s and was ended`);
  else if (finished.code !== 0) problems.push(`exited with ${finished.code}`);
  if (total === 0) problems.push("ran no test");
  if (skipped > 0) problems.push(`skipped ${skipped}`);
  if (names.length !== total) problems.push("does not use uvu's own test, or runs it twice");
  if (new Set(names).size !== names.length) problems.push("has two tests of one name");
  const failedTests = total - countIn(output, "Passed");
  const failed = problems.length === 0 ? failedTests : Math.max(1, failedTests);
  const seconds = (finished.durationMs / 1_000).toFixed(1).padStart(6);
  console.log(`${failed === 0 ? "ok  " : "FAIL"} ${seconds} s  ${file} (${names.length} tests)`);
  // Groups print what they did: counts, and what differs for which reason.
  if (failed > 0 || isInGroup(file)) console.log(finished.output);
  if (problems.length > 0) console.log(`${file}: ${problems.join("; ")}`);
  return { file, names, failed, skipped };
}

const { values, positionals } = parseArgs({
  options: { names: { type: "string" } },
  allowPositionals: true,
});
const files = findTests(positionals);
const folder = mkdtempSync(join(tmpdir(), "zookit-tests-"));
const outcomes: Outcome[] = [];
const waiting = files.entries();
await Promise.all(
  Array.from({ length: JOBS }, async () => {
    for (const [index, file] of waiting) {
      outcomes.push(await runTest(file, join(folder, `${index}.json`)));
    }
  }),
);
rmSync(folder, { recursive: true });

const lines = outcomes.flatMap(({ file, names }) => names.map((name) => `${file}: ${name}`)).sort();
if (values.names !== undefined) writeFileSync(values.names, `${lines.join("\n")}\n`);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
const passed = Math.max(0, lines.length - failed);
console.log(`tests of ${files.length} files on ${RUNTIME_VERSION}`);
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0 || lines.length === 0) process.exitCode = 1;
