import { ZkError } from "../errors/zk_error.ts";
import { JuteReader } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import { readAcls, readMultiHeader } from "../wire/records.ts";

/** Create flags of ephemeral znodes. */
const EPHEMERAL_FLAGS: ReadonlySet<number> = new Set([1, 3]);

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

/** Reads over one operation. */
function isEphemeralCreate(opcode: number, reader: JuteReader): boolean {
  reader.skipBuffer();
  switch (opcode) {
    case OPCODES.create:
    case OPCODES.create2:
      reader.skipBuffer();
      readAcls(reader);
      return EPHEMERAL_FLAGS.has(reader.int());
    case OPCODES.createContainer:
    case OPCODES.createTtl:
      reader.skipBuffer();
      readAcls(reader);
      reader.int();
      if (opcode === OPCODES.createTtl) reader.long();
      return false;
    case OPCODES.setData:
      reader.skipBuffer();
      reader.int();
      return false;
    default:
      reader.int();
      return false;
  }
}
