import { getInt, putInt } from "../../core/wire/jute.ts";
import type { Random } from "./random.ts";

/** Length, xid, type. */
const HEADER_BYTES = 12;
const INTS = [-1, -2, 0, 1, 2, 4, 0x7fff_ffff, -0x8000_0000, 0xffff, 0x10_0000, 1_048_575, 65_536];
/** Malformed UTF-8, surrogates, NUL, marks, dots, separators. */
const TEXTS = [
  [0xff, 0xfe],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xed, 0xb0, 0x80],
  [0xf0, 0x9f, 0x98, 0x80],
  [0xef, 0xbb, 0xbf],
  [0xf4, 0x90, 0x80, 0x80],
  [0],
  [0x2f],
  [0x2f, 0x2f],
  [0x2f, 0x2e, 0x2e],
  [0x7f],
  [0xc2, 0x85],
];

/** Changes to what follows the header; the frame's own length stays right. */
const BODY_CHANGES: readonly ((body: Uint8Array, random: Random) => Uint8Array)[] = [
  function flipBits(body, random) {
    const changed = body.slice();
    for (let i = random.below(4); i >= 0 && body.length > 0; i--) {
      const at = random.below(body.length);
      changed[at] = (changed[at] as number) ^ (1 << random.below(8));
    }
    return changed;
  },
  function cut(body, random) {
    return body.slice(0, random.below(body.length + 1));
  },
  function changeInt(body, random) {
    const changed = body.slice();
    if (body.length < 4) return changed;
    const at = random.below(2) === 0 ? 0 : random.below(body.length - 3);
    const value =
      random.below(2) === 0 ? random.pick(INTS) : getInt(body, at) + random.below(7) - 3;
    putInt(changed, at, value);
    return changed;
  },
  function writeText(body, random) {
    const changed = body.slice();
    const text = random.pick(TEXTS);
    const at = 4 + random.below(Math.max(1, body.length - 4));
    for (const [i, byte] of text.entries()) if (at + i < changed.length) changed[at + i] = byte;
    return changed;
  },
  function append(body, random) {
    return joined(body, random.bytes(random.below(64)));
  },
  function repeatPart(body, random) {
    const from = random.below(body.length + 1);
    const part = body.slice(from, from + random.below(body.length - from + 1));
    const times = random.below(random.below(50) === 0 ? 2000 : 6);
    return joined(
      body.slice(0, from),
      ...new Array<Uint8Array>(times).fill(part),
      body.slice(from),
    );
  },
  function leaveOut(body, random) {
    const from = random.below(body.length + 1);
    return joined(body.slice(0, from), body.slice(from + random.below(12)));
  },
  function replaceByNoise(body, random) {
    return random.bytes(random.below(body.length + 8));
  },
];

/** What was done to a frame. */
export type Harm = "none" | "body" | "header" | "length";

/**
 * Spoils a valid frame: mostly its body, now and then its header or the length before it.
 *
 * @returns the new frame, which may have any length.
 */
export function mutate(frame: Uint8Array, random: Random): { bytes: Uint8Array; harm: Harm } {
  const dice = random.below(1000);
  if (dice < 100) return { bytes: frame, harm: "none" };
  if (dice < 130) return { bytes: spoilHeader(frame, random), harm: "header" };
  if (dice < 135) return { bytes: spoilLength(frame, random), harm: "length" };
  let body: Uint8Array = frame.slice(HEADER_BYTES);
  for (let i = random.below(3); i >= 0; i--) body = random.pick(BODY_CHANGES)(body, random);
  body = body.slice(0, 500_000);
  const bytes = joined(frame.slice(0, HEADER_BYTES), body);
  putInt(bytes, 0, bytes.length - 4);
  return { bytes, harm: "body" };
}

function spoilHeader(frame: Uint8Array, random: Random): Uint8Array {
  const bytes = frame.slice();
  putInt(bytes, random.pick([4, 8]), random.below(2) === 0 ? random.pick(INTS) : random.below(120));
  return bytes;
}

function spoilLength(frame: Uint8Array, random: Random): Uint8Array {
  const bytes = frame.slice();
  putInt(bytes, 0, random.pick(INTS));
  return bytes;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
