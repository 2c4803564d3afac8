/**
 * Everything that must hold before a change is done, in one command: `npm run ok`.
 *
 * Arguments go to `run_tests.ts`. Prints the time of each step; ends with `N passed, N failed`,
 * in which a step that counts nothing itself counts as one.
 */
import { countsIn, RUNTIME_VERSION, runFile } from "./runtime.ts";

const STEP_LIMIT_MS = 1_200_000;
const STEPS: readonly (readonly [name: string, file: string, args: readonly string[]])[] = [
  [
    "format and lint",
    "node_modules/@biomejs/biome/bin/biome",
    ["check", "--error-on-warnings", "--colors=off"],
  ],
  ["types", "node_modules/typescript/bin/tsc", []],
  ["layers", "tools/check_layers.ts", []],
  ["tidy", "tools/tidy.ts", []],
  ["manifests", "tools/check_manifests.ts", []],
  ["docs", "tools/check_docs.ts", []],
  ["tests", "tools/run_tests.ts", process.argv.slice(2)],
  ["examples", "tools/run_examples.ts", []],
];

let passed = 0;
let failed = 0;
const summary: string[] = [];
for (const [name, file, args] of STEPS) {
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
