import { ZkError } from "../../core/errors/zk_error.ts";
import { STAT_BYTES } from "../../core/tree/tree.ts";
import { JuteReader } from "../../core/wire/jute.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { type Acl, readAcls, readMultiHeader } from "../../core/wire/records.ts";

/** One operation of a request, as far as the audit log tells of it. */
export interface AuditedOperation {
  readonly opcode: number;
  /** As the client wrote it; null where it wrote none. */
  readonly path: string | null;
  /** Name of a create's mode. */
  readonly mode: string | undefined;
  /** The new list of a setACL, as text. */
  readonly acl: string | undefined;
}

const MODES = [
  "persistent",
  "ephemeral",
  "persistent_sequential",
  "ephemeral_sequential",
  "container",
  "persistent_with_ttl",
  "persistent_sequential_with_ttl",
];

/** Whether writes of this type are in the audit log. */
export function isAudited(opcode: number): boolean {
  return opcode === OPCODES.multi || opcode === OPCODES.reconfig || isOperation(opcode);
}

/**
 * The operations of a request: one, or those of a multi; none for a reconfig. Undefined when the
 * body does not parse, or has a create mode that is none: Apache's log leaves such requests out.
 */
export function readOperations(
  opcode: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): AuditedOperation[] | undefined {
  if (opcode === OPCODES.reconfig) return [];
  try {
    const reader = new JuteReader(bytes, start, end);
    return opcode === OPCODES.multi ? readMulti(reader) : [readOperation(opcode, reader)];
  } catch (error) {
    if (error instanceof ZkError) return undefined;
    throw error;
  }
}

/** The final paths of what a multi made, in order; undefined when it failed. */
export function readMadePaths(reply: Uint8Array): (string | null)[] | undefined {
  const reader = new JuteReader(reply);
  const paths: (string | null)[] = [];
  for (;;) {
    const { type, done } = readMultiHeader(reader);
    if (done) return paths;
    if (type === OPCODES.error) return undefined;
    if (type === OPCODES.create || type === OPCODES.create2) paths.push(reader.string());
    if (type === OPCODES.create2 || type === OPCODES.setData) reader.skip(STAT_BYTES);
  }
}

/** Whether an operation makes a znode. */
export function isCreate(opcode: number): boolean {
  switch (opcode) {
    case OPCODES.create:
    case OPCODES.create2:
    case OPCODES.createContainer:
    case OPCODES.createTtl:
      return true;
    default:
      return false;
  }
}

function isOperation(opcode: number): boolean {
  switch (opcode) {
    case OPCODES.delete:
    case OPCODES.setData:
    case OPCODES.setAcl:
      return true;
    default:
      return isCreate(opcode);
  }
}

function readMulti(reader: JuteReader): AuditedOperation[] {
  const operations: AuditedOperation[] = [];
  for (;;) {
    const { type, done } = readMultiHeader(reader);
    if (done) return operations;
    operations.push(readOperation(type, reader));
  }
}

function readOperation(opcode: number, reader: JuteReader): AuditedOperation {
  const path = reader.string();
  if (isCreate(opcode)) return { opcode, path, mode: readMode(opcode, reader), acl: undefined };
  let acl: string | undefined;
  if (opcode === OPCODES.setData) reader.skipBuffer();
  else if (opcode === OPCODES.setAcl) acl = formatAcls(readAcls(reader) ?? []);
  else if (opcode !== OPCODES.delete && opcode !== OPCODES.check) {
    throw new ZkError("MarshallingError");
  }
  reader.int();
  return { opcode, path, mode: undefined, acl };
}

function readMode(opcode: number, reader: JuteReader): string {
  reader.skipBuffer();
  readAcls(reader);
  const mode = MODES[reader.int()];
  if (opcode === OPCODES.createTtl) reader.long();
  if (mode === undefined) throw new ZkError("BadArguments");
  return mode;
}

/** `world:anyone:cdrwa` and the like, one after the other (`ZKUtil.aclToString`). */
function formatAcls(acls: readonly Acl[]): string {
  return acls.map(({ scheme, id, perms }) => `${scheme}:${id}:${formatPerms(perms)}`).join("");
}

function formatPerms(perms: number): string {
  const letters = [4, 8, 1, 2, 16].map((bit, i) => ((perms & bit) === 0 ? "" : "cdrwa".charAt(i)));
  return letters.join("");
}
