import { crc32 } from "node:zlib";
import { StorageError } from "../../core/contracts/storage.ts";
import { CRC_START, crcOfBytes } from "../../core/tree/digest.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { formatZxid } from "../../core/wire/zxid.ts";
import type { LogRow, LogState, PartRow, TreeState } from "./disk.ts";

const KEYS = new JuteWriter(64);

/** The checksum that belongs to a row. */
export function logRowCrc(row: Omit<LogRow, "crc">): number {
  return crc32(row.bytes, numbersCrc(row.firstZxid, row.lastZxid, row.previousZxid, row.count));
}

/** The checksum that belongs to the log's state. */
export function logStateCrc(state: Omit<LogState, "crc">): number {
  return numbersCrc(state.acceptedEpoch, state.currentEpoch, state.installCount);
}

/** The checksum that belongs to a tree's state. */
export function treeStateCrc(state: Omit<TreeState, "crc">): number {
  return numbersCrc(state.zxid, state.nodeCount, state.installCount);
}

/** The checksum that belongs to a part. */
export function partCrc(part: Omit<PartRow, "crc">): number {
  const keyCrc = numbersCrc(part.id);
  // Empty bytes from the npm binding have no memory behind them, which zlib takes for "begin at 0".
  return part.bytes.length === 0 ? keyCrc : crc32(part.bytes, keyCrc);
}

/** What is wrong with a row, alone and as the successor of the one whose key is `previous`. */
export function findRowDamage(row: LogRow, previous: number | undefined): string | undefined {
  const name = `batch ${formatZxid(row.firstZxid)}..${formatZxid(row.lastZxid)} in log.db`;
  if (row.crc !== logRowCrc(row)) return `${name} does not match its checksum`;
  if (previous === undefined || row.previousZxid === previous) return undefined;
  return `${name} follows ${formatZxid(row.previousZxid)}, but the log has ${formatZxid(previous)}`;
}

/** @throws {StorageError} `damaged`, when there is something to say. */
export function requireSound(problem: string | undefined): void {
  if (problem !== undefined) throw new StorageError("damaged", problem);
}

function numbersCrc(...values: number[]): number {
  KEYS.clear();
  for (const value of values) KEYS.long(value);
  return crc32(KEYS.view());
}

/** CRC-32 of `bytes[start..end)`, an int32. For few bytes a loop beats a view and a native call. */
export function crcOfPart(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > SHORT_BYTES) return crc32(bytes.subarray(start, end)) | 0;
  return ~crcOfBytes(CRC_START, bytes, start, end);
}

const SHORT_BYTES = 512;
