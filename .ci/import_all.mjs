// Run in an application's folder: imports every entry point of the installed package.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const requireHere = createRequire(join(process.cwd(), "package.json"));
const manifest = JSON.parse(readFileSync(requireHere.resolve("zookit/package.json"), "utf8"));
for (const name of Object.keys(manifest.exports)) {
  if (name === "./package.json") continue;
  const specifier = `zookit${name.slice(1)}`;
  // From the application's own folder, as its sources would.
  const url = import.meta.resolve(specifier);
  const exported = Object.keys(await import(url));
  console.log(`${specifier}: ${exported.length} exports`);
  if (exported.length === 0) process.exitCode = 1;
}
