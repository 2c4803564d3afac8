import { open } from "node:fs/promises";
import { type AclRecord, type SnapshotSlice, StorageError } from "../../core/contracts/storage.ts";
import { getInt } from "../../core/wire/jute.ts";
import { readAcls, readSessionId } from "../../core/wire/records.ts";
import type { Zxid } from "../../core/wire/zxid.ts";
import { ByteSource, readChunks } from "./chunks.ts";

/** Magic and version of a snapshot (PP 1.2). */
export const SNAPSHOT_MAGIC = 0x5a4b534e;
/** The only one there has been. */
export const SNAPSHOT_VERSION = 2;
/** A checksum and the text "/". */
const SEAL_BYTES = 13;
const DIGEST_BYTES = 20;
const ZXID_BYTES = 8;
const SLICE_NODES_MAX = 2_000;
/** ACL id and StatPersisted. */
const FIXED_BYTES = 68;
const DATA_BYTES_MAX = 256 << 20;

/** What stands behind the nodes. */
export interface SnapshotEnd {
  /** Undefined when it has no digest, or says that it has none. */
  readonly digest: { readonly zxid: Zxid; readonly value: bigint } | undefined;
  /** Of the last transaction that is in it; undefined where only the file's name tells. */
  readonly lastZxid: Zxid | undefined;
}

/** Reads a snapshot file, as {@link readSnapshot}. */
export function readSnapshotFile(path: string): AsyncGenerator<SnapshotSlice, SnapshotEnd> {
  return readSnapshot(readChunks(path), path);
}

/**
 * Reads a snapshot: slices, and at the end what stands behind them. Those that end after the first
 * seal (before 3.6), the second (3.6 to 3.8) and the third (3.9) are read; what follows is ignored,
 * as Apache does.
 *
 * @param path its name, for messages.
 * @throws {StorageError} `damaged` when a checksum does not match or it ends too early,
 * `incompatible` for another version; both may come after slices.
 */
export async function* readSnapshot(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
): AsyncGenerator<SnapshotSlice, SnapshotEnd> {
  const source = new ByteSource(chunks[Symbol.asyncIterator](), path);
  try {
    await readHeader(source, path);
    yield await readTables(source, path);
    let isLast = false;
    while (!isLast) {
      const { slice, stop, neededBytes } = takeNodes(source, path);
      isLast = stop === "last";
      if (slice !== undefined) yield slice;
      if (stop !== "short" || slice !== undefined) continue;
      if (await source.have(neededBytes)) continue;
      throw new StorageError("damaged", `${path} ends among its nodes`);
    }
    return await readEnd(source, path);
  } finally {
    await source.end();
  }
}

/**
 * Whether a file ends as snapshots do, which one that a crash cut short does not: the quick look
 * that Apache takes. One that is packed always passes.
 */
export async function isWholeAtSight(path: string): Promise<boolean> {
  if (PACKED.test(path)) return true;
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const last = Buffer.alloc(LAST_TEXT.length);
    await file.read(last, 0, last.length, Math.max(0, size - last.length));
    return LAST_TEXT.equals(last);
  } finally {
    await file.close();
  }
}

async function readHeader(source: ByteSource, path: string): Promise<void> {
  const [magic, version] = await source.record((reader) => {
    const ints = [reader.int(), reader.int()];
    reader.skip(8);
    return ints;
  });
  if (magic !== SNAPSHOT_MAGIC) throw new StorageError("damaged", `${path} is no snapshot`);
  if (version !== SNAPSHOT_VERSION) {
    throw new StorageError("incompatible", `${path} has version ${version}`);
  }
}

/** Sessions and access control lists, as a slice without nodes. */
async function readTables(source: ByteSource, path: string): Promise<SnapshotSlice> {
  const sessions = [];
  const sessionCount = await readCount(source, path);
  for (let i = 0; i < sessionCount; i++) {
    sessions.push(
      await source.record((reader) => ({ id: readSessionId(reader), timeoutMs: reader.int() })),
    );
  }
  const acls: AclRecord[] = [];
  const aclCount = await readCount(source, path);
  for (let i = 0; i < aclCount; i++) {
    acls.push(
      await source.record((reader) => ({ id: reader.long(), acls: readAcls(reader) ?? [] })),
    );
  }
  return { sessions, acls, deleted: [], nodeCount: 0, nodes: new Uint8Array(0) };
}

