import { JuteReader, JuteWriter } from "../../../core/wire/jute.ts";
import { OPCODES, XIDS } from "../../../core/wire/opcodes.ts";
import {
  type Acl,
  OPEN_ACL,
  writeAcls,
  writeMultiEnd,
  writeMultiHeader,
} from "../../../core/wire/records.ts";

const UTF8 = new TextEncoder();

/** A frame: length, xid, type, and what `body` writes. */
export function frame(
  xid: number,
  type: number,
  body: (writer: JuteWriter) => void = () => {},
): Uint8Array {
  const writer = new JuteWriter();
  writer.int(0);
  writer.int(xid);
  writer.int(type);
  body(writer);
  writer.intAt(0, writer.length - 4);
  return writer.copy();
}

/** What a create asks for besides its path. */
export interface CreateWishes {
  readonly data?: string;
  /** 0 persistent, 1 ephemeral, 2 sequential, 3 both, 4 container, 5 and 6 with a time to live. */
  readonly flags?: number;
  /** The opcode; create unless given. */
  readonly type?: number;
  readonly ttlMs?: number;
  readonly acl?: readonly Acl[];
}

export function create(xid: number, path: string, wishes: CreateWishes = {}): Uint8Array {
  return frame(xid, wishes.type ?? OPCODES.create, (writer) => createBody(writer, path, wishes));
}

export function createBody(writer: JuteWriter, path: string, wishes: CreateWishes = {}): void {
  const { data = "", flags = 0, ttlMs, acl = OPEN_ACL } = wishes;
  writer.string(path);
  writer.buffer(UTF8.encode(data));
  writeAcls(writer, acl);
  writer.int(flags);
  if (ttlMs !== undefined) writer.long(ttlMs);
}

export function remove(xid: number, path: string, version = -1): Uint8Array {
  return frame(xid, OPCODES.delete, (writer) => {
    writer.string(path);
    writer.int(version);
  });
}

export function setData(xid: number, path: string, data: string, version = -1): Uint8Array {
  return frame(xid, OPCODES.setData, (writer) => setDataBody(writer, path, data, version));
}

export function setDataBody(writer: JuteWriter, path: string, data: string, version = -1): void {
  writer.string(path);
  writer.buffer(UTF8.encode(data));
  writer.int(version);
}

/** exists, getChildren and getChildren2 have the body of getData. */
export function read(xid: number, type: number, path: string, watch = false): Uint8Array {
  return frame(xid, type, (writer) => {
    writer.string(path);
    writer.boolean(watch);
  });
}

export function getData(xid: number, path: string, watch = false): Uint8Array {
  return read(xid, OPCODES.getData, path, watch);
}

export function exists(xid: number, path: string, watch = false): Uint8Array {
  return read(xid, OPCODES.exists, path, watch);
}

export function ping(): Uint8Array {
  return frame(XIDS.ping, OPCODES.ping);
}

export function sync(xid: number): Uint8Array {
  return frame(xid, OPCODES.sync, (writer) => writer.string("/"));
}

export function auth(scheme: string, data: string): Uint8Array {
  return frame(XIDS.auth, OPCODES.auth, (writer) => {
    writer.int(0);
    writer.string(scheme);
    writer.buffer(UTF8.encode(data));
  });
}

export function close(xid: number): Uint8Array {
  return frame(xid, OPCODES.closeSession);
}

/** A multi of operations, each its opcode and what writes its body. */
export function multi(
  xid: number,
  ...operations: readonly (readonly [type: number, body: (writer: JuteWriter) => void])[]
): Uint8Array {
  return frame(xid, OPCODES.multi, (writer) => {
    for (const [type, body] of operations) {
      writeMultiHeader(writer, { type, done: false, error: -1 });
      body(writer);
    }
    writeMultiEnd(writer);
  });
}

/** addWatch: 0 is persistent, 1 recursive too. */
export function addWatch(xid: number, path: string, mode: 0 | 1): Uint8Array {
  return frame(xid, OPCODES.addWatch, (writer) => {
    writer.string(path);
    writer.int(mode);
  });
}

/** setWatches with data, exist and child paths. */
export function setWatches(
  since: number,
  paths: { readonly data?: string[]; readonly exist?: string[]; readonly child?: string[] },
): Uint8Array {
  return frame(XIDS.setWatches, OPCODES.setWatches, (writer) => {
    writer.long(since);
    writer.strings(paths.data ?? []);
    writer.strings(paths.exist ?? []);
    writer.strings(paths.child ?? []);
  });
}

/** The data at the beginning of getData's reply. */
export function dataOf(reply: { readonly error: number; readonly body: Uint8Array }): string {
  if (reply.error !== 0) return `error ${reply.error}`;
  return new TextDecoder().decode(new JuteReader(reply.body).buffer() ?? new Uint8Array(0));
}
