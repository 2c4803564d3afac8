/**
 * Makes what the published package holds: `npm run build` in `dist/`, `prepack` before `npm pack`.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build as bundle, type Metafile } from "esbuild";
import { runFile } from "./runtime.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const COMPILER = join(ROOT, "node_modules/typescript/bin/tsc");
/** The folder of an installed package, at the begin of a path into it. */
const PACKAGE = /^node_modules\/(?:@[^/]+\/)?[^./][^/]*/;
const LIMIT_MS = 300_000;
/** Packages that are made of CommonJS ask for Node's own modules this way. */
const REQUIRE = `import { createRequire } from "node:module";
const require = createRequire(import.meta.url);`;

/**
 * Compiles the sources, and makes one bundle of the command with what it needs: a server of a few
 * hundred small files starts a quarter of a second later.
 *
 * @param folder absolute; removed first.
 * @returns whether the sources have no errors of types; what can be compiled is, all the same.
 */
export async function build(folder: string): Promise<boolean> {
  rmSync(folder, { recursive: true, force: true });
  const words = ["-p", "tsconfig.build.json", "--outDir", folder];
  const { code } = await runFile(COMPILER, words, { cwd: ROOT, limitMs: LIMIT_MS, isShown: true });
  await bundleCommand(folder);
  return code === 0;
}

async function bundleCommand(folder: string): Promise<void> {
  const command = join(folder, "cli");
  const { metafile, outputFiles } = await bundle({
    entryPoints: {
      main: join(command, "main.js"),
      // Stands beside whoever starts it.
      worker: join(folder, "storage/sqlite/worker.js"),
    },
    outdir: command,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.20",
    // Compiled on the machine that it runs on.
    external: ["sqlite3"],
    // For Node it names a form that can't be taken apart.
    alias: { rxjs: join(ROOT, "node_modules/rxjs/dist/esm/index.js") },
    banner: { js: REQUIRE },
    metafile: true,
    write: false,
    absWorkingDir: ROOT,
  });
  rmSync(command, { recursive: true });
  mkdirSync(command);
  for (const { path, contents } of outputFiles) writeFileSync(path, contents);
  writeFileSync(join(command, "LICENSES.txt"), licensesOf(metafile));
}

/** The licenses of the packages in the bundle, in the order of their names. */
function licensesOf({ inputs }: Metafile): string {
  const folders = Object.keys(inputs).map((path) => PACKAGE.exec(path)?.[0]);
  const texts = [...new Set(folders)].sort().flatMap((folder) => {
    if (folder === undefined) return [];
    const { name, version } = JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8"));
    const file = readdirSync(join(ROOT, folder)).find((one) => /^licen[cs]e/i.test(one));
    if (file === undefined) throw new Error(`${folder} has no license`);
    return `${name} ${version}\n\n${readFileSync(join(ROOT, folder, file), "utf8").trim()}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = (await build(join(ROOT, "dist"))) ? 0 : 1;
}
