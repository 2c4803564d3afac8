/** One setting as it was written, and where. */
export interface Setting {
  readonly key: string;
  readonly value: string;
  /** For messages: `zoo.cfg:12`, `SERVER_JVMFLAGS`, `command line`. */
  readonly source: string;
}

const WHITE = " \t\f";

/**
 * Reads Java's properties syntax (`java.util.Properties.load`), which `zoo.cfg` is in: comments
 * begin with `#` or `!`, a backslash at the end continues a line, key and value are parted by `=`,
 * `:` or white space. Every setting is returned, in order, also those of the same key.
 */
export function parseProperties(text: string, file: string): Setting[] {
  const settings: Setting[] = [];
  for (const { line, number } of logicalLines(text)) {
    const keyEnd = findKeyEnd(line);
    let valueStart = skipWhite(line, keyEnd);
    if ("=:".includes(line.charAt(valueStart)) && valueStart < line.length) {
      valueStart = skipWhite(line, valueStart + 1);
    }
    const key = decodeEscapes(line.slice(0, keyEnd)).trim();
    const value = decodeEscapes(line.slice(valueStart)).trim();
    settings.push({ key, value, source: `${file}:${number}` });
  }
  return settings;
}

/** Lines without comments and blank ones, continued ones joined; numbered by their first line. */
function logicalLines(text: string): { readonly line: string; readonly number: number }[] {
  const result: { line: string; number: number }[] = [];
  let open: { line: string; number: number } | undefined;
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = raw.slice(skipWhite(raw, 0));
    if (open === undefined) {
      if (line === "" || line.startsWith("#") || line.startsWith("!")) continue;
      open = { line: "", number: index + 1 };
      result.push(open);
    }
    const isContinued = (/\\*$/.exec(line)?.[0].length ?? 0) % 2 === 1;
    open.line += isContinued ? line.slice(0, -1) : line;
    if (!isContinued) open = undefined;
  }
  return result;
}

function findKeyEnd(line: string): number {
  for (let i = 0; i < line.length; i++) {
    if (line.charAt(i) === "\\") i += 1;
    else if ("=:".includes(line.charAt(i)) || WHITE.includes(line.charAt(i))) return i;
  }
  return line.length;
}

function skipWhite(line: string, from: number): number {
  let at = from;
  while (at < line.length && WHITE.includes(line.charAt(at))) at += 1;
  return at;
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function decodeEscapes(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.?))/gs, (_all, hex?: string, char?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return ESCAPES[char ?? ""] ?? char ?? "";
  });
}

/**
 * The `-Dname=value` among Java's flags, as `SERVER_JVMFLAGS` holds them; other flags are for a
 * Java machine and are left out. Quotes around a flag or its value are taken off.
 */
export function parseJvmFlags(text: string, source: string): Setting[] {
  const words = text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words
    .map((word) => word.replaceAll(/["']/g, ""))
    .filter((word) => word.startsWith("-D"))
    .map((word) => parseDefinition(word.slice(2), source));
}

/** `name=value` of one `-D`; without `=` the value is empty. */
export function parseDefinition(text: string, source: string): Setting {
  const at = text.indexOf("=");
  if (at === -1) return { key: text.trim(), value: "", source };
  return { key: text.slice(0, at).trim(), value: text.slice(at + 1).trim(), source };
}
