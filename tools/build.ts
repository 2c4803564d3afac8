/**
 * Makes what the published package holds: `npm run build` in `dist/`, `prepack` before `npm pack`.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import commonjs from "@rollup/plugin-commonjs";
import json from "@rollup/plugin-json";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { transform } from "esbuild";
import { type InputOption, type OutputChunk, type Plugin, rollup } from "rollup";
import { runFile } from "./runtime.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const COMPILER = join(ROOT, "node_modules/typescript/bin/tsc");
/** The folder of an installed package in a path into it. */
const PACKAGE = /\/(node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^./][^/]*)\//;
const LIMIT_MS = 300_000;
/** What is not in the command's files; `sqlite3` is compiled on the machine that it runs on. */
const EXTERNAL = [/^(?:node|bun):/, "sqlite3"];
/** Comments take a runtime time to read. */
const withoutComments: Plugin = {
  name: "without-comments",
  async renderChunk(code) {
    return (await transform(code, { target: "node20.20", legalComments: "none" })).code;
  },
};

/**
 * Compiles the sources, and bundles the command with what it needs: a few hundred small files take
 * a quarter of a second to start.
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

/**
 * All of a server goes into one file, whose constants are nobody else's: V8 knows their values when
 * it compiles, as it does not for what a module exports. The other sub-commands have files of their
 * own.
 */
async function bundleCommand(folder: string): Promise<void> {
  const command = join(folder, "cli");
  const others: Record<string, string> = {
    // They stand beside whoever starts them.
    worker: join(folder, "storage/sqlite/worker.js"),
    fan_out_worker: join(folder, "transports/tcp/fan_out_worker.js"),
  };
  const setAside: Plugin = {
    name: "set-aside",
    resolveDynamicImport(specifier, importer) {
      const name = /^\.\/(\w+)\.js$/.exec(String(specifier))?.[1];
      if (importer !== join(command, "main.js") || name === undefined) return null;
      if (name === "serve") return null;
      others[name] = join(command, `${name}.js`);
      return { id: String(specifier), external: true };
    },
  };
  const main = await bundle({ main: join(command, "main.js") }, [setAside], true);
  const chunks = [...main, ...(await bundle(others, [], false))];
  rmSync(command, { recursive: true });
  mkdirSync(command);
  for (const { fileName, code } of chunks) writeFileSync(join(command, fileName), code);
  writeFileSync(join(command, "LICENSES.txt"), licensesOf(chunks));
}

async function bundle(
  input: InputOption,
  plugins: readonly Plugin[],
  inlineDynamicImports: boolean,
): Promise<OutputChunk[]> {
  const bundled = await rollup({
    input,
    external: EXTERNAL,
    plugins: [
      ...plugins,
      // For Node rxjs names a form that can't be taken apart.
      nodeResolve({ preferBuiltins: true, exportConditions: ["es2015"] }),
      made(commonjs),
      made(json),
      withoutComments,
    ],
    onwarn({ message }) {
      throw new Error(message);
    },
  });
  const { output } = await bundled.generate({ format: "es", inlineDynamicImports });
  return output.filter((file) => file.type === "chunk");
}

/** Their types say of these that the function is below `default`, which it is not. */
function made(plugin: unknown): Plugin {
  return (plugin as () => Plugin)();
}

/** The licenses of the packages in the bundle, in the order of their names. */
function licensesOf(chunks: readonly OutputChunk[]): string {
  const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
  const folders = modules.map((path) => PACKAGE.exec(path)?.[1]);
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
