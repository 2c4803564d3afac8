import { readFileSync } from "node:fs";

/** A login configuration that cannot be used; the message names file and section. */
export class JaasError extends Error {
  override readonly name = "JaasError";
}

// A comment, a quoted text, a mark, or a word.
const TOKEN = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|#[^\n]*|"((?:[^"\\]|\\.)*)"|[{}=;]|[^\s{}=;"]+/gsu;
const MODULE = "org.apache.zookeeper.server.auth.DigestLoginModule";
const USER = "user_";

/**
 * The users of a Java login configuration (JAAS), in the form that Apache ZooKeeper takes:
 * `Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_ann="secret"; };`.
 *
 * @param path of the file, also as `file:` address or, as Java takes it, behind a `=`.
 * @param section is `Server` unless `zookeeper.sasl.serverconfig` says otherwise.
 * @returns passwords by user.
 * @throws {JaasError} when the file cannot be read or has no such section with that module.
 */
export function readJaasUsers(path: string, section: string): Record<string, string> {
  const file = path.replace(/^=/, "").replace(/^file:(\/\/(?=\/))?/, "");
  try {
    return parseJaasUsers(readFileSync(file, "utf8"), section);
  } catch (cause) {
    const { code = undefined, message } = cause as { readonly code?: string; message: string };
    throw new JaasError(`${file}: ${code === undefined ? message : `cannot be read, ${code}`}`, {
      cause,
    });
  }
}

/** {@link readJaasUsers} of the text. */
export function parseJaasUsers(text: string, section: string): Record<string, string> {
  const tokens = tokensOf(text);
  for (let at = 0; at < tokens.length; ) {
    const end = sectionEnd(tokens, at);
    if (tokens[at]?.text === section) return usersOf(tokens.slice(at + 2, end), section);
    at = end + 2; // Behind the brace and the semicolon.
  }
  throw new JaasError(`there is no section ${section}`);
}

interface JaasToken {
  readonly text: string;
  readonly isMark: boolean;
}

function tokensOf(text: string): JaasToken[] {
  const tokens: JaasToken[] = [];
  for (const [whole, quoted] of text.matchAll(TOKEN)) {
    if (/^(\/\/|\/\*|#)/.test(whole)) continue;
    const plain = quoted === undefined ? whole : quoted.replace(/\\(.)/gsu, "$1");
    tokens.push({ text: plain, isMark: quoted === undefined && /^[{}=;]$/.test(whole) });
  }
  return tokens;
}

/** Where the brace is that closes the section that begins at `start`. */
function sectionEnd(tokens: readonly JaasToken[], start: number): number {
  const isMark = (at: number, mark: string): boolean =>
    tokens[at]?.isMark === true && tokens[at]?.text === mark;
  const end = tokens.findIndex((_, at) => at > start && isMark(at, "}"));
  if (!isMark(start + 1, "{") || !isMark(end, "}") || !isMark(end + 1, ";")) {
    throw new JaasError(`section ${tokens[start]?.text} is not written as name { … };`);
  }
  return end;
}

/** @param tokens of one section: module, flag, then `name=value` up to a semicolon. */
function usersOf(tokens: readonly JaasToken[], section: string): Record<string, string> {
  const users: [string, string][] = [];
  if (tokens[0]?.text !== MODULE) {
    const given = tokens[0]?.text ?? "nothing";
    throw new JaasError(`section ${section} must begin with ${MODULE}, not ${given}`);
  }
  for (let at = 2; at + 2 < tokens.length && !isEnd(tokens[at]); at += 3) {
    const [name, mark, value] = tokens.slice(at, at + 3);
    if (name?.isMark || mark?.text !== "=" || value === undefined || value.isMark) {
      throw new JaasError(`section ${section} must hold user_name="password", and end in a ;`);
    }
    if (name?.text.startsWith(USER)) users.push([name.text.slice(USER.length), value.text]);
  }
  if (!isEnd(tokens.at(-1))) throw new JaasError(`section ${section} must end in ; and };`);
  return Object.fromEntries(users);
}

function isEnd(token: JaasToken | undefined): boolean {
  return token?.isMark === true && token.text === ";";
}
