import type { AclRecord, SessionRecord, SnapshotSlice } from "../../../core/contracts/storage.ts";
import { ZkError } from "../../../core/errors/zk_error.ts";
import { getInt, JuteReader, putPart } from "../../../core/wire/jute.ts";
import { readAcls, readSessionId } from "../../../core/wire/records.ts";
import { PeerProtocolError } from "./packet.ts";
import { SNAPSHOT_SIGNATURE } from "./snapshot_writer.ts";

const SLICE_NODES_MAX = 2_000;
/** ACL id and StatPersisted. */
const FIXED_BYTES = 68;
const SLASH = 0x2f;
/** Sessions or lists that one snapshot may have. */
const TABLE_ROWS_MAX = 16_777_216;

/**
 * Cuts the bytes that follow a SNAP packet into slices. Holds what {@link push} brought and was not
 * taken yet; its user pauses the connection when {@link keptBytes} is too much.
 */
export class SnapshotReader {
  /** True once the signature has been read. */
  isOver = false;
  readonly #recordBytesMax: number;
  #kept: Uint8Array = NOTHING;
  #start = 0;
  #end = 0;
  #sessions: SessionRecord[] = [];
  #acls: AclRecord[] = [];
  #stage: "sessions" | "acls" | "nodes" | "signature" = "sessions";
  /** Rows of the present table that are to come; undefined until its count was read. */
  #rowsLeft: number | undefined;

  /** @param recordBytesMax the longest node or access control list. */
  constructor(recordBytesMax: number) {
    this.#recordBytesMax = recordBytesMax;
  }

  get keptBytes(): number {
    return this.#end - this.#start;
  }

  /** Takes a chunk, which stays the caller's. Slices taken before stay good. */
  push(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#kept.length) {
      const keptBytes = this.keptBytes;
      const grown = new Uint8Array(Math.max(keptBytes * 2, keptBytes + chunk.length));
      putPart(grown, 0, this.#kept, this.#start, this.#end);
      this.#kept = grown;
      this.#start = 0;
      this.#end = keptBytes;
    }
    putPart(this.#kept, this.#end, chunk, 0, chunk.length);
    this.#end += chunk.length;
  }

  /**
   * The next slice. @returns undefined when more bytes are needed, or it is over.
   *
   * @throws {PeerProtocolError} when the bytes are no snapshot.
   */
  next(): SnapshotSlice | undefined {
    if (this.#stage === "sessions" && !this.#readTable(12, this.#readSession)) return undefined;
    if (this.#stage === "sessions") this.#stage = "acls";
    if (this.#stage === "acls") {
      if (!this.#readTable(12, this.#readAcl)) return undefined;
      this.#stage = "nodes";
      const empty = { deleted: [], nodeCount: 0, nodes: NOTHING };
      return { sessions: this.#sessions, acls: this.#acls, ...empty };
    }
    const slice = this.#stage === "nodes" ? this.#readNodes() : undefined;
    if (slice === undefined && this.#stage === "signature") this.#readSignature();
    return slice;
  }

  /** The bytes behind the signature: packets again. The caller's for good. */
  rest(): Uint8Array {
    const rest = this.#kept.slice(this.#start, this.#end);
    this.#kept = NOTHING;
    this.#start = this.#end = 0;
    return rest;
  }

  /** @returns whether all rows of the table have been read. */
  #readTable(rowBytesMin: number, read: (reader: JuteReader) => void): boolean {
    if (this.#rowsLeft === undefined) {
      if (this.keptBytes < 4) return false;
      this.#rowsLeft = getInt(this.#kept, this.#start);
      this.#start += 4;
      if (this.#rowsLeft < 0 || this.#rowsLeft > TABLE_ROWS_MAX) {
        throw new PeerProtocolError(`a snapshot with a table of ${this.#rowsLeft} rows`);
      }
    }
    const reader = new JuteReader(this.#kept, this.#start, this.#end);
    while (this.#rowsLeft > 0 && reader.remaining >= rowBytesMin) {
      try {
        read(reader);
      } catch (error) {
        if (!(error instanceof ZkError)) throw error;
        break; // Not there whole, or it would be too long.
      }
      this.#start = reader.offset;
      this.#rowsLeft -= 1;
    }
    if (this.#rowsLeft > 0) this.#demandRoom();
    else this.#rowsLeft = undefined;
    return this.#rowsLeft === undefined;
  }

  readonly #readSession = (reader: JuteReader): void => {
    this.#sessions.push({ id: readSessionId(reader), timeoutMs: reader.int() });
  };

  readonly #readAcl = (reader: JuteReader): void => {
    this.#acls.push({ id: reader.long(), acls: readAcls(reader) ?? [] });
  };

  #readNodes(): SnapshotSlice | undefined {
    const bytes = this.#kept;
    const start = this.#start;
    let at = start;
    let nodeCount = 0;
    while (nodeCount < SLICE_NODES_MAX) {
      if (at + 5 > this.#end) break;
      const pathSize = getInt(bytes, at);
      if (pathSize === 1 && bytes[at + 4] === SLASH) {
        this.#stage = "signature";
        break;
      }
      const end = this.#nodeEnd(at, pathSize);
      if (end === -1) break;
      at = end;
      nodeCount += 1;
    }
    this.#start = this.#stage === "signature" ? at + 5 : at;
    if (nodeCount === 0) {
      this.#demandRoom();
      return undefined;
    }
    const nodes = bytes.subarray(start, at);
    return { sessions: undefined, acls: [], deleted: [], nodeCount, nodes };
  }

  /** The offset behind a node, -1 when it is not there whole. */
  #nodeEnd(at: number, pathSize: number): number {
    const pathEnd = at + 4 + pathSize;
    const isPathThere = pathSize >= 0 && pathEnd + 4 <= this.#end;
    const dataSize = isPathThere ? getInt(this.#kept, pathEnd) : 0;
    if (pathSize < 0 || dataSize < -1 || pathSize + dataSize > this.#recordBytesMax) {
      throw new PeerProtocolError("a snapshot with a node of a size that cannot be");
    }
    const end = pathEnd + 4 + Math.max(0, dataSize) + FIXED_BYTES;
    return isPathThere && end <= this.#end ? end : -1;
  }

  #readSignature(): void {
    const sizeBytes = 4 + SNAPSHOT_SIGNATURE.length;
    if (this.keptBytes < sizeBytes) return;
    const reader = new JuteReader(this.#kept, this.#start, this.#start + sizeBytes);
    if (reader.int() !== SNAPSHOT_SIGNATURE.length || !reader.takeIfEqual(SIGNATURE_BYTES)) {
      throw new PeerProtocolError("a snapshot without its signature");
    }
    this.#start += sizeBytes;
    this.isOver = true;
  }

  /** A record may be cut by the end of a chunk, but not for ever. */
  #demandRoom(): void {
    if (this.keptBytes <= this.#recordBytesMax + FIXED_BYTES + 12) return;
    throw new PeerProtocolError("a snapshot with a record that has no end");
  }
}

const NOTHING = new Uint8Array(0);
const SIGNATURE_BYTES = new TextEncoder().encode(SNAPSHOT_SIGNATURE);
