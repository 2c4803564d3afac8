const MODULUS = 65_521;
/** Bytes after which the second sum could pass an int32. */
const RUN_BYTES = 3_800;

/** The Adler-32 of nothing. */
export const ADLER_START = 1;

/** Advances a running Adler-32 (which starts at {@link ADLER_START}) over `bytes[start..end)`. */
export function adler32(sum: number, bytes: Uint8Array, start: number, end: number): number {
  let low = sum & 0xffff;
  let high = sum >>> 16;
  for (let at = start; at < end; ) {
    const runEnd = Math.min(at + RUN_BYTES, end);
    for (; at < runEnd; at++) {
      low += bytes[at]!;
      high += low;
    }
    low %= MODULUS;
    high %= MODULUS;
  }
  return ((high << 16) | low) >>> 0;
}
