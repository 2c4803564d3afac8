/** Compiles the sources to `dist/`, which is what the published package holds. */
import { rmSync } from "node:fs";
import { runFile } from "./runtime.ts";

rmSync("dist", { recursive: true, force: true });
const { code } = await runFile("node_modules/typescript/bin/tsc", ["-p", "tsconfig.build.json"], {
  limitMs: 300_000,
  isShown: true,
});
process.exitCode = code;
