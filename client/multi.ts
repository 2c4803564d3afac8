import { type ErrorName, errorName, ZkError } from "../core/errors/zk_error.ts";
import type { JuteReader, JuteWriter } from "../core/wire/jute.ts";
import { ANY_VERSION, OPCODES } from "../core/wire/opcodes.ts";
import {
  readMultiHeader,
  readStat,
  type Stat,
  writeMultiEnd,
  writeMultiHeader,
} from "../core/wire/records.ts";
import {
  type CreateSettings,
  checkCreate,
  createOpcode,
  type Data,
  isSequential,
  readData,
  readNames,
  writeCreate,
  writeData,
} from "./operations.ts";
import { checkCreatePath, checkPath } from "./paths.ts";

/** One write of a multi, as plain data. Versions default to any. */
export type WriteOperation =
  | ({ readonly type: "create"; readonly path: string; readonly data?: Data } & CreateSettings)
  | { readonly type: "delete"; readonly path: string; readonly version?: number }
  | {
      readonly type: "setData";
      readonly path: string;
      readonly data: Data;
      readonly version?: number;
    }
  /** Changes nothing, and fails the multi unless the znode has this version. */
  | { readonly type: "check"; readonly path: string; readonly version?: number };

/** What one write of a multi gave; Stats are as of that step. */
export type WriteResult =
  /**
   * `stat` is undefined from Zookit and from Apache's servers before 3.8.2, which leave it out but
   * for containers and nodes with a time to live.
   */
  | { readonly type: "create"; readonly path: string; readonly stat: Stat | undefined }
  | { readonly type: "delete" }
  | { readonly type: "setData"; readonly stat: Stat }
  | { readonly type: "check" };

/** One read of a multiRead, as plain data. */
export type ReadOperation =
  | { readonly type: "getData"; readonly path: string }
  | { readonly type: "getChildren"; readonly path: string };

/** What one read gave: each succeeds or fails alone. */
export type ReadResult =
  | { readonly type: "getData"; readonly data: Uint8Array | null; readonly stat: Stat }
  | { readonly type: "getChildren"; readonly children: readonly string[] }
  | { readonly type: "error"; readonly error: ZkError };

/** A multi that was refused: nothing of it was done. `kind` and `path` are the culprit's. */
export class MultiError extends ZkError {
  /** Which operation was refused, from 0. */
  readonly index: number;

  constructor(kind: ErrorName, path: string | undefined, index: number) {
    super(kind, path);
    this.index = index;
  }
}

/** How paths look on the wire and to the caller. */
export interface PathMapping {
  to(path: string): string;
  from(path: string): string;
}

/**
 * Checks what can be checked here.
 *
 * @throws {ZkError} `BadArguments` with the path.
 */
export function checkWrites(operations: readonly WriteOperation[]): void {
  for (const operation of operations) {
    if (operation.type !== "create") {
      checkPath(operation.path);
      continue;
    }
    checkCreatePath(operation.path, isSequential(operation.mode));
    checkCreate(operation.path, operation);
  }
}

/** Writes the body of a multi. */
export function writeMulti(
  writer: JuteWriter,
  operations: readonly WriteOperation[],
  paths: PathMapping,
): void {
  for (const operation of operations) {
    const type = writeOpcode(operation);
    writeMultiHeader(writer, { type, done: false, error: -1 });
    const path = paths.to(operation.path);
    if (operation.type === "create") {
      const { data = "", ...settings } = operation;
      writeCreate(writer, path, { ...settings, data });
      continue;
    }
    writer.string(path);
    if (operation.type === "setData") writeData(writer, operation.data);
    writer.int(operation.version ?? ANY_VERSION);
  }
  writeMultiEnd(writer);
}

function writeOpcode(operation: WriteOperation): number {
  return operation.type === "create" ? createOpcode(operation.mode) : OPCODES[operation.type];
}

/**
 * Reads the body of a multi's reply.
 *
 * @throws {MultiError} when the multi was refused.
 */
export function readMulti(
  reader: JuteReader,
  operations: readonly WriteOperation[],
  paths: PathMapping,
): WriteResult[] {
  const results: WriteResult[] = [];
  let refused: MultiError | undefined;
  for (let index = 0; ; index++) {
    const { type, done } = readMultiHeader(reader);
    if (done) break;
    if (type !== OPCODES.error) {
      results.push(readWriteResult(reader, type, paths));
      continue;
    }
    const code = reader.int();
    // 0 stands before the culprit, RuntimeInconsistency behind it (CP 4.2).
    if (code === 0 || refused !== undefined) continue;
    refused = new MultiError(errorName(code) ?? "SystemError", operations[index]?.path, index);
  }
  if (refused !== undefined) throw refused;
  return results;
}

function readWriteResult(reader: JuteReader, type: number, paths: PathMapping): WriteResult {
  switch (type) {
    case OPCODES.create:
      return { type: "create", path: paths.from(reader.text()), stat: undefined };
    case OPCODES.create2:
    case OPCODES.createContainer:
    case OPCODES.createTtl:
      return { type: "create", path: paths.from(reader.text()), stat: readStat(reader) };
    case OPCODES.delete:
      return { type: "delete" };
    case OPCODES.setData:
      return { type: "setData", stat: readStat(reader) };
    case OPCODES.check:
      return { type: "check" };
    default:
      throw new ZkError("MarshallingError");
  }
}

/** Writes the body of a multiRead. */
export function writeMultiRead(
  writer: JuteWriter,
  operations: readonly ReadOperation[],
  paths: PathMapping,
): void {
  for (const { type, path } of operations) {
    writeMultiHeader(writer, { type: OPCODES[type], done: false, error: -1 });
    writer.string(paths.to(path));
    writer.boolean(false);
  }
  writeMultiEnd(writer);
}

/** Reads the body of a multiRead's reply. */
export function readMultiRead(
  reader: JuteReader,
  operations: readonly ReadOperation[],
): ReadResult[] {
  const results: ReadResult[] = [];
  for (let index = 0; ; index++) {
    const { type, done } = readMultiHeader(reader);
    if (done) return results;
    if (type === OPCODES.getData) {
      results.push({ type: "getData", data: readData(reader), stat: readStat(reader) });
    } else if (type === OPCODES.getChildren) {
      results.push({ type: "getChildren", children: readNames(reader) });
    } else if (type === OPCODES.error) {
      const kind = errorName(reader.int()) ?? "SystemError";
      results.push({ type: "error", error: new ZkError(kind, operations[index]?.path) });
    } else {
      throw new ZkError("MarshallingError");
    }
  }
}
