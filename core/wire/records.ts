/**
 * The records of ZooKeeper's client protocol, each with how it is read and written. Shared by
 * server and client. Field order is the wire order (`zookeeper.jute` in Apache ZooKeeper).
 */
import type { JuteReader, JuteWriter } from "./jute.ts";
import { SessionId } from "./session_id.ts";
import type { Zxid } from "./zxid.ts";

/** An identity: of a connection, or the one an ACL entry names. */
export interface Id {
  readonly scheme: string;
  readonly id: string;
}

/** One entry of an access control list. */
export interface Acl extends Id {
  /** Bits of `PERMS`; unknown bits are kept. */
  readonly perms: number;
}

/** Anyone may do anything: the ACL most znodes have. */
export const OPEN_ACL: readonly Acl[] = [{ perms: 31, scheme: "world", id: "anyone" }];

/** {@link OPEN_ACL} as it is written; nearly every create brings and stores it. */
const OPEN_ACL_BYTES = new TextEncoder().encode(
  "\0\0\0\x01\0\0\0\x1f\0\0\0\x05world\0\0\0\x06anyone",
);

/** Anyone may read. */
export const READ_ACL: readonly Acl[] = [{ perms: 1, scheme: "world", id: "anyone" }];

/** What a client sees of a znode beside its data (68 bytes on the wire). */
export interface Stat {
  /** Transaction that created the znode. */
  readonly czxid: Zxid;
  /** Transaction that last set its data. */
  readonly mzxid: Zxid;
  /** Creation time, ms since 1970, of the leader's clock. */
  readonly ctime: number;
  /** Time of the last setData, ms since 1970. */
  readonly mtime: number;
  /** Number of setData. */
  readonly version: number;
  /** Number of creations and deletions of children. */
  readonly cversion: number;
  /** Number of setACL. */
  readonly aversion: number;
  /** Session that owns an ephemeral znode; 0 for every other kind. */
  readonly ephemeralOwner: bigint;
  /** Size of the data in bytes; 0 for null. */
  readonly dataLength: number;
  readonly numChildren: number;
  /** Transaction that last created or deleted a child. */
  readonly pzxid: Zxid;
}

/** First frame of a client. */
export interface ConnectRequest {
  readonly protocolVersion: number;
  readonly lastZxidSeen: Zxid;
  readonly timeoutMs: number;
  readonly sessionId: SessionId;
  readonly password: Uint8Array;
  /** Undefined when the client did not send the byte; the response then omits it too. */
  readonly readOnly: boolean | undefined;
}

/** First frame of a server; `timeoutMs` 0 says that the session is refused. */
export interface ConnectResponse {
  readonly timeoutMs: number;
  readonly sessionId: SessionId;
  /** 16 bytes. */
  readonly password: Uint8Array;
  readonly readOnly: boolean | undefined;
}

/** Body of a notification. */
export interface WatcherEvent {
  readonly type: number;
  readonly state: number;
  readonly path: string;
}

/** @throws {ZkError} `MarshallingError` when it ends early. */
export function readSessionId(reader: JuteReader): SessionId {
  const high = reader.int();
  return new SessionId(high, reader.int());
}

/** Appends the 8 bytes of an id. */
export function writeSessionId(writer: JuteWriter, id: SessionId): void {
  writer.int(id.high);
  writer.int(id.low);
}

/** @throws {ZkError} `MarshallingError` when it ends early; a null password reads as empty. */
export function readConnectRequest(reader: JuteReader): ConnectRequest {
  const protocolVersion = reader.int();
  const lastZxidSeen = reader.long();
  const timeoutMs = reader.int();
  const sessionId = readSessionId(reader);
  const password = reader.buffer() ?? new Uint8Array(0);
  const readOnly = reader.remaining > 0 ? reader.boolean() : undefined;
  return { protocolVersion, lastZxidSeen, timeoutMs, sessionId, password, readOnly };
}

/** Appends the body of a client's first frame; the last byte only when `readOnly` is known. */
export function writeConnectRequest(writer: JuteWriter, request: ConnectRequest): void {
  writer.int(request.protocolVersion);
  writer.long(request.lastZxidSeen);
  writer.int(request.timeoutMs);
  writeSessionId(writer, request.sessionId);
  writer.buffer(request.password);
  if (request.readOnly !== undefined) writer.boolean(request.readOnly);
}

/**
 * The password is a copy, the caller's; a null one reads as empty.
 *
 * @throws {ZkError} `MarshallingError` when it ends early.
 */
export function readConnectResponse(reader: JuteReader): ConnectResponse {
  reader.int();
  const timeoutMs = reader.int();
  const sessionId = readSessionId(reader);
  const password = (reader.buffer() ?? new Uint8Array(0)).slice();
  const readOnly = reader.remaining > 0 ? reader.boolean() : undefined;
  return { timeoutMs, sessionId, password, readOnly };
}

