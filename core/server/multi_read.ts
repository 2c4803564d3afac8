import { ERROR_CODES, type ErrorName, ZkError } from "../errors/zk_error.ts";
import { OPCODES } from "../wire/opcodes.ts";
import { readMultiHeader, writeMultiHeader } from "../wire/records.ts";
import type { Reading, Reads } from "./reads.ts";

/**
 * Answers a multiRead: getData and getChildren, each succeeding or failing alone. The watch flags
 * are ignored, as in Apache (CP 4.1).
 *
 * @throws {ZkError} `MarshallingError` when any operation cannot be read or is not a read, and
 * when the answer gets longer than a connection may have unsent (`unsentBytesMax`).
 */
export function multiRead(reads: Reads, reading: Reading): ErrorName | undefined {
  const { reader, out, connection, context } = reading;
  const begin = out.length;
  for (;;) {
    const { type, done } = readMultiHeader(reader);
    if (done) break;
    const isData = type === OPCODES.getData;
    if (!isData && type !== OPCODES.getChildren) throw new ZkError("MarshallingError");
    const at = out.length;
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
  writeMultiHeader(out, { type: -1, done: true, error: -1 });
  return undefined;
}
