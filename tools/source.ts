import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A source file: its text as written, and the same text with comments and strings blanked. */
export interface Source {
  /** Relative to the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** As long as `text`, line by line: what stands in comments and strings is spaces. */
  readonly code: string;
}

const SKIPPED_FOLDERS = new Set(["node_modules", "dist", "zookit-data"]);

/** Every file below `folder` whose name ends in `suffix`, in alphabetical order. */
export function listFiles(folder: string, suffix = ".ts"): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name).replaceAll("\\", "/");
    const isHidden = entry.name.startsWith(".");
    if (entry.isDirectory() && !isHidden && !SKIPPED_FOLDERS.has(entry.name)) {
      found.push(...listFiles(path, suffix));
    } else if (entry.isFile() && entry.name.endsWith(suffix)) found.push(path);
  }
  return found.sort();
}

/** Reads every TypeScript file of the repository; the working directory is its root. */
export function readSources(): Source[] {
  return listFiles(".").map((path) => {
    const text = readFileSync(path, "utf8");
    return { path, text, code: blank(text) };
  });
}

/** The line, counted from 1, on which `offset` lies. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** Prints findings, and sets the exit code when there are some. */
export function report(tool: string, findings: readonly string[]): void {
  for (const finding of findings) console.error(finding);
  console.log(`${tool}: ${findings.length === 0 ? "clean" : `${findings.length} findings`}`);
  if (findings.length > 0) process.exitCode = 1;
}

// One token that may hide text which is not code. A regular expression is told from a division
// by what stands before it.
const REGEX_AFTER = /(?:^|[(,=:[!&|?{};+>]|\breturn|\bcase)\s*$/;

/** Replaces comments, strings, templates' text and regular expressions by spaces. */
export function blank(text: string): string {
  const out = text.split("");
  const erase = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (out[i] !== "\n") out[i] = " ";
  };
  const braces: boolean[] = []; // For each open brace: does it belong to a template?
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    let end = at + 1;
    if (text.startsWith("//", at)) end = endOf(text, "\n", at);
    else if (text.startsWith("/*", at)) end = endOf(text, "*/", at + 2) + 2;
    else if (char === '"' || char === "'") end = endOfQuoted(text, at, char);
    else if (char === "/" && REGEX_AFTER.test(text.slice(Math.max(0, at - 40), at))) {
      end = endOfRegex(text, at);
    } else if (char === "`" || (char === "}" && braces.pop() === true)) {
      end = endOfTemplatePart(text, at);
      if (text[end - 1] === "{") braces.push(true);
    } else {
      if (char === "{") braces.push(false);
      at = end;
      continue;
    }
    erase(at, end);
    at = end;
  }
  return out.join("");
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found === -1 ? text.length : found;
}

function endOfQuoted(text: string, start: number, quote: string): number {
  let at = start + 1;
  while (at < text.length && text[at] !== quote && text[at] !== "\n") {
    at += text[at] === "\\" ? 2 : 1;
  }
  return at + 1;
}

function endOfRegex(text: string, start: number): number {
  let inClass = false;
  let at = start + 1;
  while (at < text.length && text[at] !== "\n" && (inClass || text[at] !== "/")) {
    if (text[at] === "[") inClass = true;
    if (text[at] === "]") inClass = false;
    at += text[at] === "\\" ? 2 : 1;
  }
  return at + 1;
}

/** From a back-tick, or the brace that ends a hole, to the next hole or the last back-tick. */
function endOfTemplatePart(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== "`") {
    if (text.startsWith("${", at)) return at + 2;
    at += text[at] === "\\" ? 2 : 1;
  }
  return at + 1;
}
