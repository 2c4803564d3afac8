import { ERROR_CODES, type ErrorName, ZkError } from "../errors/zk_error.ts";
import { beginSubTxn, endSubTxn } from "../tree/txn.ts";
import { getInt, type JuteReader, type JuteWriter } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import { readAcls } from "../wire/records.ts";
import { isReadableInMulti } from "./create_mode.ts";
import type { Overlay } from "./overlay.ts";
import type { WriteOperations } from "./prepare_write.ts";

/**
 * Appends the body of a multi. Operations are checked in order against what the earlier ones made.
 * When one fails, nothing has an effect: operations before it keep their bodies, it and the later
 * ones become errors (PP 2).
 *
 * @throws {ZkError} `MarshallingError` when any operation cannot be read or may not be in a multi;
 * the caller rolls back.
 */
export function prepareMulti(
  reader: JuteReader,
  out: JuteWriter,
  parts: { readonly operations: WriteOperations; readonly overlay: Overlay },
): void {
  const { operations, overlay } = parts;
  const countAt = out.reserve(4);
  let count = 0;
  let failure: ErrorName | undefined;
  for (;;) {
    const opcode = reader.int();
    const done = reader.boolean();
    reader.int();
    if (done) break;
    // Each begins with its path; a null one fails the whole request, wherever it stands.
    if (reader.remaining >= 4 && getInt(reader.bytes, reader.offset) === -1) {
      throw new ZkError("MarshallingError");
    }
    count += 1;
    if (failure !== undefined) {
      skipOperation(opcode, reader);
      writeFailure(out, "RuntimeInconsistency");
      continue;
    }
    const at = out.length;
    const lengthAt = beginSubTxn(out, opcode);
    if (!isWrite(opcode)) throw new ZkError("MarshallingError");
    failure = operations.prepare(opcode, reader, out, true);
    if (failure === undefined) {
      out.intAt(at, operations.txnType);
      endSubTxn(out, lengthAt);
    } else {
      out.truncate(at);
      writeFailure(out, failure);
      overlay.rollback();
    }
  }
  out.intAt(countAt, count);
}

/** Whether operations of this type may be in a multi. */
export function isWrite(opcode: number): boolean {
  switch (opcode) {
    case OPCODES.create:
    case OPCODES.create2:
    case OPCODES.createContainer:
    case OPCODES.createTtl:
    case OPCODES.delete:
    case OPCODES.setData:
    case OPCODES.check:
      return true;
    default:
      return false;
  }
}

/**
 * Reads over an operation, such as one after the culprit: garbage still fails the whole request.
 *
 * @throws {ZkError} `MarshallingError` when it cannot be read or may not be in a multi.
 */
export function skipOperation(opcode: number, reader: JuteReader): void {
  if (!isWrite(opcode)) throw new ZkError("MarshallingError");
  reader.text();
  switch (opcode) {
    case OPCODES.delete:
    case OPCODES.check:
      reader.int();
      return;
    case OPCODES.setData:
      reader.skipBuffer();
      reader.int();
      return;
    default: {
      reader.skipBuffer();
      readAcls(reader);
      if (!isReadableInMulti(opcode, reader.int())) throw new ZkError("MarshallingError");
      if (opcode === OPCODES.createTtl) reader.long();
    }
  }
}

function writeFailure(out: JuteWriter, error: ErrorName): void {
  const lengthAt = beginSubTxn(out, OPCODES.error);
  out.int(ERROR_CODES[error]);
  endSubTxn(out, lengthAt);
}
