import type { LogBatch } from "../../../core/contracts/storage.ts";
import { type ErrorName, ZkError } from "../../../core/errors/zk_error.ts";
import { decodeUtf8, getInt, JuteReader } from "../../../core/wire/jute.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import type { Zxid } from "../../../core/wire/zxid.ts";
import type { ServerId } from "../messages.ts";
import { type Member, Membership, parseMember } from "./membership.ts";

/** What a client asks of the membership (CP 3.2). */
export interface ReconfigRequest {
  /** `server.N=...` with commas between; null for none. */
  readonly joining: string | null;
  /** Ids with commas between; null for none. */
  readonly leaving: string | null;
  /** All members, with commas or line feeds between; null for a change of the present ones. */
  readonly members: string | null;
  /** The version to be changed; -1 for any. */
  readonly from: Zxid;
}

/** Type of a transaction, behind its length, and where its body begins. */
const TYPE_AT = 4 + 28;
const BODY_AT = 4 + 32;
/** Nobody confuses these: each server has its own. */
const UNIVERSAL = /^(?:0\.0\.0\.0|127\.|localhost:|\[?::1?\]?:)/i;

/** @throws {ZkError} `MarshallingError` for a body that cannot be read. */
export function readReconfig(bytes: Uint8Array, start: number, end: number): ReconfigRequest {
  const reader = new JuteReader(new Uint8Array(0));
  reader.reset(bytes, start, end);
  const joining = reader.string();
  const leaving = reader.string();
  const members = reader.string();
  return { joining, leaving, members, from: reader.long() };
}

/**
 * The members that a request makes of the present ones, under the version of its transaction.
 *
 * @throws {ZkError} `BadVersion`, or `BadArguments` for what cannot be read or be an ensemble.
 */
export function membersAfter(
  present: Membership,
  { joining, leaving, members, from }: ReconfigRequest,
  rules: { readonly version: Zxid; readonly votersMin: number },
): Membership {
  if (from !== -1 && from !== present.version) throw new ZkError("BadVersion");
  const next =
    members === null
      ? new Membership(rules.version, changed(present, leaving, joining))
      : Membership.parse(members.replaceAll(",", "\n")).withVersion(rules.version);
  if (next.voters.length < rules.votersMin) throw new ZkError("BadArguments", "too few voters");
  return next;
}

function changed(
  present: Membership,
  leaving: string | null,
  joining: string | null,
): Map<ServerId, Member> {
  if (present.isHierarchical) throw new ZkError("BadArguments", "groups change only as a whole");
  const next = new Map(present.members);
  for (const text of partsOf(leaving)) {
    if (!/^\d{1,15}$/.test(text)) throw new ZkError("BadArguments", `leaving server ${text}`);
    next.delete(Number(text));
  }
  for (const text of partsOf(joining)) {
    const [, sid, value] = /^server\.(\d{1,15})\s*=\s*(.*)$/.exec(text) ?? [];
    const member = value === undefined ? undefined : parseMember(Number(sid), value);
    if (member?.client === undefined) throw new ZkError("BadArguments", `joining server ${text}`);
    next.delete(member.sid);
    for (const other of next.values()) refuseClash(member, other);
    next.set(member.sid, member);
  }
  return next;
}

function partsOf(text: string | null): string[] {
  const parts = (text ?? "").split(",").map((part) => part.trim());
  return parts.filter((part) => part !== "");
}

function refuseClash(one: Member, other: Member): void {
  const taken = new Set(portsOf(other));
  const clash = portsOf(one).find((port) => taken.has(port));
  if (clash === undefined) return;
  throw new ZkError("BadArguments", `server.${one.sid} and server.${other.sid} both at ${clash}`);
}

function portsOf({ addresses, client = "" }: Member): string[] {
  const ports = addresses.flatMap(({ host, quorumPort, electionPort }) => [
    `${host}:${quorumPort}`,
    `${host}:${electionPort}`,
  ]);
  const all = [...ports, ...client.split(";")];
  return all.filter((port) => port !== "" && !UNIVERSAL.test(port));
}

/** Why members are refused; undefined for an error that is none of theirs. */
export function refusalOf(error: unknown): ErrorName {
  if (!(error instanceof ZkError)) throw error;
  return error.kind;
}

/** The members that each reconfiguration in a batch makes, in order. */
export function reconfigsIn({ bytes }: LogBatch): readonly Membership[] {
  let found = NONE;
  for (let at = 0; at < bytes.length; at += 4 + getInt(bytes, at)) {
    if (getInt(bytes, at + TYPE_AT) !== OPCODES.reconfig) continue;
    const members = membersIn(bytes, at);
    if (members !== undefined) found = [...found, members];
  }
  return found;
}

const NONE: readonly Membership[] = [];

/** A reconfig's body is that of a setData: path, then the text of the members (PP 2). */
function membersIn(bytes: Uint8Array, at: number): Membership | undefined {
  const dataAt = at + BODY_AT + 4 + getInt(bytes, at + BODY_AT);
  const dataBytes = getInt(bytes, dataAt);
  return Membership.read(decodeUtf8(bytes, dataAt + 4, dataAt + 4 + dataBytes));
}
