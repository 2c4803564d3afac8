/** Makes what the published package holds out of the sources. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { runFile } from "./runtime.ts";

const COMPILE_MS_MAX = 300_000;
/** CommonJS packages ask for parts of Node by this name. */
const REQUIRE = 'import { createRequire } from "node:module";\n';
const BANNER = `${REQUIRE}const require = createRequire(import.meta.url);`;

/**
 * Compiles into a folder, which is emptied first: one file for each source.
 *
 * @returns the compiler's exit code; with another one than 0 it has said why.
 */
export async function compile(folder: string): Promise<number> {
  rmSync(folder, { recursive: true, force: true });
  const words = ["-p", "tsconfig.build.json", "--outDir", folder];
  const options = { limitMs: COMPILE_MS_MAX, isShown: true };
  return (await runFile("node_modules/typescript/bin/tsc", words, options)).code;
}

/**
 * Makes the command of a compiled folder one file with all that it uses but SQLite's package: most
 * of the time of a start went by in finding and loading some 700 small files.
 */
export async function bundleCommand(folder: string): Promise<void> {
  const cli = join(folder, "cli");
  const main = await bundle(join(cli, "main.js"));
  const worker = await bundle(join(folder, "storage/sqlite/worker.js"));
  rmSync(cli, { recursive: true });
  mkdirSync(cli);
  writeFileSync(join(cli, "main.js"), main.text);
  // Where the code that starts it looks for it: beside itself.
  writeFileSync(join(cli, "worker.js"), worker.text);
  writeFileSync(join(cli, "LICENSES.txt"), licensesOf(main.packages));
}

interface Bundle {
  readonly text: string;
  /** Folders of the packages in it. */
  readonly packages: ReadonlySet<string>;
}

async function bundle(file: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    entryPoints: [file],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["sqlite3", "bun:*"],
    banner: { js: BANNER },
    write: false,
    metafile: true,
    logLevel: "warning",
  });
  const packages = new Set<string>();
  for (const input of Object.keys(metafile.inputs)) {
    const found = /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input);
    if (found !== null && !input.includes(".cache")) packages.add(found[0]);
  }
  return { text: outputFiles[0]?.text ?? "", packages };
}

/** What the licences of packages ask of whoever hands them on. */
function licensesOf(packages: ReadonlySet<string>): string {
  const texts = [...packages].sort().map((folder) => {
    const { name, version, license } = JSON.parse(
      readFileSync(join(folder, "package.json"), "utf8"),
    ) as Record<string, string>;
    const file = readdirSync(folder).find((one) => /^(licen[cs]e|copying)/i.test(one));
    const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8");
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}
