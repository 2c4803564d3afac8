import { getInt } from "../wire/jute.ts";
import { formatZxid, type Zxid, zxidFromHalves } from "../wire/zxid.ts";
import { type LogBatch, StorageError } from "./storage.ts";

/** Length prefix, client id and cxid stand before the zxid (PP 2). */
const ZXID_OFFSET = 16;

/**
 * For storages.
 *
 * @throws {StorageError} `out-of-order` when a batch does not begin above `last`, or ends before it
 * begins.
 */
export function demandAbove(last: Zxid, { firstZxid, lastZxid }: LogBatch): void {
  if (firstZxid > last && lastZxid >= firstZxid) return;
  const message = `${formatZxid(firstZxid)} is not above ${formatZxid(last)}`;
  throw new StorageError("out-of-order", message);
}

/** Calls `each` with the place of every transaction of a batch, in order. */
export function forEachTxn(
  { bytes }: LogBatch,
  each: (bytes: Uint8Array, start: number, end: number) => void,
): void {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + getInt(bytes, at);
    each(bytes, at + 4, end);
    at = end;
  }
}

/**
 * The transactions of a batch that lie above `after` and up to `through`: the batch itself when
 * that is all of them, else a view on its bytes, or undefined when there are none.
 *
 * @throws {RangeError} when the bytes are not transactions, each with its length.
 */
export function partOfBatch(batch: LogBatch, after: Zxid, through: Zxid): LogBatch | undefined {
  if (batch.firstZxid > after && batch.lastZxid <= through) return batch;
  const { bytes } = batch;
  let start = 0;
  let count = 0;
  let firstZxid = 0;
  let lastZxid = 0;
  let at = 0;
  while (at < bytes.length) {
    const next = at + 4 + getInt(bytes, at);
    if (next < at + ZXID_OFFSET + 8 || next > bytes.length) {
      throw new RangeError(`no transaction at byte ${at} of a batch of ${bytes.length}`);
    }
    const high = getInt(bytes, at + ZXID_OFFSET);
    const zxid = zxidFromHalves(high, getInt(bytes, at + ZXID_OFFSET + 4));
    if (zxid > through) break;
    if (zxid <= after) {
      start = next;
    } else {
      if (count === 0) firstZxid = zxid;
      lastZxid = zxid;
      count += 1;
    }
    at = next;
  }
  if (count === 0) return undefined;
  return { firstZxid, lastZxid, count, bytes: bytes.subarray(start, at) };
}
