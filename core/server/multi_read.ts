import { ERROR_CODES, type ErrorName, ZkError } from "../errors/zk_error.ts";
import { getInt } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import { readMultiHeader, writeMultiEnd, writeMultiHeader } from "../wire/records.ts";
import { isWrite, skipOperation } from "./prepare_multi.ts";
import type { Reading, Reads } from "./reads.ts";

/**
 * Answers a multiRead: getData and getChildren, each succeeding or failing alone. The watch flags
 * are ignored, as in Apache (CP 4.1).
 *
 * @returns `MarshallingError` when all are writes, or a path is null.
 * @throws {ZkError} `MarshallingError` when any operation cannot be read or some are writes, and
 * when the answer gets longer than a connection may have unsent (`unsentBytesMax`).
 */
export function multiRead(reads: Reads, reading: Reading): ErrorName | undefined {
  const { reader, out, connection, context } = reading;
  const begin = out.length;
  for (;;) {
    const { type, done } = readMultiHeader(reader);
    if (done) break;
    const at = out.length;
    if (isWrite(type) && at === begin) return breakOff(type, reading);
    if (!isRead(type)) throw new ZkError("MarshallingError");
    const isNull = reader.remaining >= 4 && getInt(reader.bytes, reader.offset) === -1;
    if (isNull) return breakOff(type, reading);
    const isData = type === OPCODES.getData;
    writeMultiHeader(out, { type, done: false, error: 0 });
    const error = isData
      ? reads.appendData(reader, connection.ids, out)
      : reads.appendChildren(reader, connection.ids, out);
    reader.boolean();
    // A frame has room for 65,000 requests of a megabyte each.
    if (out.length - begin > context.options.unsentBytesMax) throw new ZkError("MarshallingError");
    if (error === undefined) continue;
    out.truncate(at);
    const code = ERROR_CODES[error];
    writeMultiHeader(out, { type: OPCODES.error, done: false, error: code });
    out.int(code);
  }
  writeMultiEnd(out);
  return undefined;
}

/**
 * Fails a request of which everything can be read, but the operation at hand not be answered: what
 * was answered before stands behind the error, as with Apache, which clients ignore (CP 1).
 *
 * @param begun the type of that operation.
 * @throws {ZkError} `MarshallingError` when the rest cannot be read or mixes reads and writes.
 */
function breakOff(begun: number, { reader, out }: Reading): ErrorName {
  for (let header = { type: begun, done: false }; !header.done; header = readMultiHeader(reader)) {
    const { type } = header;
    if (isWrite(type) !== isWrite(begun)) throw new ZkError("MarshallingError");
    if (isWrite(type)) {
      skipOperation(type, reader);
      continue;
    }
    if (!isRead(type)) throw new ZkError("MarshallingError");
    reader.skipBuffer();
    reader.boolean();
  }
  writeMultiEnd(out);
  return "MarshallingError";
}

function isRead(type: number): boolean {
  return type === OPCODES.getData || type === OPCODES.getChildren;
}
