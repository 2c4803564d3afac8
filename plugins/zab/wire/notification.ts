import { decodeUtf8, getInt, JuteReader, JuteWriter } from "../../../core/wire/jute.ts";
import { EPOCH_MAX, epochOf } from "../../../core/wire/zxid.ts";
import { ELECTION_STATES, NO_VOTE, type Notification } from "../messages.ts";

/** Longest payload on an election connection, bytes (PP 3.1). */
export const NOTIFICATION_BYTES_MAX: number = 512 * 1024;
const VERSION = 2;
const SHORT_BYTES = 28;
const EPOCH_BYTES = 40;
const FULL_BYTES = 44;
/** Stands behind the membership, where Java's servers do not look. */
const MARK = new TextEncoder().encode("Zookit");

/**
 * The payload, without its length; always in the long form (PP 3.2). The membership must be full
 * and valid: a text without participants kills the receiver of a Java server.
 */
export function encodeNotification(vote: Notification): Uint8Array {
  const writer = new JuteWriter(256);
  writer.int(ELECTION_STATES.indexOf(vote.state));
  for (const value of [vote.leader, vote.zxid, vote.round, vote.peerEpoch]) {
    if (value === NO_VOTE) writer.bigint(LEAST_LONG);
    else writer.long(value);
  }
  writer.int(VERSION);
  writer.string(vote.membership ?? "");
  if (vote.isZookit) writer.raw(MARK);
  if (vote.isZookit && vote.pending !== undefined) writer.string(vote.pending);
  return writer.copy();
}

/**
 * Reads a payload, of 28, 40, or 44 and more bytes.
 *
 * @returns undefined for one that is to be ignored: another length, an unknown state, an epoch that
 * this server cannot hold.
 */
export function decodeNotification(bytes: Uint8Array): Notification | undefined {
  const { length } = bytes;
  if (length !== SHORT_BYTES && length !== EPOCH_BYTES && length < FULL_BYTES) return undefined;
  const zxidEpoch = getInt(bytes, 12);
  const reader = new JuteReader(bytes);
  const state = ELECTION_STATES[reader.int()];
  const [leader, zxid, round] = [reader.long(), reader.long(), reader.long()];
  const peerEpoch = length >= EPOCH_BYTES ? reader.long() : epochOf(zxid);
  if (state === undefined || zxidEpoch >= EPOCH_MAX || peerEpoch >= EPOCH_MAX) return undefined;
  const vote = { state, leader, zxid, round, peerEpoch };
  if (length < FULL_BYTES) return { ...vote, version: 0, membership: undefined, isZookit: false };
  const version = reader.int();
  const membership = takeText(reader, bytes);
  if (membership === undefined) return undefined;
  const isZookit = reader.takeIfEqual(MARK);
  const told = { ...vote, version, membership, isZookit };
  const pending = isZookit ? takeText(reader, bytes) : undefined;
  return pending === undefined ? told : { ...told, pending };
}

/** Text with its length before it; undefined where there is no such thing. */
function takeText(reader: JuteReader, bytes: Uint8Array): string | undefined {
  if (reader.remaining < 4) return undefined;
  const sizeBytes = reader.int();
  if (sizeBytes < 0 || sizeBytes > reader.remaining) return undefined;
  const text = decodeUtf8(bytes, reader.offset, reader.offset + sizeBytes);
  reader.skip(sizeBytes);
  return text;
}

const LEAST_LONG = -(2n ** 63n);
