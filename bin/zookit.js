#!/usr/bin/env node
// Starts the command from the sources in a clone, and from `dist/` in the published package.
import { existsSync } from "node:fs";

const sources = new URL("../cli/main.ts", import.meta.url);
const built = new URL("../dist/cli/main.js", import.meta.url);
const isClone = existsSync(sources);
// Deno and Bun run TypeScript; Node does from 22.18 on and says so here.
const runsTypeScript = "Deno" in globalThis || "Bun" in globalThis || process.features.typescript;

if (isClone && !runsTypeScript) {
  const { register } = await import("tsx/esm/api");
  register();
}
const { main } = await import((isClone ? sources : built).href);
// Not process.exit(): what was written to a pipe must still arrive.
process.exitCode = await main(process.argv.slice(2));
