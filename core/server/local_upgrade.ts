import { ZkError } from "../errors/zk_error.ts";
import { JuteReader } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import { readAcls, readMultiHeader } from "../wire/records.ts";
import { CREATE_MODES } from "./create_mode.ts";
import { skipOperation } from "./prepare_multi.ts";

/**
 * Whether a request makes an ephemeral znode, for which a local session must become global: create
 * and create2, alone or in a multi (CP 2.8). A body that cannot be read does not.
 */
export function makesEphemeral(opcode: number, body: Uint8Array): boolean {
  try {
    const reader = new JuteReader(body);
    if (opcode !== OPCODES.multi) return isEphemeralCreate(opcode, reader);
    for (;;) {
      const { type, done } = readMultiHeader(reader);
      if (done) return false;
      if (isEphemeralCreate(type, reader)) return true;
    }
  } catch (error) {
    if (error instanceof ZkError) return false;
    throw error;
  }
}

/** Reads over one operation. @throws {ZkError} `MarshallingError` when that is not possible. */
function isEphemeralCreate(opcode: number, reader: JuteReader): boolean {
  if (opcode !== OPCODES.create && opcode !== OPCODES.create2) {
    skipOperation(opcode, reader);
    return false;
  }
  reader.skipBuffer();
  reader.skipBuffer();
  readAcls(reader);
  return CREATE_MODES[reader.int()]?.ephemeral === true;
}
