import { md5 } from "./md5.ts";

/** Realm and server name of every ZooKeeper server; clients have it built in (CP 7). */
export const SASL_REALM = "zk-sasl-md5";
/** The `digest-uri` of every ZooKeeper login. */
export const SASL_URI: string = `zookeeper/${SASL_REALM}`;
/** Longest token of DIGEST-MD5, bytes (RFC 2831, 2.1.2). */
const TOKEN_BYTES_MAX = 4096;

/** What both sides of a DIGEST-MD5 login know in the end. */
export interface DigestLogin {
  readonly username: string;
  readonly password: string;
  readonly realm: string;
  readonly nonce: string;
  readonly cnonce: string;
  readonly uri: string;
  /** Who the user wants to be taken for, when that was sent. */
  readonly authzid?: string | undefined;
}

/**
 * What proves that `prover` knows the password: 32 hexadecimal digits. For `md5-sess`, quality of
 * protection `auth`, and a nonce that is used once (RFC 2831, 2.1.2.1 and 2.1.3).
 */
export function digestProof(login: DigestLogin, prover: "client" | "server"): string {
  const { username, password, realm, nonce, cnonce, uri, authzid } = login;
  const colon = Uint8Array.of(0x3a);
  const secret = md5(join(octets(username), colon, octets(realm), colon, octets(password)));
  const end = authzid === undefined ? "" : `:${authzid}`;
  const first = hex(md5(join(secret, utf8(`:${nonce}:${cnonce}${end}`))));
  const second = hex(md5(utf8(`${prover === "client" ? "AUTHENTICATE" : ""}:${uri}`)));
  return hex(md5(utf8(`${first}:${nonce}:${FIRST_USE}:${cnonce}:auth:${second}`)));
}

/** The `nc` of a nonce that is used once. */
export const FIRST_USE = "00000001";

// One name and its value, plain or quoted, up to the next comma or the end.
const DIRECTIVE = /[\s,]*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))\s*(?:,|$)/suy;

/**
 * The directives of a token by name in lower case, quotes and escapes removed. Undefined when it is
 * malformed, has a directive twice, or is longer than 4,096 bytes.
 */
export function parseDirectives(token: Uint8Array): ReadonlyMap<string, string> | undefined {
  if (token.length > TOKEN_BYTES_MAX) return undefined;
  const text = new TextDecoder().decode(token).trimEnd();
  const directives = new Map<string, string>();
  DIRECTIVE.lastIndex = 0;
  for (let end = 0; end < text.length; end = DIRECTIVE.lastIndex) {
    const [, name = "", quoted, plain = ""] = DIRECTIVE.exec(text) ?? [];
    const key = name.toLowerCase();
    if (key === "" || directives.has(key)) return undefined;
    directives.set(key, quoted === undefined ? plain : quoted.replace(/\\(.)/gsu, "$1"));
  }
  return directives;
}

/** A token of directives; values are taken as they are. */
export function formatDirectives(directives: readonly (readonly [string, string])[]): Uint8Array {
  return utf8(directives.map(([name, value]) => `${name}=${value}`).join(","));
}

/** A value in quotes. */
export function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** Lower case, two digits a byte. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** ISO 8859-1 where the text allows it, else UTF-8 (RFC 2831, 2.1.2.1). */
function octets(text: string): Uint8Array {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is the character set.
  if (!/^[\u0000-\u00ff]*$/.test(text)) return utf8(text);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
