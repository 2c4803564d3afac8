/** Compiles Zookit into the layout of the published package, which is what users run. */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleCommand, compile } from "../tools/compile.ts";

const REPOSITORY = fileURLToPath(new URL("..", import.meta.url));
// Inside the repository, so that the packages it needs are found.
const PACKAGE = join(REPOSITORY, "node_modules", ".cache", "zookit-bench");

/**
 * Returns the start file of the compiled command, by default as it is published: as one file. The
 * sources as a clone runs them on Node 20 are no measure: the loader names every closure when it is
 * made, at 600 ns instead of 5.
 */
export async function buildZookit({
  isBundled = true,
}: {
  readonly isBundled?: boolean;
} = {}): Promise<string> {
  rmSync(PACKAGE, { recursive: true, force: true });
  for (const file of ["package.json", "bin/zookit.js"]) {
    mkdirSync(dirname(join(PACKAGE, file)), { recursive: true });
    copyFileSync(join(REPOSITORY, file), join(PACKAGE, file));
  }
  if ((await compile(join(PACKAGE, "dist"))) !== 0) throw new Error("Zookit does not compile");
  if (isBundled) await bundleCommand(join(PACKAGE, "dist"));
  return join(PACKAGE, "bin", "zookit.js");
}
