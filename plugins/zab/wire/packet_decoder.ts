import type { LogBatch, SessionRecord } from "../../../core/contracts/storage.ts";
import { decodeUtf8, getInt, JuteReader, JuteWriter } from "../../../core/wire/jute.ts";
import { readSessionId } from "../../../core/wire/records.ts";
import { counterOf, epochOf, makeZxid, type Zxid } from "../../../core/wire/zxid.ts";
import type { LearnerInfo, QuorumPacket } from "../messages.ts";
import { PeerProtocolError, type RawPacket, PACKET_TYPES as TYPES } from "./packet.ts";

const TXN_HEADER_BYTES = 32;
/** Offset of the zxid in a TxnHeader. */
const ZXID_AT = 12;
const NO_SERVER = -1;

type RangeType =
  | typeof TYPES.proposal
  | typeof TYPES.inform
  | typeof TYPES.commit
  | typeof TYPES.ack;
const RANGES: readonly number[] = [TYPES.proposal, TYPES.inform, TYPES.commit, TYPES.ack];

/**
 * Makes values of packets, and of packets of one kind that follow one another one value: a chunk
 * full of proposals is one batch, of acknowledgements one range.
 */
export class PacketDecoder {
  readonly #take: (packet: QuorumPacket) => void;
  readonly #reader = new JuteReader(new Uint8Array(0));
  readonly #txns = new JuteWriter(4096);
  /** The range that gathers: its type, 0 for none. */
  #type = 0;
  #first: Zxid = 0;
  #last: Zxid = 0;

  /** @param take gets each value; a request's bytes are good during the call only. */
  constructor(take: (packet: QuorumPacket) => void) {
    this.#take = take;
  }

  /**
   * Takes the next packet; unknown types are skipped.
   *
   * @throws {PeerProtocolError} or {ZkError} `MarshallingError` for data that is not of its type.
   */
  packet(raw: RawPacket): void {
    const { type, zxid } = raw;
    if (!RANGES.includes(type)) {
      this.flush();
      const packet = this.#decode(raw);
      if (packet !== undefined) this.#take(packet);
      return;
    }
    // An acknowledgement of NEWLEADER is no part of a range.
    const continues = type === this.#type && zxid === this.#last + 1 && counterOf(this.#last) > 0;
    if (!continues || counterOf(zxid) === 0) this.flush();
    if (type === TYPES.proposal || type === TYPES.inform) this.#addTxn(raw);
    if (this.#type === 0) this.#first = zxid;
    this.#type = type;
    this.#last = zxid;
  }

  /** Hands on the range that gathers; called when a chunk is over. */
  flush(): void {
    if (this.#type === 0) return;
    const type = this.#type as RangeType;
    const range = { first: this.#first, last: this.#last };
    this.#type = 0;
    if (type === TYPES.commit) return this.#take({ kind: "commits", ...range });
    if (type === TYPES.ack) return this.#take({ kind: "acks", ...range });
    const kind = type === TYPES.proposal ? "proposals" : "informs";
    this.#take({ kind, batch: this.#takeBatch(range) });
  }

  #addTxn({ zxid, data }: RawPacket): void {
    if (data === null || data.length < TXN_HEADER_BYTES || zxidAt(data) !== zxid) {
      throw new PeerProtocolError(`a proposal whose transaction is not ${zxid.toString(16)}`);
    }
    this.#txns.int(data.length);
    this.#txns.raw(data);
  }

  #takeBatch({ first, last }: { readonly first: Zxid; readonly last: Zxid }): LogBatch {
    const bytes = this.#txns.copy();
    this.#txns.clear();
    return { firstZxid: first, lastZxid: last, count: last - first + 1, bytes };
  }

  #decode({ type, zxid, data, ids }: RawPacket): QuorumPacket | undefined {
    const reader = this.#reader;
    reader.reset(data ?? NOTHING, 0, data?.length ?? 0);
    switch (type) {
      case TYPES.request:
        return this.#request({ type, zxid, data, ids });
      case TYPES.ping:
        return { kind: "ping", zxid, touched: data === null ? undefined : readTouched(reader) };
      case TYPES.revalidate: {
        const session = readSessionId(reader);
        if (reader.remaining === 1) {
          return { kind: "revalidated", session, alive: reader.boolean() };
        }
        return { kind: "revalidate", session, timeoutMs: reader.int() };
      }
      case TYPES.sync:
        return { kind: "sync" };
      case TYPES.commitAndActivate:
        return { kind: "commit-and-activate", zxid, leader: reader.long() };
      case TYPES.informAndActivate: {
        const leader = reader.long();
        this.#addTxn({ type, zxid, data: data?.subarray(8) ?? null, ids });
        const batch = this.#takeBatch({ first: zxid, last: zxid });
        return { kind: "inform-and-activate", batch, leader };
      }
      default:
        return decodeJoining({ type, zxid, data, ids }, reader);
    }
  }

  #request({ data, ids }: RawPacket): QuorumPacket {
    const reader = this.#reader;
    const session = readSessionId(reader);
    const cxid = reader.int();
    const opcode = reader.int();
    const bytes = data ?? NOTHING;
    const body = { bytes, bodyStart: 16, bodyEnd: bytes.length };
    return { kind: "request", request: { session, cxid, opcode, ...body, ids: ids ?? [] } };
  }
}

function decodeJoining(raw: RawPacket, reader: JuteReader): QuorumPacket | undefined {
  const { type, zxid, data } = raw;
  switch (type) {
    case TYPES.newLeader: {
      const membership = data === null ? "" : decodeUtf8(data, 0, data.length);
      return { kind: "new-leader", epoch: epochOf(zxid), membership };
    }
    case TYPES.followerInfo:
      return readLearnerInfo("follower-info", zxid, reader);
    case TYPES.observerInfo:
      return readLearnerInfo("observer-info", zxid, reader);
    case TYPES.upToDate:
      return { kind: "up-to-date" };
    case TYPES.diff:
      return { kind: "diff", zxid };
    case TYPES.trunc:
      return { kind: "trunc", zxid };
    case TYPES.snap:
      return { kind: "snap", zxid };
    case TYPES.leaderInfo:
      return { kind: "leader-info", epoch: epochOf(zxid), protocolVersion: reader.int() };
    case TYPES.ackEpoch:
      return { kind: "ack-epoch", lastZxid: zxid, currentEpoch: reader.int() };
    default:
      return undefined;
  }
}

/** 20 bytes, or the 12 or 8 of older learners, or none (PP 4.1). */
function readLearnerInfo(kind: LearnerInfo["kind"], zxid: Zxid, reader: JuteReader): LearnerInfo {
  const sizeBytes = reader.remaining;
  if (![20, 12, 8, 0].includes(sizeBytes)) {
    throw new PeerProtocolError(`${sizeBytes} bytes of learner info`);
  }
  return {
    kind,
    acceptedEpoch: epochOf(zxid),
    serverId: sizeBytes >= 8 ? reader.long() : NO_SERVER,
    protocolVersion: sizeBytes >= 12 ? reader.int() : 0,
    membershipVersion: sizeBytes >= 20 ? reader.long() : 0,
  };
}

function readTouched(reader: JuteReader): SessionRecord[] {
  const touched: SessionRecord[] = [];
  while (reader.remaining > 0) {
    touched.push({ id: readSessionId(reader), timeoutMs: reader.int() });
  }
  return touched;
}

function zxidAt(txn: Uint8Array): Zxid {
  return makeZxid(getInt(txn, ZXID_AT), getInt(txn, ZXID_AT + 4) >>> 0);
}

const NOTHING = new Uint8Array(0);
