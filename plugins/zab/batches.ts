import type { LogBatch } from "../../core/contracts/storage.ts";
import { getInt } from "../../core/wire/jute.ts";
import { makeZxid, type Zxid } from "../../core/wire/zxid.ts";

/** Offset of the zxid in a transaction with its length (PP 2). */
const ZXID_AT = 16;

/**
 * Cuts a batch as storage gives it into batches of one epoch without a gap, which is what servers
 * send one another. Bytes are copied: they may be kept for good.
 */
export function* contiguousRuns({ bytes }: LogBatch): Generator<LogBatch> {
  let start = 0;
  let first: Zxid = 0;
  let last: Zxid = 0;
  let at = 0;
  const run = (): LogBatch => {
    const count = last - first + 1;
    return { firstZxid: first, lastZxid: last, count, bytes: bytes.slice(start, at) };
  };
  while (at < bytes.length) {
    const zxid = makeZxid(getInt(bytes, at + ZXID_AT), getInt(bytes, at + ZXID_AT + 4) >>> 0);
    if (at > start && zxid !== last + 1) {
      yield run();
      start = at;
    }
    if (at === start) first = zxid;
    last = zxid;
    at += 4 + getInt(bytes, at);
  }
  if (at > start) yield run();
}
