import { ACLS } from "./acls.ts";
import type { CreateOp, DataText, Op, PathText, SetWatchesOp } from "./program.ts";
import { FrameWriter, fromHex } from "./wire.ts";

/** Request types by name (reference section 3.0). */
export const REQUEST_TYPES: Readonly<Record<string, number>> = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getACL: 6,
  setACL: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  createTTL: 21,
  multiRead: 22,
  closeSession: -11,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
};

const HEADER_BYTES = 8;

/** What an operation's bytes depend on besides itself. */
export type EncodeContext = {
  /** The program's root, as `/d7`. */
  readonly root: string;
  /** The zxid at the program's start, and the last one seen. */
  readonly baseZxid: bigint;
  readonly lastZxid: bigint;
};

export function resolvePath(path: PathText, root: string): PathText {
  if (path === null) return null;
  if (path.startsWith("@")) return root + path.slice(1);
  return path.startsWith("~") ? `/zookeeper/quota${root}${path.slice(1)}` : path;
}

/** The whole frame of `op`. */
export function encodeOp(op: Op, xid: number, context: EncodeContext): Uint8Array {
  if (op.op === "raw") return fromHex(op.bytes);
  const writer = new FrameWriter().int(xid);
  if (op.op === "unknown") return writer.int(op.type).frame();
  const plain = op.op === "garbled" ? op.of : op;
  writer.int(REQUEST_TYPES[plain.op] ?? 0);
  const bytes = bodyOf(plain, context);
  if (op.op !== "garbled") return writer.raw(bytes).frame();
  const kept = bytes.subarray(0, Math.max(0, bytes.length - op.cut));
  return writer.raw(kept).raw(fromHex(op.tail)).frame();
}

function bodyOf(op: Op, context: EncodeContext): Uint8Array {
  const write = (data: DataText): Uint8Array => {
    const body = new FrameWriter();
    writeBody(body, "data" in op ? { ...op, data } : op, context);
    return body.body();
  };
  const data = "data" in op ? op.data : null;
  if (data === null || !data.startsWith("#")) return write(data);
  const rest = HEADER_BYTES + write("").length;
  return write("x".repeat(Number(data.slice(1)) - rest));
}

function writeBody(writer: FrameWriter, op: Op, context: EncodeContext): void {
  const path = "path" in op ? resolvePath(op.path, context.root) : null;
  switch (op.op) {
    case "create":
    case "create2":
    case "createContainer":
    case "createTTL":
      writeCreate(writer.text(path), op);
      return;
    case "delete":
    case "check":
      writer.text(path).int(op.version);
      return;
    case "setData":
      writer.text(path).text(op.data).int(op.version);
      return;
    case "setACL":
      writeAcl(writer.text(path), op.acl);
      writer.int(op.version);
      return;
    case "exists":
    case "getData":
    case "getChildren":
    case "getChildren2":
      writer.text(path).bool(op.watch);
      return;
    case "getACL":
    case "sync":
    case "getEphemerals":
    case "getAllChildrenNumber":
      writer.text(path);
      return;
    case "addWatch":
    case "checkWatches":
    case "removeWatches":
      writer.text(path).int(op.mode);
      return;
    case "setWatches":
    case "setWatches2":
      writeSetWatches(writer, op, context);
      return;
    case "multi":
    case "multiRead":
      for (const part of op.ops) {
        writer
          .int(REQUEST_TYPES[part.op] ?? 0)
          .bool(false)
          .int(-1);
        writeBody(writer, part, context);
      }
      writer.int(-1).bool(true).int(-1);
      return;
    case "auth":
      writer.int(0).text(op.scheme).text(op.auth);
      return;
    case "sasl":
      writer.text(op.token ?? "");
      return;
    case "reconfig":
      writer.text(null).text("2").text(null).long(-1n);
      return;
    default:
      return; // ping, whoAmI, closeSession: no body.
  }
}

function writeCreate(writer: FrameWriter, op: CreateOp): void {
  writer.text(op.data);
  writeAcl(writer, op.acl);
  writer.int(op.flags);
  if (op.op === "createTTL") writer.long(BigInt(op.ttl ?? -1));
}

function writeAcl(writer: FrameWriter, name: string): void {
  const acl = ACLS[name];
  if (acl === undefined) throw new Error(`no access control list is called ${name}`);
  if (acl === null) {
    writer.int(-1);
    return;
  }
  writer.int(acl.length);
  for (const entry of acl) writer.int(entry.perms).text(entry.scheme).text(entry.id);
}

function writeSetWatches(writer: FrameWriter, op: SetWatchesOp, context: EncodeContext): void {
  const since = {
    zero: 0n,
    base: context.baseZxid,
    now: context.lastZxid,
    future: 0x7fffffffffffffffn,
    negative: -5n,
  };
  writer.long(since[op.since]);
  for (const list of op.lists) {
    writer.texts(list?.map((path) => resolvePath(path, context.root)) ?? null);
  }
}
