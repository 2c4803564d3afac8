/**
 * Transactions as Apache ZooKeeper writes them (PP 2): TxnHeader, body, TxnDigest. Here they are
 * read as values. Preparing writes them straight from the bytes of the request, and uses of this
 * file what frames the operations of a multi, and the digest.
 */
import { ZkError } from "../errors/zk_error.ts";
import { getInt, JuteReader, type JuteWriter } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import { type Acl, readAcls } from "../wire/records.ts";
import { type Zxid, zxidFromHalves } from "../wire/zxid.ts";
import { DIGEST_VERSION } from "./digest.ts";

/** Size of an encoded {@link TxnHeader}. */
export const TXN_HEADER_BYTES = 32;

/** Size of the digest trailer. */
export const TXN_DIGEST_BYTES = 12;

/** What comes before every transaction. Mutable, so that one object serves every transaction. */
export class TxnHeader {
  sessionHigh = 0;
  sessionLow = 0;
  cxid = 0;
  zxid: Zxid = 0;
  /** Clock of the leader, ms since 1970. */
  timeMs = 0;
  /** One of `OPCODES`. */
  type = 0;
}

/**
 * Reads the header of the transaction in `bytes[start..]` into `header`.
 *
 * @throws {ZkError} `MarshallingError` when there are fewer than {@link TXN_HEADER_BYTES}.
 */
export function readTxnHeader(header: TxnHeader, bytes: Uint8Array, start: number): void {
  if (start + TXN_HEADER_BYTES > bytes.length) throw new ZkError("MarshallingError");
  header.sessionHigh = getInt(bytes, start);
  header.sessionLow = getInt(bytes, start + 4);
  header.cxid = getInt(bytes, start + 8);
  header.zxid = zxidFromHalves(getInt(bytes, start + 12), getInt(bytes, start + 16));
  header.timeMs = zxidFromHalves(getInt(bytes, start + 20), getInt(bytes, start + 24));
  header.type = getInt(bytes, start + 28);
}

/** Body of create, create2, createContainer and createTtl; the type decides which fields count. */
export interface CreateTxn {
  readonly type:
    | typeof OPCODES.create
    | typeof OPCODES.create2
    | typeof OPCODES.createContainer
    | typeof OPCODES.createTtl;
  /** Final path, sequence number included. */
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly acls: readonly Acl[];
  /** Only for create and create2. */
  readonly ephemeral: boolean;
  /** Stored cversion of the parent after this create. */
  readonly parentCversion: number;
  /** Only for createTtl: 1 to 2^40 - 1. */
  readonly ttlMs: number;
}

/** Body of delete and deleteContainer. */
export interface DeleteTxn {
  readonly type: typeof OPCODES.delete | typeof OPCODES.deleteContainer;
  readonly path: string;
}

/** Also the body of a reconfig, whose path is `/zookeeper/config` and whose version is -1. */
export interface SetDataTxn {
  readonly type: typeof OPCODES.setData | typeof OPCODES.reconfig;
  readonly path: string;
  readonly data: Uint8Array | null;
  /** The version after it. */
  readonly version: number;
}

/** Body of setACL. */
export interface SetAclTxn {
  readonly type: typeof OPCODES.setAcl;
  readonly path: string;
  readonly acls: readonly Acl[];
  /** The aversion after it. */
  readonly version: number;
}

/** Only inside a multi: on its own it kills Java ensembles. */
export interface CheckTxn {
  readonly type: typeof OPCODES.check;
  readonly path: string;
  /** The version found, plus 1. */
  readonly version: number;
}

/** A request that was refused; it takes a zxid, so that order is kept, and changes nothing. */
export interface ErrorTxn {
  readonly type: typeof OPCODES.error;
  /** A reply code; 0 and oddly sized bodies occur inside failed multis only. */
  readonly code: number;
}

/** Body of createSession; the id is in the header. */
export interface CreateSessionTxn {
  readonly type: typeof OPCODES.createSession;
  readonly timeoutMs: number;
}

/** Body of closeSession; the id is in the header. */
export interface CloseSessionTxn {
  readonly type: typeof OPCODES.closeSession;
  /** The session's ephemerals; null in logs of old servers. */
  readonly paths: readonly string[] | null;
}

/** What may stand inside a multi. */
export type SubTxn = CreateTxn | DeleteTxn | SetDataTxn | CheckTxn | ErrorTxn;

