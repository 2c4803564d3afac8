import type { LogBatch } from "../../../core/contracts/storage.ts";
import { unreachable } from "../../../core/errors/invariant.ts";
import { getInt, JuteWriter } from "../../../core/wire/jute.ts";
import { writeIds, writeSessionId } from "../../../core/wire/records.ts";
import { makeZxid, type Zxid } from "../../../core/wire/zxid.ts";
import type { QuorumPacket } from "../messages.ts";
import { PACKET_TYPES as TYPES } from "./packet.ts";

/** Offset of the zxid in a transaction with its length (PP 2). */
const ZXID_AT = 16;

/**
 * Writes packets as the bytes of Apache's `QuorumPacket` (PP 4.1). One for all links: proposals,
 * which go to every follower, are encoded once.
 */
export class PacketEncoder {
  #lastBatch: LogBatch | undefined;
  readonly #lastBytes = new JuteWriter(4096);

  /** Appends a packet to what a link is to send. */
  encode(writer: JuteWriter, packet: QuorumPacket): void {
    switch (packet.kind) {
      case "proposals":
        return this.#proposals(writer, packet.batch);
      case "acks":
        return writeRange(writer, TYPES.ack, packet.first, packet.last);
      case "commits":
        return writeRange(writer, TYPES.commit, packet.first, packet.last);
      case "history":
        return writeTxns(writer, TYPES.proposal, packet.batch, (zxid) =>
          writeBare(writer, TYPES.commit, zxid),
        );
      case "informs":
        return writeTxns(writer, TYPES.inform, packet.batch);
      case "request":
      case "ping":
      case "sync":
      case "revalidate":
      case "revalidated":
        return encodeSession(writer, packet);
      default:
        return encodeRare(writer, packet);
    }
  }

  #proposals(writer: JuteWriter, batch: LogBatch): void {
    if (this.#lastBatch !== batch) {
      this.#lastBytes.clear();
      this.#lastBatch = batch;
      writeTxns(this.#lastBytes, TYPES.proposal, batch);
    }
    writer.raw(this.#lastBytes.view());
  }
}

type SessionKind = "request" | "ping" | "sync" | "revalidate" | "revalidated";
type FrequentKind = "proposals" | "acks" | "commits" | "history" | "informs";
type RareKind = Exclude<QuorumPacket["kind"], SessionKind | FrequentKind>;
type PacketOf<Kind> = Extract<QuorumPacket, { readonly kind: Kind }>;

/** What concerns clients. */
function encodeSession(writer: JuteWriter, packet: PacketOf<SessionKind>): void {
  switch (packet.kind) {
    case "request": {
      const { request } = packet;
      writeHead(writer, TYPES.request, -1, 16 + request.bodyEnd - request.bodyStart);
      writeSessionId(writer, request.session);
      writer.int(request.cxid);
      writer.int(request.opcode);
      writer.rawPart(request.bytes, request.bodyStart, request.bodyEnd);
      return writeIds(writer, request.ids);
    }
    case "ping": {
      const { zxid, touched } = packet;
      writeHead(writer, TYPES.ping, zxid, touched === undefined ? -1 : touched.length * 12);
      for (const { id, timeoutMs } of touched ?? []) {
        writeSessionId(writer, id);
        writer.int(timeoutMs);
      }
      return writer.int(-1);
    }
    case "sync":
      return writeBare(writer, TYPES.sync, 0);
    case "revalidate":
      writeHead(writer, TYPES.revalidate, -1, 12);
      writeSessionId(writer, packet.session);
      writer.int(packet.timeoutMs);
      return writer.int(-1);
    case "revalidated":
      writeHead(writer, TYPES.revalidate, -1, 9);
      writeSessionId(writer, packet.session);
      writer.boolean(packet.alive);
      return writer.int(-1);
    default:
      return unreachable(packet);
  }
}

/** What comes once in a while: joining, and changes of the membership. */
function encodeRare(writer: JuteWriter, packet: PacketOf<RareKind>): void {
  switch (packet.kind) {
    case "follower-info":
    case "observer-info": {
      const isFollower = packet.kind === "follower-info";
      const type = isFollower ? TYPES.followerInfo : TYPES.observerInfo;
      writeHead(writer, type, makeZxid(packet.acceptedEpoch, 0), 20);
      writer.long(packet.serverId);
      writer.int(packet.protocolVersion);
      writer.long(packet.membershipVersion);
      return writer.int(-1);
    }
    case "leader-info":
      writeHead(writer, TYPES.leaderInfo, makeZxid(packet.epoch, 0), 4);
      writer.int(packet.protocolVersion);
      return writer.int(-1);
    case "ack-epoch":
      writeHead(writer, TYPES.ackEpoch, packet.lastZxid, 4);
      writer.int(packet.currentEpoch);
      return writer.int(-1);
    case "diff":
      return writeBare(writer, TYPES.diff, packet.zxid);
    case "trunc":
      return writeBare(writer, TYPES.trunc, packet.zxid);
    case "snap":
      return writeBare(writer, TYPES.snap, packet.zxid);
    case "new-leader":
      writer.int(TYPES.newLeader);
      writer.long(makeZxid(packet.epoch, 0));
      writer.string(packet.membership);
      return writer.int(-1);
    case "up-to-date":
      return writeBare(writer, TYPES.upToDate, -1);
    case "commit-and-activate":
      writeHead(writer, TYPES.commitAndActivate, packet.zxid, 8);
      writer.long(packet.leader);
      return writer.int(-1);
    case "inform-and-activate": {
      const { bytes, firstZxid } = packet.batch;
      writeHead(writer, TYPES.informAndActivate, firstZxid, 8 + bytes.length - 4);
      writer.long(packet.leader);
      writer.rawPart(bytes, 4, bytes.length);
      return writer.int(-1);
    }
    default:
      return unreachable(packet);
  }
}

/** Type, zxid and the length of the data; -1 for none. */
function writeHead(writer: JuteWriter, type: number, zxid: Zxid, dataBytes: number): void {
  writer.int(type);
  writer.long(zxid);
  writer.int(dataBytes);
}

/** A packet without data and identities. */
function writeBare(writer: JuteWriter, type: number, zxid: Zxid): void {
  writeHead(writer, type, zxid, -1);
  writer.int(-1);
}

function writeRange(writer: JuteWriter, type: number, first: Zxid, last: Zxid): void {
  for (let zxid = first; zxid <= last; zxid++) writeBare(writer, type, zxid);
}

/** A batch has what stands in the middle of a packet: the length and the bytes of each. */
function writeTxns(
  writer: JuteWriter,
  type: number,
  { bytes }: LogBatch,
  afterEach?: (zxid: Zxid) => void,
): void {
  let at = 0;
  while (at < bytes.length) {
    const end = at + 4 + getInt(bytes, at);
    writer.int(type);
    writer.rawPart(bytes, at + ZXID_AT, at + ZXID_AT + 8);
    writer.rawPart(bytes, at, end);
    writer.int(-1);
    afterEach?.(zxidAt(bytes, at + ZXID_AT));
    at = end;
  }
}

function zxidAt(bytes: Uint8Array, at: number): Zxid {
  return makeZxid(getInt(bytes, at), getInt(bytes, at + 4) >>> 0);
}
