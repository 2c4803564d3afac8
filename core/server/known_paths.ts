import { isValidPath, parentPath } from "../tree/path.ts";
import { decodeUtf8 } from "../wire/jute.ts";

/** A path and what a write wants to know about it. The root's other name, `""`, is normal here. */
export interface KnownPath {
  readonly text: string;
  /** As {@link text}, but `""` for the root: its name in the digest and in the overlay. */
  readonly key: string;
  readonly isValid: boolean;
  /** Below `/zookeeper`, and so outside the digest. */
  readonly isSystem: boolean;
}

/** A power of two. */
const SLOTS = 8192;
/** Longer paths are worked out each time. */
const CACHED_BYTES_MAX = 128;

/** Works out what is to be known about a path. */
export function knownPath(text: string): KnownPath {
  const key = text === "/" ? "" : text;
  return { text, key, isValid: isValidPath(text), isSystem: text.startsWith("/zookeeper/") };
}

/** The parent of a path, for callers without its bytes. */
export function knownParent(path: KnownPath): KnownPath {
  return knownPath(parentPath(path.text));
}

/**
 * Paths seen lately, found by their bytes: writes go to the same znodes and parents again and
 * again, and a string that is the same object is also found faster in maps. A fixed number of
 * slots; what shares a slot replaces what was there.
 */
export class KnownPaths {
  readonly #slots: (KnownPath | undefined)[] = new Array(SLOTS).fill(undefined);
  /** Hash of the path that last missed in each slot: only what comes twice is worth keeping. */
  readonly #missed = new Int32Array(SLOTS);

  /** The path in `bytes[start..end)`. */
  get(bytes: Uint8Array, start: number, end: number): KnownPath {
    let hash = end - start;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const cached = this.#slots[slot];
    if (cached !== undefined && isText(cached.text, bytes, start, end)) return cached;
    const path = knownPath(decodeUtf8(bytes, start, end));
    // Only where a character is a byte can the next look-up compare the two.
    const isCacheable = path.text.length === end - start && end - start <= CACHED_BYTES_MAX;
    if (isCacheable && this.#missed[slot] === hash) this.#slots[slot] = path;
    this.#missed[slot] = hash;
    return path;
  }
}

function isText(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== bytes[start + i]) return false;
  }
  return true;
}
