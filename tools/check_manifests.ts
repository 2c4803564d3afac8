/**
 * `deno.json` and `package.json` tell the same: name, version, licence, dependencies and their
 * versions, entry points. And every entry point is there, and every `mod.ts` is an entry point.
 */
import { existsSync, readFileSync } from "node:fs";
import { listFiles, report } from "./source.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, unknown>>;
}
interface PackageManifest extends Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
interface DenoManifest extends Manifest {
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, string>>;
  readonly compilerOptions: Readonly<Record<string, unknown>>;
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

const npm = readJson<PackageManifest>("package.json");
const deno = readJson<DenoManifest>("deno.json");
const tsc = readJson<{ compilerOptions: Record<string, unknown> }>("tsconfig.json");
const findings: string[] = [];

function expectSame(what: string, ofDeno: unknown, ofNpm: unknown): void {
  const [left, right] = [JSON.stringify(ofDeno), JSON.stringify(ofNpm)];
  if (left !== right) findings.push(`${what}: ${left} in deno.json, ${right} in package.json`);
}

expectSame("name", deno.name.split("/").at(-1), npm.name);
expectSame("version", deno.version, npm.version);
expectSame("license", deno.license, npm.license);

// Deno also runs the tests, so development packages may stand in its table; the others must.
const required = { ...npm.dependencies, ...npm.optionalDependencies };
for (const name of new Set([...Object.keys(required), ...Object.keys(deno.imports)])) {
  const version = required[name] ?? npm.devDependencies[name];
  expectSame(name, deno.imports[name], version && `npm:${name}@${version}`);
}

for (const [option, value] of Object.entries(deno.compilerOptions)) {
  if (tsc.compilerOptions[option] !== value) findings.push(`${option} differs in tsconfig.json`);
}

const entries = new Map(Object.entries(deno.exports));
for (const [name, file] of entries) {
  const built = file.replace("./", "./dist/").replace(/\.ts$/, "");
  expectSame(name, { types: `${built}.d.ts`, default: `${built}.js` }, npm.exports[name]);
  if (!existsSync(file)) findings.push(`${name}: ${file} is not there`);
}
for (const name of Object.keys(npm.exports)) {
  if (!entries.has(name) && name !== "./package.json") findings.push(`${name}: not in deno.json`);
}
const modules = ["plugins", "storage", "transports", "client"].flatMap((folder) =>
  existsSync(folder) ? listFiles(folder, "mod.ts") : [],
);
const listed = new Set(Object.values(deno.exports));
for (const file of modules) {
  if (!listed.has(`./${file}`)) findings.push(`${file}: not among the entry points`);
}

report("manifests", findings);
