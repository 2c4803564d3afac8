import { locateNodeRecord, type NodeRecord } from "../../core/contracts/node_record.ts";
import {
  CRC_START,
  crcOfBytes,
  DigestSum,
  digestOfStat,
  STAT_INTS,
} from "../../core/tree/digest.ts";
import { PERSISTED } from "../../core/tree/snapshot.ts";
import { getInt } from "../../core/wire/jute.ts";

const SYSTEM = new TextEncoder().encode("/zookeeper/");
const ACL_BYTES = 8;

/** The tree digest of node records, each path once (PP 1.5). */
export class NodeDigest {
  readonly sum: DigestSum = new DigestSum();
  readonly #record: NodeRecord = { pathStart: 0, pathEnd: 0, aclAt: 0, end: 0 };
  readonly #stat = new Int32Array(STAT_INTS);

  /** Adds the nodes of a slice. @throws {RangeError} when they are no records. */
  add(nodes: Uint8Array, nodeCount: number): void {
    const record = this.#record;
    let at = 0;
    for (let i = 0; i < nodeCount; i++, at = record.end) {
      locateNodeRecord(nodes, at, record);
      if (isSystem(nodes, record)) continue;
      const path = crcOfBytes(CRC_START, nodes, record.pathStart, record.pathEnd);
      const pathAndData = crcOfBytes(path, nodes, record.pathEnd + 4, record.aclAt);
      let statAt = record.aclAt + ACL_BYTES;
      for (const field of PERSISTED) {
        this.#stat[field] = getInt(nodes, statAt);
        statAt += 4;
      }
      this.sum.add(digestOfStat(pathAndData, this.#stat, 0));
    }
  }
}

/** Whether it lies below `/zookeeper`, where each server has its own. */
function isSystem(nodes: Uint8Array, { pathStart, pathEnd }: NodeRecord): boolean {
  if (pathEnd - pathStart < SYSTEM.length) return false;
  return SYSTEM.every((byte, index) => nodes[pathStart + index] === byte);
}
