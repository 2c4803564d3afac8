/**
 * Everything that must hold before a change is done, in one command: `npm run ok`.
 *
 * `ok.ts [--running] [--names FILE]`: `--running` takes only the steps that run the project's
 * code, the ones whose answer may depend on the runtime; `--names` goes to `run_tests.ts`. Prints
 * the time of each step; ends with `N passed, N failed`, where a step that counts nothing itself
 * counts as one.
 */
import { parseArgs } from "node:util";
import { countsIn, RUNTIME_VERSION, runFile } from "./runtime.ts";

const STEP_LIMIT_MS = 1_200_000;
const { values } = parseArgs({
  options: { running: { type: "boolean" }, names: { type: "string" } },
});

interface Step {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
}
const READING: readonly Step[] = [
  {
    name: "format and lint",
    file: "node_modules/@biomejs/biome/bin/biome",
    args: ["check", "--error-on-warnings", "--colors=off"],
  },
  { name: "types", file: "node_modules/typescript/bin/tsc", args: [] },
  { name: "layers", file: "tools/check_layers.ts", args: [] },
  { name: "tidy", file: "tools/tidy.ts", args: [] },
  { name: "manifests", file: "tools/check_manifests.ts", args: [] },
];
const RUNNING: readonly Step[] = [
  { name: "docs", file: "tools/check_docs.ts", args: [] },
  {
    name: "tests",
    file: "tools/run_tests.ts",
    args: values.names === undefined ? [] : ["--names", values.names],
  },
  { name: "examples", file: "tools/run_examples.ts", args: [] },
];

let passed = 0;
let failed = 0;
const summary: string[] = [];
for (const { name, file, args } of values.running ? RUNNING : [...READING, ...RUNNING]) {
  console.log(`\n== ${name}`);
  const run = await runFile(file, args, { limitMs: STEP_LIMIT_MS, isShown: true });
  const isFine = run.code === 0;
  const counts = countsIn(run.output) ?? { passed: isFine ? 1 : 0, failed: 0 };
  passed += counts.passed;
  failed += isFine ? counts.failed : Math.max(1, counts.failed);
  const seconds = (run.durationMs / 1_000).toFixed(1).padStart(6);
  summary.push(`${isFine ? "ok  " : "FAIL"} ${seconds} s  ${name}`);
}
console.log(`\n${summary.join("\n")}\non ${RUNTIME_VERSION}`);
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
