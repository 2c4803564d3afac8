import type { JuteReader } from "../../../core/wire/jute.ts";
import { getInt } from "../../../core/wire/jute.ts";
import type { Id } from "../../../core/wire/records.ts";
import { readIds } from "../../../core/wire/records.ts";
import { EPOCH_MAX, type Zxid, zxidFromHalves } from "../../../core/wire/zxid.ts";

/** Numbers of the packets on the quorum port (`Leader` in Apache ZooKeeper, PP 4.1). */
export const PACKET_TYPES = {
  request: 1,
  proposal: 2,
  ack: 3,
  commit: 4,
  ping: 5,
  revalidate: 6,
  sync: 7,
  inform: 8,
  commitAndActivate: 9,
  newLeader: 10,
  followerInfo: 11,
  upToDate: 12,
  diff: 13,
  trunc: 14,
  snap: 15,
  observerInfo: 16,
  leaderInfo: 17,
  ackEpoch: 18,
  informAndActivate: 19,
} as const;

/** One `QuorumPacket` as it is on the wire. */
export interface RawPacket {
  /** One of {@link PACKET_TYPES}; others are possible from a peer, and are to be skipped. */
  readonly type: number;
  readonly zxid: Zxid;
  /** Of a packet received: a view, good during the call that hands it over. */
  readonly data: Uint8Array | null;
  /** Null as for every packet but a forwarded request. */
  readonly ids: readonly Id[] | null;
}

/** Something on a peer port that is not the protocol; the connection is of no further use. */
export class PeerProtocolError extends Error {
  override readonly name = "PeerProtocolError";
}

/** Identities in one packet; a client may have added 64 Ki characters of them. */
const IDS_MAX = 10_000;
/** Type, zxid, and the lengths of data and identities. */
const PACKET_BYTES_MIN = 20;
const DATA_AT = 12;

/**
 * Finds the end of the packet that starts at `at`, since nothing says how long it is.
 *
 * @param partMax the longest data, and the longest scheme or identity, bytes.
 * @returns the offset behind it, or -1 when the bytes end before it does.
 * @throws {PeerProtocolError} when a length cannot be.
 */
export function packetEnd(bytes: Uint8Array, at: number, end: number, partMax: number): number {
  if (end - at < PACKET_BYTES_MIN) return -1;
  const idsAt = partEnd(bytes, at + DATA_AT, end, partMax);
  if (idsAt === -1 || idsAt + 4 > end) return -1;
  const count = getInt(bytes, idsAt);
  if (count < -1 || count > IDS_MAX) throw new PeerProtocolError(`${count} identities in a packet`);
  let next = idsAt + 4;
  for (let i = 0; i < 2 * count; i++) {
    next = partEnd(bytes, next, end, partMax);
    if (next === -1) return -1;
  }
  return next;
}

/**
 * Reads a packet that is there whole, as {@link packetEnd} has found; `data` is a view.
 *
 * @throws {PeerProtocolError} for a zxid of an epoch that this server cannot hold.
 * @throws {ZkError} `MarshallingError` when it ends early.
 */
export function readPacket(reader: JuteReader): RawPacket {
  const type = reader.int();
  const zxid = readPeerZxid(reader);
  const data = reader.buffer();
  const ids = getInt(reader.bytes, reader.offset) === -1 ? null : readIds(reader);
  if (ids === null) reader.skip(4);
  return { type, zxid, data, ids };
}

/**
 * Reads a zxid that another server has sent.
 *
 * @throws {PeerProtocolError} when its epoch is 2^21 or more (D6); negative ones pass.
 */
function readPeerZxid(reader: JuteReader): Zxid {
  const high = reader.int();
  const low = reader.int();
  if (high < EPOCH_MAX) return zxidFromHalves(high, low);
  throw new PeerProtocolError(`epoch ${high} of a zxid is too high: ${EPOCH_MAX - 1} is the last`);
}

/** The offset behind length-prefixed bytes; -1 when they are not there whole. */
function partEnd(bytes: Uint8Array, at: number, end: number, partMax: number): number {
  if (at + 4 > end) return -1;
  const sizeBytes = getInt(bytes, at);
  if (sizeBytes < -1 || sizeBytes > partMax) {
    throw new PeerProtocolError(`${sizeBytes} bytes announced in a packet, at most ${partMax}`);
  }
  const next = at + 4 + Math.max(0, sizeBytes);
  return next > end ? -1 : next;
}
