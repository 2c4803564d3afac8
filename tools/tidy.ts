/**
 * Sizes and words: files, functions and lines stay short, and nothing is left half done.
 *
 * Run with `npx tsx tools/tidy.ts` in the root of the repository.
 */
import { lineAt, readSources, report, type Source } from "./source.ts";

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;
const LINE_COLUMNS_MAX = 100;

// Names that say nothing, and marks of unfinished work.
const BANNED_NAMES = /(?:^|\/)(?:utils?|common|helpers?|types|misc)(?:\.ts|\/)/;
const BANNED_WORDS = /\b(?:TODO|FIXME|XXX|HACK)\b|\bnot (?:yet )?implemented\b/gi;
const BANNED_CODE = /\btest\.(?:only|skip)\s*\(|\bdebugger\b|\bexport\s+default\b/g;

// What stands before the brace that opens the body of a function.
const FUNCTION_HEAD = /(?:=>|\)(?:\s*:\s*[^;{}()]*(?:\([^;{}()]*\)[^;{}()]*)?)?)\s*$/;
const STATEMENT_HEAD = /\b(?:if|for|while|switch|catch|with)\s*(?:await\s*)?\([^{}]*\)\s*$/;

interface Block {
  readonly start: number;
  readonly isFunction: boolean;
  /** Lines of the functions inside it, which are measured on their own. */
  innerLines: number;
}

function isFunctionHead(code: string, brace: number): boolean {
  const before = code.slice(Math.max(0, brace - 400), brace);
  const head = before.slice(before.search(/[^;{}]*$/));
  return FUNCTION_HEAD.test(head) && !STATEMENT_HEAD.test(head);
}

function checkFunctions({ path, code }: Source): string[] {
  const findings: string[] = [];
  const open: Block[] = [];
  for (let at = 0; at < code.length; at++) {
    if (code[at] === "{") {
      open.push({ start: at, isFunction: isFunctionHead(code, at), innerLines: 0 });
    }
    if (code[at] !== "}") continue;
    const block = open.pop();
    if (block === undefined) continue;
    const parent = open.at(-1);
    const allLines = code.slice(block.start, at).split("\n").length;
    const lines = allLines - block.innerLines;
    if (parent !== undefined) parent.innerLines += block.isFunction ? allLines : block.innerLines;
    if (block.isFunction && lines > FUNCTION_LINES_MAX) {
      const where = `${path}:${lineAt(code, block.start)}`;
      findings.push(`${where}: a function of ${lines} lines; at most ${FUNCTION_LINES_MAX}`);
    }
  }
  return findings;
}

/** The findings for one file, each as `path:line: what is wrong`. */
export function checkSource(source: Source): string[] {
  const { path, text, code } = source;
  const findings = checkFunctions(source);
  const lines = text.trimEnd().split("\n");
  if (lines.length > FILE_LINES_MAX) {
    findings.push(`${path}: ${lines.length} lines; at most ${FILE_LINES_MAX}`);
  }
  for (const [index, line] of lines.entries()) {
    if (line.length > LINE_COLUMNS_MAX && !/^\s*(?:\/\/ |\* )?\S*https?:/.test(line)) {
      findings.push(`${path}:${index + 1}: ${line.length} columns; at most ${LINE_COLUMNS_MAX}`);
    }
  }
  if (BANNED_NAMES.test(path)) findings.push(`${path}: the name does not say what is inside`);
  const isThisFile = path === "tools/tidy.ts";
  const words = isThisFile ? [] : [...text.matchAll(BANNED_WORDS), ...code.matchAll(BANNED_CODE)];
  for (const match of words) {
    findings.push(`${path}:${lineAt(text, match.index)}: "${match[0]}" is left over`);
  }
  return findings;
}

const isMain = process.argv[1]?.endsWith("tidy.ts") === true;
if (isMain) report("tidy", readSources().flatMap(checkSource));
