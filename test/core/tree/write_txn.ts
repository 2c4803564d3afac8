import {
  beginSubTxn,
  type CreateTxn,
  endSubTxn,
  type TxnBody,
  type TxnHeader,
} from "../../../core/tree/txn.ts";
import type { JuteWriter } from "../../../core/wire/jute.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { writeAcls } from "../../../core/wire/records.ts";

/** Appends `header`, 32 bytes long. */
export function writeTxnHeader(writer: JuteWriter, header: TxnHeader): void {
  writer.int(header.sessionHigh);
  writer.int(header.sessionLow);
  writer.int(header.cxid);
  writer.long(header.zxid);
  writer.long(header.timeMs);
  writer.int(header.type);
}

/** Appends a body, without header and digest. */
export function writeTxnBody(writer: JuteWriter, txn: TxnBody): void {
  switch (txn.type) {
    case OPCODES.create:
    case OPCODES.create2:
    case OPCODES.createContainer:
    case OPCODES.createTtl:
      return writeCreate(writer, txn);
    case OPCODES.delete:
    case OPCODES.deleteContainer:
      return writer.string(txn.path);
    case OPCODES.setData:
    case OPCODES.reconfig:
      writer.string(txn.path);
      writer.buffer(txn.data);
      return writer.int(txn.version);
    case OPCODES.setAcl:
      writer.string(txn.path);
      writeAcls(writer, txn.acls);
      return writer.int(txn.version);
    case OPCODES.check:
      writer.string(txn.path);
      return writer.int(txn.version);
    case OPCODES.error:
      return writer.int(txn.code);
    case OPCODES.createSession:
      return writer.int(txn.timeoutMs);
    case OPCODES.closeSession:
      return writer.strings(txn.paths);
    case OPCODES.multi:
      writer.int(txn.txns.length);
      for (const sub of txn.txns) {
        const lengthAt = beginSubTxn(writer, sub.type);
        writeTxnBody(writer, sub);
        endSubTxn(writer, lengthAt);
      }
  }
}

function writeCreate(writer: JuteWriter, txn: CreateTxn): void {
  writer.string(txn.path);
  writer.buffer(txn.data);
  writeAcls(writer, txn.acls);
  if (txn.type === OPCODES.create || txn.type === OPCODES.create2) writer.boolean(txn.ephemeral);
  writer.int(txn.parentCversion);
  if (txn.type === OPCODES.createTtl) writer.long(txn.ttlMs);
}
