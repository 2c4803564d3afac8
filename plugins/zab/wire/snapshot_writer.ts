import type { SliceSource } from "../../../core/contracts/consensus.ts";
import { locateNodeRecord, type NodeRecord } from "../../../core/contracts/node_record.ts";
import type { SnapshotSlice } from "../../../core/contracts/storage.ts";
import { getInt, JuteWriter, putInt } from "../../../core/wire/jute.ts";
import { writeAcls, writeSessionId } from "../../../core/wire/records.ts";

/** What ends the stream, so that both sides agree that it is over (`LearnerHandler`, PP 4.4). */
export const SNAPSHOT_SIGNATURE = "BenWasHere";
/** Stands for world:anyone:all in node records. */
const OPEN_ACL_ID = -1;

/**
 * The whole tree as the bytes that follow a SNAP packet: sessions, access control lists, nodes, the
 * text "/", the signature (PP 4.4). No header and no checksum, unlike a snapshot file.
 *
 * A list that nobody had when the stream began cannot be named any more. A znode that has one is
 * sent as open to anyone: it was created, or its list set, by a transaction above the snapshot's
 * zxid, which the learner applies before it serves anybody.
 */
export class SnapshotWriter {
  readonly #source: Pick<SliceSource, "next">;
  readonly #lateAcls = new Set<number>();
  #isFirst = true;
  #isOver = false;

  /** @param source of the whole tree, not asked yet; its first slice names every list in use. */
  constructor(source: Pick<SliceSource, "next">) {
    this.#source = source;
  }

  /** The next bytes, the caller's for good; undefined after the last ones. */
  next(): Uint8Array | undefined {
    if (this.#isOver) return undefined;
    const slice = this.#source.next();
    if (slice === undefined) return this.#end();
    const writer = new JuteWriter(slice.nodes.length + 256);
    if (this.#isFirst) writeTables(writer, slice);
    else for (const { id } of slice.acls) this.#lateAcls.add(id);
    this.#isFirst = false;
    const nodesAt = writer.length;
    writer.raw(slice.nodes);
    const bytes = writer.view();
    if (this.#lateAcls.size > 0) this.#openLate(bytes, nodesAt);
    return bytes;
  }

  #end(): Uint8Array {
    this.#isOver = true;
    const writer = new JuteWriter(32);
    writer.string("/");
    writer.string(SNAPSHOT_SIGNATURE);
    return writer.view();
  }

  #openLate(bytes: Uint8Array, nodesAt: number): void {
    const record: NodeRecord = { pathStart: 0, pathEnd: 0, aclAt: 0, end: 0 };
    for (let at = nodesAt; at < bytes.length; at = record.end) {
      locateNodeRecord(bytes, at, record);
      // Ids are counted up from 1: the high half is 0.
      if (!this.#lateAcls.has(getInt(bytes, record.aclAt + 4))) continue;
      putInt(bytes, record.aclAt, OPEN_ACL_ID);
      putInt(bytes, record.aclAt + 4, OPEN_ACL_ID);
    }
  }
}

function writeTables(writer: JuteWriter, { sessions = [], acls }: SnapshotSlice): void {
  writer.int(sessions.length);
  for (const { id, timeoutMs } of sessions) {
    writeSessionId(writer, id);
    writer.int(timeoutMs);
  }
  writer.int(acls.length);
  for (const { id, acls: list } of acls) {
    writer.long(id);
    writeAcls(writer, list);
  }
}
