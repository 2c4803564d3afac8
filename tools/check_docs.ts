/**
 * Every exported symbol says what it is for, and the example of every entry point runs.
 *
 * A `mod.ts` opens with a docstring; its `ts` block imports by public names (`zookit`,
 * `zookit/client`). The blocks are written to `.doc-examples/`, type-checked together, and run
 * on the current runtime: each ends by itself and exits 0. With `--no-run` they are left alone.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { runFile } from "./runtime.ts";
import { lineAt, readSources, report, type Source } from "./source.ts";

const FOLDERS = [
  "core",
  "plugins",
  "transports",
  "storage",
  "client",
  "cli",
  "simulation",
  "test/conformance",
];
const EXPORT =
  /^export (?:abstract |async )*(?:const|let|function\*?|class|interface|type) (\w+)/gm;
const EXAMPLE_FOLDER = ".doc-examples";
const EXAMPLE_LIMIT_MS = 60_000;

function isPublic({ path }: Source): boolean {
  return path === "mod.ts" || FOLDERS.some((folder) => path.startsWith(`${folder}/`));
}

/** The findings for one file: exported symbols right above which no docstring ends. */
export function checkDocstrings({ path, text, code }: Source): string[] {
  const findings: string[] = [];
  let previous = "";
  for (const match of code.matchAll(EXPORT)) {
    const name = match[1] ?? "";
    const isOverload = name === previous;
    previous = name;
    if (isOverload || /\*\/\s*$/.test(text.slice(0, match.index))) continue;
    findings.push(`${path}:${lineAt(text, match.index)}: ${name} has no docstring`);
  }
  return findings;
}

/** The `ts` blocks of a docstring that opens the file, without the stars. */
export function examplesOf(text: string): string[] {
  const docstring = /^\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? "";
  const plain = docstring.replaceAll(/^ \* ?/gm, "");
  return [...plain.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((block) => block[1] ?? "");
}

function withLocalImports(example: string, entries: Readonly<Record<string, string>>): string {
  return example.replaceAll(/(["'])zookit(\/[\w/-]+)?\1/g, (found, _quote, subpath?: string) => {
    const file = entries[subpath === undefined ? "." : `.${subpath}`];
    return file === undefined ? found : `"../${file.slice(2)}"`;
  });
}

async function runExamples(modules: readonly Source[]): Promise<string[]> {
  const findings: string[] = [];
  const { exports } = JSON.parse(readFileSync("deno.json", "utf8")) as {
    readonly exports: Readonly<Record<string, string>>;
  };
  rmSync(EXAMPLE_FOLDER, { recursive: true, force: true });
  mkdirSync(EXAMPLE_FOLDER);
  const files = new Map<string, string>();
  for (const { path, text } of modules) {
    const examples = examplesOf(text);
    if (examples.length === 0) findings.push(`${path}: opens without a docstring with an example`);
    for (const [index, example] of examples.entries()) {
      const name = path.replaceAll("/", "_").replace(/\.ts$/, "");
      const file = `${EXAMPLE_FOLDER}/${name}_${index}.ts`;
      writeFileSync(file, withLocalImports(example, exports));
      files.set(file, path);
    }
  }
  const settings = { extends: "../tsconfig.json", include: ["*.ts"], exclude: [] };
  writeFileSync(`${EXAMPLE_FOLDER}/tsconfig.json`, JSON.stringify(settings));
  const limitMs = EXAMPLE_LIMIT_MS;
  if (files.size > 0) {
    const types = await runFile("node_modules/typescript/bin/tsc", ["-p", EXAMPLE_FOLDER], {
      limitMs,
    });
    if (types.code !== 0) findings.push(types.output);
  }
  for (const [file, path] of files) {
    const run = await runFile(file, [], { limitMs });
    const how = run.tookTooLong ? "did not end" : `exited with ${run.code}`;
    if (run.code !== 0) findings.push(`${path}: its example ${how}\n${run.output}`);
  }
  rmSync(EXAMPLE_FOLDER, { recursive: true });
  return findings;
}

const isMain = process.argv[1]?.endsWith("check_docs.ts") === true;
if (isMain) {
  const sources = readSources().filter(isPublic);
  const modules = sources.filter(({ path }) => path === "mod.ts" || path.endsWith("/mod.ts"));
  const findings = sources.flatMap(checkDocstrings);
  if (!process.argv.includes("--no-run")) findings.push(...(await runExamples(modules)));
  report("docs", findings);
}
