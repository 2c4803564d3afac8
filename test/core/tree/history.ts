import { Applier, type ApplyListener } from "../../../core/tree/apply.ts";
import { Tree } from "../../../core/tree/tree.ts";
import {
  type CreateTxn,
  type SetDataTxn,
  type TxnBody,
  TxnHeader,
  writeTxnDigest,
} from "../../../core/tree/txn.ts";
import { JuteWriter } from "../../../core/wire/jute.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { OPEN_ACL } from "../../../core/wire/records.ts";
import { writeTxnBody, writeTxnHeader } from "./write_txn.ts";

/** Writes down what a listener is told. */
export class Recorder implements ApplyListener {
  readonly lines: string[] = [];
  created: ApplyListener["created"] = (_node, path) => this.lines.push(`created ${path.text()}`);
  deleted: ApplyListener["deleted"] = (path) => this.lines.push(`deleted ${path.text()}`);
  dataSet: ApplyListener["dataSet"] = (_node, path) => this.lines.push(`dataSet ${path.text()}`);
  aclSet: ApplyListener["aclSet"] = (_node, path) => this.lines.push(`aclSet ${path.text()}`);
  checked: ApplyListener["checked"] = () => this.lines.push("checked");
  failed: ApplyListener["failed"] = (code) => this.lines.push(`failed ${code}`);
  multiStarted: ApplyListener["multiStarted"] = (count) => this.lines.push(`multi ${count}`);
  multiEnded: ApplyListener["multiEnded"] = () => this.lines.push("multi end");
  sessionCreated: ApplyListener["sessionCreated"] = (ms) => this.lines.push(`session ${ms}`);
  sessionClosed: ApplyListener["sessionClosed"] = () => this.lines.push("session closed");

  /** What came since the last call. */
  take(): string[] {
    return this.lines.splice(0);
  }
}

/** What a transaction says beside its body; zxid and time move on by themselves. */
export interface Origin {
  readonly session?: number;
  readonly zxid?: number;
  readonly timeMs?: number;
}

/** A tree and the transactions that are applied to it. */
export class History {
  readonly tree: Tree;
  readonly told: Recorder = new Recorder();
  readonly applier: Applier;
  zxid = 0x1_0000_0000;
  timeMs = 1_795_307_953_313;

  constructor(tree: Tree = new Tree({ hashSeed: 7, extendedTypes: true })) {
    this.tree = tree;
    this.applier = new Applier(tree, this.told);
  }

  /** Applies one transaction and returns its bytes. */
  apply(body: TxnBody, origin: Origin = {}): Uint8Array {
    this.zxid = origin.zxid ?? this.zxid + 1;
    this.timeMs = origin.timeMs ?? this.timeMs + 10;
    const bytes = encodeTxn(this.#prepare(body), {
      ...origin,
      zxid: this.zxid,
      timeMs: this.timeMs,
    });
    this.applier.apply(bytes, 0, bytes.length);
    return bytes;
  }

  /** Fills in the parents' cversions as a leader does. */
  #prepare(body: TxnBody): TxnBody {
    const cversions = new Map<string, number>();
    const fill = <T extends TxnBody>(txn: T): T => {
      if (!("parentCversion" in txn) || txn.parentCversion !== BY_PARENT) return txn;
      const parent = txn.path.slice(0, txn.path.lastIndexOf("/"));
      const node = this.tree.findPath(parent);
      const former = cversions.get(parent) ?? (node === -1 ? 0 : this.tree.cversion(node));
      cversions.set(parent, former + 1);
      return { ...txn, parentCversion: former + 1 };
    };
    return body.type === OPCODES.multi ? { ...body, txns: body.txns.map(fill) } : fill(body);
  }

  node(path: string): number {
    return this.tree.findPath(path);
  }

  /** Every node with all that is known of it, by path. */
  dump(): Map<string, unknown> {
    return dumpTree(this.tree);
  }
}

/** Every node with all that is known of it, by path; equal for equal trees. */
export function dumpTree(tree: Tree): Map<string, unknown> {
  const nodes = new Map<string, unknown>();
  for (let n = 0; n !== -1; n = tree.nextBelow(n, 0)) {
    const acls = tree.acls(tree.aclId(n));
    nodes.set(tree.pathOf(n), { ...tree.stat(n), data: tree.data(n), acls, kind: tree.kind(n) });
  }
  return new Map([...nodes].sort());
}

export function encodeTxn(body: TxnBody, origin: Origin = {}): Uint8Array {
  const header = new TxnHeader();
  header.sessionLow = origin.session ?? 0;
  header.sessionHigh = origin.session === undefined ? 0 : 0x0100_0000;
  header.zxid = origin.zxid ?? 0;
  header.timeMs = origin.timeMs ?? 0;
  header.type = body.type;
  const writer = new JuteWriter();
  writeTxnHeader(writer, header);
  writeTxnBody(writer, body);
  return writer.copy();
}

/** Appends a digest to a transaction. */
export function withDigest(txn: Uint8Array, high: number, low: number): Uint8Array {
  const writer = new JuteWriter();
  writer.raw(txn);
  writeTxnDigest(writer, high, low);
  return writer.copy();
}

/** Stands for the cversion that follows the parent's. */
export const BY_PARENT = -2;

/** A persistent create unless `more` says otherwise. */
export function create(path: string, more: Partial<CreateTxn> = {}): CreateTxn {
  const data = text("");
  const plain = { data, acls: OPEN_ACL, ephemeral: false, parentCversion: BY_PARENT, ttlMs: 0 };
  return { type: OPCODES.create, path, ...plain, ...more };
}

export function remove(path: string): TxnBody & { type: 2 } {
  return { type: OPCODES.delete, path };
}

export function setData(path: string, data: Uint8Array | null, version: number): SetDataTxn {
  return { type: OPCODES.setData, path, data, version };
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function fromHex(digits: string): Uint8Array {
  const pairs = digits.replace(/\s/g, "").match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}

/** CRC32 one bit at a time, to check the fast one against. */
export function slowCrc(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** The tree digest computed from what the tree's readers say, as PP 1.5 words it. */
export function digestFromScratch(tree: Tree): bigint {
  let sum = 0n;
  for (let n = 0; n !== -1; n = tree.nextBelow(n, 0)) {
    const path = tree.pathOf(n);
    if (path.startsWith("/zookeeper/")) continue;
    const writer = new JuteWriter();
    writer.raw(text(path === "/" ? "" : path));
    writer.raw(tree.data(n) ?? text(""));
    for (const at of [tree.czxid(n), tree.mzxid(n), tree.pzxid(n)]) writer.long(at);
    writer.long(tree.ctime(n));
    writer.long(tree.mtime(n));
    for (const at of [tree.version(n), tree.cversion(n), tree.aversion(n)]) writer.int(at);
    writer.int(tree.ownerHigh(n));
    writer.int(tree.ownerLow(n));
    sum += BigInt(slowCrc(writer.view()));
  }
  return BigInt.asIntN(64, sum);
}

/** The digest that the tree keeps. */
export function digestOf(tree: Tree): bigint {
  return BigInt.asIntN(64, (BigInt(tree.digestHigh) << 32n) | BigInt(tree.digestLow >>> 0));
}

/** For `assert.throws`: the error has this kind. */
export function refusal(kind: string): (error: { kind?: string }) => boolean {
  return (error) => error.kind === kind;
}