/** Body of multi: all of it or, when one of them is an error, nothing. */
export interface MultiTxn {
  readonly type: typeof OPCODES.multi;
  readonly txns: readonly SubTxn[];
}

/** Any transaction body. */
export type TxnBody = SubTxn | SetAclTxn | CreateSessionTxn | CloseSessionTxn | MultiTxn;

/**
 * Starts an operation of a multi, whose count was written with `writer.int(count)` before the
 * first.
 *
 * @returns what {@link endSubTxn} wants once the body is written.
 */
export function beginSubTxn(writer: JuteWriter, type: number): number {
  writer.int(type);
  writer.int(0);
  return writer.length - 4;
}

/** Ends an operation of a multi: fills in the length of what was written since `lengthAt`. */
export function endSubTxn(writer: JuteWriter, lengthAt: number): void {
  writer.intAt(lengthAt, writer.length - lengthAt - 4);
}

/** Appends the digest of the tree after the transaction, in int32 halves. */
export function writeTxnDigest(writer: JuteWriter, high: number, low: number): void {
  writer.int(DIGEST_VERSION);
  writer.int(high);
  writer.int(low);
}

/** A whole transaction as values: for streams, tools and tests; apply reads the bytes instead. */
export interface Txn {
  readonly header: TxnHeader;
  readonly body: TxnBody;
  /** Tree digest after it, as int32 halves; undefined when the leader wrote none. */
  readonly digest: { readonly high: number; readonly low: number } | undefined;
}

/**
 * Decodes `bytes[start..end)`. Data is a view of `bytes`.
 *
 * @throws {ZkError} `MarshallingError` for bytes that are not a transaction; `Unimplemented` for a
 * type that no server writes.
 */
export function readTxn(bytes: Uint8Array, start: number, end: number): Txn {
  if (end - start < TXN_HEADER_BYTES) throw new ZkError("MarshallingError");
  const header = new TxnHeader();
  readTxnHeader(header, bytes, start);
  const reader = new JuteReader(bytes, start + TXN_HEADER_BYTES, end);
  const body = readTxnBody(reader, header.type);
  if (reader.remaining < TXN_DIGEST_BYTES) return { header, body, digest: undefined };
  reader.int();
  const high = reader.int();
  return { header, body, digest: { high, low: reader.int() } };
}

function readTxnBody(reader: JuteReader, type: number): TxnBody {
  switch (type) {
    case OPCODES.setAcl:
      return { type, path: reader.text(), acls: readAcls(reader) ?? [], version: reader.int() };
    case OPCODES.createSession:
      return { type, timeoutMs: reader.int() };
    case OPCODES.closeSession:
      return { type, paths: reader.remaining > 0 ? reader.strings() : null };
    case OPCODES.multi: {
      const txns: SubTxn[] = [];
      const count = reader.count() ?? 0;
      for (let i = 0; i < count; i++) {
        const subType = reader.int();
        const sub = reader.buffer();
        txns.push(readSubTxn(new JuteReader(sub ?? new Uint8Array(0)), subType));
      }
      return { type, txns };
    }
    default:
      return readSubTxn(reader, type);
  }
}

function readSubTxn(reader: JuteReader, type: number): SubTxn {
  switch (type) {
    case OPCODES.create:
    case OPCODES.create2:
    case OPCODES.createContainer:
    case OPCODES.createTtl:
      return readCreate(reader, type);
    case OPCODES.delete:
    case OPCODES.deleteContainer:
      return { type, path: reader.text() };
    case OPCODES.setData:
    case OPCODES.reconfig:
      return { type, path: reader.text(), data: reader.buffer(), version: reader.int() };
    case OPCODES.check:
      return { type, path: reader.text(), version: reader.int() };
    case OPCODES.error:
      return { type, code: reader.int() };
    default:
      throw new ZkError("Unimplemented", `transaction type ${type}`);
  }
}

function readCreate(reader: JuteReader, type: CreateTxn["type"]): CreateTxn {
  const path = reader.text();
  const data = reader.buffer();
  const acls = readAcls(reader) ?? [];
  const plain = type === OPCODES.create || type === OPCODES.create2;
  const ephemeral = plain && reader.boolean();
  // Servers before 3.4 wrote creates without the parent's cversion.
  const parentCversion = type === OPCODES.create && reader.remaining === 0 ? -1 : reader.int();
  const ttlMs = type === OPCODES.createTtl ? reader.long() : 0;
  return { type, path, data, acls, ephemeral, parentCversion, ttlMs };
}