/** Appends the body of a server's first frame; the last byte only when `readOnly` is known. */
export function writeConnectResponse(writer: JuteWriter, response: ConnectResponse): void {
  writer.int(0);
  writer.int(response.timeoutMs);
  writeSessionId(writer, response.sessionId);
  writer.buffer(response.password);
  if (response.readOnly !== undefined) writer.boolean(response.readOnly);
}

/**
 * A list of ACL entries; null for a null vector. A null scheme or id reads as empty: kazoo writes
 * empty strings as null.
 *
 * @throws {ZkError} `MarshallingError` when it ends early.
 */
export function readAcls(reader: JuteReader): readonly Acl[] | null {
  if (reader.takeIfEqual(OPEN_ACL_BYTES)) return OPEN_ACL;
  const count = reader.count();
  if (count === null) return null;
  const acls: Acl[] = [];
  for (let i = 0; i < count; i++) {
    const perms = reader.int();
    const scheme = reader.string() ?? "";
    acls.push({ perms, scheme, id: reader.string() ?? "" });
  }
  return acls;
}

/** Appends a list of ACL entries; null as the null vector. */
export function writeAcls(writer: JuteWriter, acls: readonly Acl[] | null): void {
  if (acls === null) return writer.int(-1);
  if (acls === OPEN_ACL) return writer.raw(OPEN_ACL_BYTES);
  writer.int(acls.length);
  for (const { perms, scheme, id } of acls) {
    writer.int(perms);
    writer.string(scheme);
    writer.string(id);
  }
}

/**
 * A list of identities; a null vector reads as empty.
 *
 * @throws {ZkError} `MarshallingError` when it ends early.
 */
export function readIds(reader: JuteReader): Id[] {
  const ids: Id[] = [];
  const count = reader.count() ?? 0;
  for (let i = 0; i < count; i++) {
    const scheme = reader.text();
    ids.push({ scheme, id: reader.text() });
  }
  return ids;
}

/** Appends a list of identities. */
export function writeIds(writer: JuteWriter, ids: readonly Id[]): void {
  writer.int(ids.length);
  for (const { scheme, id } of ids) {
    writer.string(scheme);
    writer.string(id);
  }
}

/** @throws {ZkError} `MarshallingError` when there are fewer than 68 bytes. */
export function readStat(reader: JuteReader): Stat {
  return {
    czxid: reader.long(),
    mzxid: reader.long(),
    ctime: reader.long(),
    mtime: reader.long(),
    version: reader.int(),
    cversion: reader.int(),
    aversion: reader.int(),
    ephemeralOwner: reader.bigint(),
    dataLength: reader.int(),
    numChildren: reader.int(),
    pzxid: reader.long(),
  };
}

/** Appends the 68 bytes of `stat`. */
export function writeStat(writer: JuteWriter, stat: Stat): void {
  writer.long(stat.czxid);
  writer.long(stat.mzxid);
  writer.long(stat.ctime);
  writer.long(stat.mtime);
  writer.int(stat.version);
  writer.int(stat.cversion);
  writer.int(stat.aversion);
  writer.bigint(stat.ephemeralOwner);
  writer.int(stat.dataLength);
  writer.int(stat.numChildren);
  writer.long(stat.pzxid);
}

/** @throws {ZkError} `MarshallingError` when it ends early or the path is null. */
export function readWatcherEvent(reader: JuteReader): WatcherEvent {
  const type = reader.int();
  const state = reader.int();
  return { type, state, path: reader.text() };
}

/** Appends the body of a notification. */
export function writeWatcherEvent(writer: JuteWriter, event: WatcherEvent): void {
  writer.int(event.type);
  writer.int(event.state);
  writer.string(event.path);
}

/** Stands before each operation or result of a multi, and ends the list with `done`. */
export interface MultiHeader {
  readonly type: number;
  readonly done: boolean;
  /** The reply code of a result; -1 before operations, where nobody looks at it. */
  readonly error: number;
}

/** @throws {ZkError} `MarshallingError` when it ends early. */
export function readMultiHeader(reader: JuteReader): MultiHeader {
  const type = reader.int();
  const done = reader.boolean();
  return { type, done, error: reader.int() };
}

/** Appends the 9 bytes of `header`. */
export function writeMultiHeader(writer: JuteWriter, header: MultiHeader): void {
  writer.int(header.type);
  writer.boolean(header.done);
  writer.int(header.error);
}

/** Appends the header that ends the operations or results of a multi. */
export function writeMultiEnd(writer: JuteWriter): void {
  writeMultiHeader(writer, MULTI_END);
}

const MULTI_END: MultiHeader = { type: -1, done: true, error: -1 };
