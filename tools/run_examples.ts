/**
 * Runs every `examples/*.ts`, and `main.ts` of every folder in `examples/` that is no package of
 * its own, on the current runtime: each ends by itself and exits 0.
 */
import { existsSync } from "node:fs";
import { RUNTIME_VERSION, runFile } from "./runtime.ts";
import { listFiles } from "./source.ts";

const EXAMPLE_LIMIT_MS = 60_000;

function isExample(file: string): boolean {
  const parts = file.split("/");
  if (parts.length === 2) return true;
  return parts.at(-1) === "main.ts" && !parts.some((_, depth) => isPackage(parts, depth));
}

function isPackage(parts: readonly string[], depth: number): boolean {
  return depth > 0 && existsSync([...parts.slice(0, depth), "package.json"].join("/"));
}

let failed = 0;
const files = existsSync("examples") ? listFiles("examples").filter(isExample) : [];
for (const file of files) {
  const run = await runFile(file, [], { limitMs: EXAMPLE_LIMIT_MS });
  const isFine = run.code === 0;
  const seconds = (run.durationMs / 1_000).toFixed(1).padStart(6);
  console.log(`${isFine ? "ok  " : "FAIL"} ${seconds} s  ${file}`);
  if (isFine) continue;
  failed++;
  console.log(`${run.output}\n${file}: ${run.tookTooLong ? "did not end" : `exit ${run.code}`}`);
}
console.log(`examples on ${RUNTIME_VERSION}`);
console.log(`${files.length - failed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
