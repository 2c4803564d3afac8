import { decodeUtf8 } from "../wire/jute.ts";

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * A path that lies somewhere in a buffer, to be looked up without making a string. Reused: valid
 * during the call that was given it; {@link text} may be kept.
 */
export class PathRef {
  bytes: Uint8Array = EMPTY;
  /** Offset of the first byte, a `/`. */
  start = 0;
  /** Offset after the last byte. */
  end = 0;
  #text: string | undefined;

  /** Points at other bytes. */
  set(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.#text = undefined;
  }

  /** The path as a string, decoded once. */
  text(): string {
    this.#text ??= decodeUtf8(this.bytes, this.start, this.end);
    return this.#text;
  }
}

/**
 * Whether a client may create or change a node of this name: the full validation of ZooKeeper's
 * server (`PathUtils.validatePath`).
 */
export function isValidPath(path: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return false;
  if (path.length === 1) return true;
  let componentStart = 1;
  for (let i = 1; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    if (unit === SLASH) {
      if (!isComponent(path, componentStart, i)) return false;
      componentStart = i + 1;
    } else if (!isAllowedUnit(unit)) return false;
  }
  return isComponent(path, componentStart, path.length);
}

/** As {@link isValidPath}, of UTF-8. */
export function isValidPathAt(bytes: Uint8Array, start: number, end: number): boolean {
  if (end === start || bytes[start] !== SLASH) return false;
  if (end - start === 1) return true;
  let before = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    // Odd characters, and components that begin with a dot or are empty: the long way.
    if (byte < 0x20 || byte > 0x7e || (before === SLASH && (byte === SLASH || byte === DOT))) {
      return isValidPath(decodeUtf8(bytes, start, end));
    }
    before = byte;
  }
  return before !== SLASH;
}

function isComponent(path: string, start: number, end: number): boolean {
  if (end === start) return false;
  if (end - start > 2 || path.charCodeAt(start) !== DOT) return true;
  return end - start === 2 && path.charCodeAt(start + 1) !== DOT;
}

function isAllowedUnit(unit: number): boolean {
  if (unit < 0x7f) return unit > 0x1f;
  return unit > 0x9f && (unit < 0xd800 || unit > 0xf8ff) && unit < 0xfff0;
}

/** The weaker test of a path before its parent is looked up: there is a `/` and no NUL. */
export function hasParentAt(bytes: Uint8Array, start: number, end: number): boolean {
  let hasSlash = false;
  for (let at = start; at < end; at++) {
    if (bytes[at] === SLASH) hasSlash = true;
    else if (bytes[at] === 0) return false;
  }
  return hasSlash;
}

/** Whether a path, which is UTF-8, is below `/zookeeper`. */
export function isBelowSystem(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start <= SYSTEM_PREFIX.length) return false;
  for (let i = 0; i < SYSTEM_PREFIX.length; i++) {
    if (bytes[start + i] !== SYSTEM_PREFIX[i]) return false;
  }
  return true;
}

/** The path up to its last `/`; `""`, an alias of the root, for a child of the root. */
export function parentPath(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** What follows the last `/`. */
export function lastName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** As {@link parentPath} for bytes: the offset of the last `/`, `start` when there is none. */
export function parentEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && bytes[at - 1] !== SLASH) at -= 1;
  return at > start ? at - 1 : start;
}

/**
 * What a sequential create appends: the parent's stored cversion before the create, as C's `%010d`.
 */
export function sequenceSuffix(parentCversion: number): string {
  if (parentCversion >= 0) return String(parentCversion).padStart(10, "0");
  return `-${String(-parentCversion).padStart(9, "0")}`;
}

/**
 * Writes UTF-8 to `target[at..)`, where the caller made room for three bytes a UTF-16 unit.
 *
 * @returns the offset after the last byte.
 */
export function encodeUtf8(text: string, target: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80)
      return at + i + ENCODER.encodeInto(text.slice(i), target.subarray(at + i)).written;
    target[at + i] = unit;
  }
  return at + text.length;
}

/** Whether a client may delete a node of this name at all. */
export function isDeletable(bytes: Uint8Array, start: number, end: number): boolean {
  if (!hasParentAt(bytes, start, end)) return false;
  if (end - start > UNDELETABLE_BYTES_MAX) return true;
  return !UNDELETABLE_PATHS.has(decodeUtf8(bytes, start, end));
}

const UNDELETABLE_PATHS: ReadonlySet<string> = new Set([
  "/",
  "/zookeeper",
  "/zookeeper/quota",
  "/zookeeper/config",
]);
const UNDELETABLE_BYTES_MAX = "/zookeeper/config".length;
const ENCODER = new TextEncoder();
const SYSTEM_PREFIX = ENCODER.encode("/zookeeper/");
const EMPTY = new Uint8Array(0);