async function readCount(source: ByteSource, path: string): Promise<number> {
  const count = await source.record((reader) => reader.int());
  if (count >= 0) return count;
  throw new StorageError("damaged", `${path} counts ${count}`);
}

interface TakenNodes {
  readonly slice: SnapshotSlice | undefined;
  readonly stop: "full" | "last" | "short";
  /** What the source must have for more of the next node to be known. */
  readonly neededBytes: number;
}

/** Takes the node records that stand whole in the source. */
function takeNodes(source: ByteSource, path: string): TakenNodes {
  const { bytes, at: start } = source;
  let at = start;
  let nodeCount = 0;
  let stop: TakenNodes["stop"] = "full";
  let end = at;
  while (nodeCount < SLICE_NODES_MAX) {
    stop = "short";
    end = at + 5;
    if (end > bytes.length) break;
    const pathSize = getInt(bytes, at);
    if (pathSize === 1 && bytes[at + 4] === SLASH) {
      stop = "last";
      break;
    }
    requireSize(pathSize, 0, path);
    const pathEnd = at + 4 + pathSize;
    end = pathEnd + 4;
    if (end > bytes.length) break;
    const dataSize = getInt(bytes, pathEnd);
    requireSize(dataSize, -1, path);
    end += Math.max(0, dataSize) + FIXED_BYTES;
    if (end > bytes.length) break;
    at = end;
    nodeCount += 1;
    stop = "full";
  }
  source.at = stop === "last" ? at + 5 : at;
  const nodes = bytes.subarray(start, at);
  const slice = { sessions: undefined, acls: [], deleted: [], nodeCount, nodes };
  return { slice: nodeCount === 0 ? undefined : slice, stop, neededBytes: end - source.at };
}

function requireSize(size: number, min: number, path: string): void {
  if (size >= min && size <= DATA_BYTES_MAX) return;
  throw new StorageError("damaged", `${path} has a node with a size that cannot be`);
}

async function readEnd(source: ByteSource, path: string): Promise<SnapshotEnd> {
  await checkSeal(source, path);
  if (!(await source.have(DIGEST_BYTES + SEAL_BYTES))) {
    // A server without digests writes the zxid alone.
    return { digest: undefined, lastZxid: await readLastZxid(source, path) };
  }
  const [zxid, version] = await source.record((reader) => [reader.long(), reader.int()] as const);
  // Before version 2 it was text.
  const value = await source.record((reader) => (version < 2 ? reader.text() : reader.bigint()));
  await checkSeal(source, path);
  const lastZxid = await readLastZxid(source, path);
  return {
    digest: zxid === 0 || typeof value === "string" ? undefined : { zxid, value },
    lastZxid,
  };
}

/** Undefined when it is not there. In a file its name counts, as in Apache. */
async function readLastZxid(source: ByteSource, path: string): Promise<Zxid | undefined> {
  const isThere = await source.have(ZXID_BYTES + SEAL_BYTES);
  if (!isThere && source.available === 0) return undefined;
  if (!isThere) throw new StorageError("damaged", `${path} ends within its last section`);
  const zxid = await source.record((reader) => reader.long());
  await checkSeal(source, path);
  return zxid;
}

async function checkSeal(source: ByteSource, path: string): Promise<void> {
  const { sum } = source;
  const [high, low, text] = await source.record(
    (reader) => [reader.int(), reader.int(), reader.string()] as const,
  );
  if (high === 0 && low >>> 0 === sum && text === "/") return;
  throw new StorageError("damaged", `${path} does not match its checksum`);
}

const SLASH = 0x2f;
const LAST_TEXT = Buffer.from([0, 0, 0, 1, SLASH]);
const PACKED = /\.(?:gz|snappy)$/;
