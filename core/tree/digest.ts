/**
 * The tree digest of Apache ZooKeeper 3.6 and later, version 2 (PP 1.5): a CRC32 per node over
 * path, data and stat, summed over the tree in 64 bits.
 */

/** Where each field of a node's stat lies in an `Int32Array`; 64-bit fields high half first. */
export const STAT = {
  czxid: 0,
  mzxid: 2,
  pzxid: 4,
  ctime: 6,
  mtime: 8,
  version: 10,
  /** As stored: creations of children only. */
  cversion: 11,
  aversion: 12,
  owner: 13,
} as const;

/** Ints in a stat laid out as {@link STAT}. */
export const STAT_INTS = 15;

/** The version number that goes before a digest in a transaction. */
export const DIGEST_VERSION = 2;

/** The start of a CRC32; see {@link crcOfBytes}. */
export const CRC_START = -1;

const TABLES = makeTables();

/** Eight tables of 256 entries, one after the other: table k advances a byte by k more bytes. */
function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const previous = tables[at - 256] as number;
    tables[at] = (previous >>> 8) ^ (tables[previous & 0xff] as number);
  }
  return tables;
}

/** Advances a running CRC32 (which starts at {@link CRC_START}) over `bytes[start..end)`. */
export function crcOfBytes(crc: number, bytes: Uint8Array, start: number, end: number): number {
  const t = TABLES;
  const b = bytes;
  let c = crc;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    c =
      t[1792 + ((c ^ b[at]!) & 0xff)]! ^
      t[1536 + (((c >>> 8) ^ b[at + 1]!) & 0xff)]! ^
      t[1280 + (((c >>> 16) ^ b[at + 2]!) & 0xff)]! ^
      t[1024 + ((c >>> 24) ^ b[at + 3]!)]! ^
      t[768 + b[at + 4]!]! ^
      t[512 + b[at + 5]!]! ^
      t[256 + b[at + 6]!]! ^
      t[b[at + 7]!]!;
  }
  for (; at < end; at++) c = (c >>> 8) ^ t[(c ^ b[at]!) & 0xff]!;
  return c;
}

/**
 * The digest of a node as a uint32 in an int32: finishes the running CRC of its path and data
 * (see {@link crcOfBytes}) with the {@link STAT_INTS} ints of its stat at `ints[at..]`.
 */
export function digestOfStat(pathAndData: number, ints: Int32Array, at: number): number {
  const t = TABLES;
  let c = pathAndData;
  for (let i = at; i < at + STAT_INTS - 1; i += 2) {
    const high = ints[i]!;
    const low = ints[i + 1]!;
    c =
      t[1792 + ((c ^ (high >>> 24)) & 0xff)]! ^
      t[1536 + (((c >>> 8) ^ (high >>> 16)) & 0xff)]! ^
      t[1280 + (((c >>> 16) ^ (high >>> 8)) & 0xff)]! ^
      t[1024 + (((c >>> 24) ^ high) & 0xff)]! ^
      t[768 + (low >>> 24)]! ^
      t[512 + ((low >>> 16) & 0xff)]! ^
      t[256 + ((low >>> 8) & 0xff)]! ^
      t[low & 0xff]!;
  }
  const last = ints[at + STAT_INTS - 1]!;
  c =
    t[768 + ((c ^ (last >>> 24)) & 0xff)]! ^
    t[512 + (((c >>> 8) ^ (last >>> 16)) & 0xff)]! ^
    t[256 + (((c >>> 16) ^ (last >>> 8)) & 0xff)]! ^
    t[((c >>> 24) ^ last) & 0xff]!;
  return ~c;
}

/** A 64-bit sum of node digests, in two int32 halves. */
export class DigestSum {
  /** High half, a signed int32. */
  high = 0;
  /** Low half, a signed int32. */
  low = 0;

  /** Adds a node digest (taken as a uint32). */
  add(digest: number): void {
    const sum = (this.low >>> 0) + (digest >>> 0);
    this.low = sum | 0;
    if (sum > 0xffff_ffff) this.high = (this.high + 1) | 0;
  }

  /** Takes a node digest out again. */
  subtract(digest: number): void {
    const difference = (this.low >>> 0) - (digest >>> 0);
    this.low = difference | 0;
    if (difference < 0) this.high = (this.high - 1) | 0;
  }

  set(high: number, low: number): void {
    this.high = high | 0;
    this.low = low | 0;
  }

  equals(high: number, low: number): boolean {
    return this.high === high && this.low === low;
  }

  toBigInt(): bigint {
    return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(this.low >>> 0));
  }
}
