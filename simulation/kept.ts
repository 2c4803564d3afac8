const SHARED_BYTES = 64 * 1024;
const SHARE_BYTES_MAX = SHARED_BYTES >> 4;
let shared = new Uint8Array(SHARED_BYTES);
let end = 0;

/**
 * A copy of a part of `bytes`, for good. Small copies share memory that is never written again:
 * there are very many, and an array with memory of its own costs much to make and to collect.
 */
export function kept(bytes: Uint8Array, start: number, stop: number): Uint8Array {
  const length = stop - start;
  if (length > SHARE_BYTES_MAX) return bytes.slice(start, stop);
  if (end + length > SHARED_BYTES) {
    shared = new Uint8Array(SHARED_BYTES);
    end = 0;
  }
  const copy = shared.subarray(end, end + length);
  for (let i = 0; i < length; i++) copy[i] = bytes[start + i] as number;
  end += length;
  return copy;
}
