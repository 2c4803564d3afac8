/**
 * Who may import whom, and who may look at a clock or roll a die.
 *
 * Run with `npx tsx tools/check_layers.ts` in the root of the repository.
 */
import { posix } from "node:path";
import { lineAt, readSources, report, type Source } from "./source.ts";

// Folder to what its files may import: other folders of the repository. The first row whose
// folder matches counts. A folder may always import itself, except where its parts are strangers.
const CORE = ["core/errors", "core/wire", "core/tree", "core/contracts", "core/watch"];
const EVERYTHING = [""];
const LAYERS: readonly (readonly [folder: string, imports: readonly string[]])[] = [
  ["core/errors", []],
  ["core/wire", ["core/errors"]],
  ["core/contracts", ["core/errors", "core/wire"]],
  ["core/tree", ["core/errors", "core/wire", "core/contracts"]],
  ["core/watch", ["core/errors", "core/wire", "core/contracts"]],
  ["core/server", CORE],
  ["core/kernel", [...CORE, "core/server"]],
  ["plugins", ["core"]],
  ["transports", ["core"]],
  ["storage", ["core"]],
  ["client", ["core/errors", "core/wire", "core/contracts"]],
  ["test/conformance", ["core", "mod.ts"]],
  ["tools", []],
  ["mod.ts", EVERYTHING],
  ["cli", EVERYTHING],
  ["simulation", EVERYTHING],
  ["examples", EVERYTHING],
  ["bench", EVERYTHING],
  ["test", EVERYTHING],
];

// Plugins, transports and stores meet only through a contract's token.
const STRANGERS = ["plugins", "transports", "storage"];

const OUTER = ["cli", "bench", "tools", "test", "examples", "simulation"];

// Package (or `node:`) to the folders that may import it; whatever is not named is refused.
const PACKAGES: readonly (readonly [name: string, folders: readonly string[]])[] = [
  [
    "node:",
    [
      "transports",
      "storage",
      "client/transports",
      "plugins/admin",
      "plugins/audit",
      "plugins/auth",
      "plugins/system",
      ...OUTER,
    ],
  ],
  ["rxjs", ["core/watch", "client", ...OUTER]],
  ["tsyringe", ["core/kernel/container.ts"]],
  ["reflect-metadata", ["core/kernel/container.ts"]],
  ["commander", ["cli"]],
  ["valibot", ["cli"]],
  ["pino", ["plugins"]],
  ["prom-client", ["plugins/metrics", "plugins/admin"]],
  ["ws", ["transports/websocket", "client/transports", "test", "bench", "examples"]],
  ["sqlite3", ["storage/sqlite", "test", "bench", "tools"]],
  ["bun:", ["transports", "storage"]],
  ["uvu", ["test", "tools", "examples"]],
  ["fast-check", ["test"]],
  ["tsx", ["tools"]],
  ["esbuild", ["tools/build.ts"]],
  ["rollup", ["tools/build.ts"]],
  ["@rollup", ["tools/build.ts"]],
  ["zookit", ["examples", "test"]],
];

// One seed gives one run: these stand only where time and chance enter.
const IMPURE = new RegExp(
  [
    String.raw`\bDate\s*[.(]`,
    String.raw`\bperformance\s*\.`,
    String.raw`\bMath\s*\.\s*random\b`,
    String.raw`\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b`,
    String.raw`\b(?:getRandomValues|randomUUID|randomBytes)\b`,
  ].join("|"),
  "g",
);
const IMPURE_FOLDERS = [
  "plugins/system",
  "client/system.ts",
  "client/transports",
  "transports",
  "plugins/admin/either_listener.ts",
  "storage/sqlite",
  ...OUTER,
];

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)(["'])([^"'\n]+)\1/g;

function isIn(path: string, folder: string): boolean {
  return folder === "" || path === folder || path.startsWith(`${folder}/`);
}

function checkRelative(path: string, target: string): string | undefined {
  const layer = LAYERS.find(([folder]) => isIn(path, folder));
  if (layer === undefined) return `no layer is named for this file; see LAYERS`;
  const [folder, imports] = layer;
  if (STRANGERS.includes(folder) && isIn(target, folder)) {
    const own = path.split("/").slice(0, 2).join("/");
    return isIn(target, own) ? undefined : `${own} may not import its neighbour ${target}`;
  }
  if (isIn(target, folder) || imports.some((allowed) => isIn(target, allowed))) return undefined;
  return `${folder} may not import ${target}`;
}

function checkPackage(path: string, name: string): string | undefined {
  const entry = PACKAGES.find(
    ([known]) => name === known || name.startsWith(known.endsWith(":") ? known : `${known}/`),
  );
  if (entry === undefined) return `nobody may import ${name}`;
  return entry[1].some((folder) => isIn(path, folder)) ? undefined : `may not import ${name}`;
}

/** The findings for one file, each as `path:line: what is wrong`. */
export function checkSource({ path, text, code }: Source): string[] {
  const findings: string[] = [];
  for (const match of text.matchAll(IMPORT)) {
    const name = match[2] ?? "";
    // In comments and strings the keyword itself is blanked.
    if (code[match.index] === " ") continue;
    const isRelative = name.startsWith(".");
    const target = posix.join(posix.dirname(path), name);
    const problem = isRelative ? checkRelative(path, target) : checkPackage(path, name);
    if (problem !== undefined) findings.push(`${path}:${lineAt(text, match.index)}: ${problem}`);
    if (isRelative && !name.endsWith(".ts")) {
      findings.push(`${path}:${lineAt(text, match.index)}: ${name} must end in .ts`);
    }
  }
  if (IMPURE_FOLDERS.some((folder) => isIn(path, folder))) return findings;
  for (const match of code.matchAll(IMPURE)) {
    const what = match[0].replaceAll(/\s/g, "");
    findings.push(`${path}:${lineAt(text, match.index)}: ${what} only where time and chance enter`);
  }
  return findings;
}

const isMain = process.argv[1]?.endsWith("check_layers.ts") === true;
if (isMain) report("layers", readSources().flatMap(checkSource));
