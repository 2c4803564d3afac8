import { ZkError } from "../core/errors/zk_error.ts";
import type { JuteReader, JuteWriter } from "../core/wire/jute.ts";
import { OPCODES } from "../core/wire/opcodes.ts";
import { type Acl, OPEN_ACL, readStat, type Stat, writeAcls } from "../core/wire/records.ts";
import type { Zxid } from "../core/wire/zxid.ts";
import { authBytes } from "./identities.ts";

/** What kind of znode to create (`CreateMode` in Apache ZooKeeper). */
export type CreateMode =
  | "persistent"
  | "ephemeral"
  | "persistent-sequential"
  | "ephemeral-sequential"
  /** Removed by the server some time after its last child has gone. */
  | "container"
  /** Removed by the server when it has no children and was not set for `ttlMs`. */
  | "ttl"
  | "ttl-sequential";

/** A znode's data as one read gave it. */
export interface DataResult {
  /** Null when the znode was created without data. */
  readonly data: Uint8Array | null;
  readonly stat: Stat;
  /** The state of the server that was read: its last transaction. */
  readonly zxid: Zxid;
}

/** A znode's children as one read gave them. */
export interface ChildrenResult {
  /** Names, in no order. */
  readonly children: readonly string[];
  readonly stat: Stat;
  readonly zxid: Zxid;
}

/** Flags on the wire. */
const FLAGS: Readonly<Record<CreateMode, number>> = {
  persistent: 0,
  ephemeral: 1,
  "persistent-sequential": 2,
  "ephemeral-sequential": 3,
  container: 4,
  ttl: 5,
  "ttl-sequential": 6,
};

/** Data as callers give it: text is written as UTF-8, null is a znode without data. */
export type Data = string | Uint8Array | null;

/** How a znode is created. */
export interface CreateSettings {
  /** Default `persistent`. */
  readonly mode?: CreateMode;
  /** Default: anyone may do anything. */
  readonly acl?: readonly Acl[];
  /** 1 to 2^40 - 1, for the two `ttl` modes, which need it. */
  readonly ttlMs?: number;
}

/** Whether the server adds a number to the name. */
export function isSequential(mode: CreateMode | undefined): boolean {
  return mode?.endsWith("sequential") === true;
}

/** The request type for a mode; it decides what the server makes (CP 3.2). */
export function createOpcode(mode: CreateMode | undefined): number {
  if (mode === "container") return OPCODES.createContainer;
  return mode === "ttl" || mode === "ttl-sequential" ? OPCODES.createTtl : OPCODES.create2;
}

/** @throws {ZkError} `BadArguments` for a mode that is unknown or does not go with `ttlMs`. */
export function checkCreate(path: string, { mode, ttlMs }: CreateSettings): void {
  const isKnown = mode === undefined || Object.hasOwn(FLAGS, mode);
  const needsTtl = createOpcode(mode) === OPCODES.createTtl;
  const isTtlGood = ttlMs !== undefined && Number.isSafeInteger(ttlMs) && ttlMs > 0;
  if (!isKnown || (needsTtl ? !isTtlGood : ttlMs !== undefined)) {
    throw new ZkError("BadArguments", path);
  }
}

/** Writes data as a buffer. */
export function writeData(writer: JuteWriter, data: Data): void {
  writer.buffer(data === null ? null : authBytes(data));
}

/** Writes the body of every create request. */
export function writeCreate(
  writer: JuteWriter,
  path: string,
  { data, mode, acl, ttlMs }: CreateSettings & { readonly data: Data },
): void {
  writer.string(path);
  writeData(writer, data);
  writeAcls(writer, acl ?? OPEN_ACL);
  writer.int(FLAGS[mode ?? "persistent"]);
  if (ttlMs !== undefined) writer.long(ttlMs);
}

/** Data of a reply, copied. */
export function readData(reader: JuteReader): Uint8Array | null {
  const view = reader.buffer();
  return view === null ? null : new Uint8Array(view);
}

/** A Stat that is the first of the body. */
export function decodeStat(reader: JuteReader): Stat {
  return readStat(reader);
}

/** The names of a vector; a null one reads as empty. */
export function readNames(reader: JuteReader): string[] {
  return reader.strings() ?? [];
}

/** The body of getData's reply. */
export function decodeData(reader: JuteReader, zxid: Zxid): DataResult {
  return { data: readData(reader), stat: readStat(reader), zxid };
}

/** The body of getChildren2's reply. */
export function decodeChildren(reader: JuteReader, zxid: Zxid): ChildrenResult {
  return { children: readNames(reader), stat: readStat(reader), zxid };
}
