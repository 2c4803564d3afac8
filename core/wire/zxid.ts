/**
 * A transaction id: epoch in the high 32 bits, counter in the low 32. Held as a safe integer, which
 * is exact for every epoch below {@link EPOCH_MAX}; only this file knows that.
 */
export type Zxid = number;

/** The zxid before every transaction. */
export const ZXID_ZERO: Zxid = 0;

/**
 * Epochs at or above this are refused: 2^21 elections, one a second for 24 days without a pause.
 */
export const EPOCH_MAX = 0x20_0000;

const TWO_32 = 0x1_0000_0000;

/** The highest counter of an epoch; a leader steps down there (ZOOKEEPER-1277). */
export const COUNTER_MAX = 0xffff_ffff;

/** Joins an epoch (0 to {@link EPOCH_MAX} - 1) and a counter (0 to 2^32 - 1). */
export function makeZxid(epoch: number, counter: number): Zxid {
  return epoch * TWO_32 + counter;
}

/** The epoch of a zxid; negative zxids (client-supplied only) give a negative epoch. */
export function epochOf(zxid: Zxid): number {
  return Math.floor(zxid / TWO_32);
}

/** The counter of a zxid within its epoch. */
export function counterOf(zxid: Zxid): number {
  return zxid - Math.floor(zxid / TWO_32) * TWO_32;
}

/**
 * Reads the two halves of any int64 as a zxid. Numbers that do not fit a safe integer are clamped
 * to the nearest one that does: clients may send anything as `lastZxidSeen` or `relativeZxid`.
 */
export function zxidFromHalves(high: number, low: number): Zxid {
  const value = (high | 0) * TWO_32 + (low >>> 0);
  if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  return value < Number.MIN_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : value;
}

/** The high half as a signed int32, as written on the wire. */
export function zxidHigh(zxid: Zxid): number {
  return Math.floor(zxid / TWO_32) | 0;
}

/** The low half as a signed int32, as written on the wire. */
export function zxidLow(zxid: Zxid): number {
  return (zxid - Math.floor(zxid / TWO_32) * TWO_32) | 0;
}

/**
 * Lower-case hexadecimal without padding or prefix, as Apache prints it; two's complement below 0.
 */
export function formatZxid(zxid: Zxid): string {
  return zxid >= 0 ? zxid.toString(16) : BigInt.asUintN(64, BigInt(zxid)).toString(16);
}
