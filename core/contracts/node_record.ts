import { decodeUtf8, getInt } from "../wire/jute.ts";

/** ACL id and StatPersisted, which follow path and data (PP 1.2). */
const FIXED_BYTES = 68;

/** Where the parts of one node record of a `SnapshotSlice` lie; used again from call to call. */
export interface NodeRecord {
  /** Offset of the first byte of the path's text. */
  pathStart: number;
  /** Offset behind the path's text. */
  pathEnd: number;
  /** Offset of the int64 ACL id; StatPersisted follows. */
  aclAt: number;
  /** Offset behind the record. */
  end: number;
}

/**
 * Finds the parts of the record that starts at `at`.
 *
 * @throws {RangeError} when there is no whole record.
 */
export function locateNodeRecord(nodes: Uint8Array, at: number, into: NodeRecord): void {
  into.pathStart = at + 4;
  into.pathEnd = at + 8 <= nodes.length ? into.pathStart + getInt(nodes, at) : -1;
  if (into.pathEnd < into.pathStart || into.pathEnd + 4 > nodes.length) failAt(nodes, at);
  const dataSize = getInt(nodes, into.pathEnd);
  into.aclAt = into.pathEnd + 4 + (dataSize === -1 ? 0 : dataSize);
  into.end = into.aclAt + FIXED_BYTES;
  if (dataSize < -1 || into.end > nodes.length) failAt(nodes, at);
}

/** The path of a located record; `""` for the root. */
export function nodeRecordPath(nodes: Uint8Array, record: NodeRecord): string {
  return decodeUtf8(nodes, record.pathStart, record.pathEnd);
}

function failAt(nodes: Uint8Array, at: number): never {
  throw new RangeError(`no node record at byte ${at} of a slice of ${nodes.length}`);
}
