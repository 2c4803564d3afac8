import { crc32 } from "node:zlib";
import { FrameReader, FrameWriter } from "./wire.ts";

/**
 * The rule of the tree digest (peer reference section 1.5), written a second time: transactions
 * are applied to plain records, and each digest that a server put behind one is compared with
 * what the records give. It shares no code with the servers.
 */
export type DigestReport = {
  /** Transactions read, and how many of them carried a digest. */
  txnCount: number;
  digestCount: number;
  /** Lines that the word `hash` answered; each was looked for in the log. */
  hashLineCount: number;
  lastZxid: bigint;
  /** The digest by the rule after each transaction whose zxid is a multiple of 128. */
  readonly noted: Map<bigint, bigint>;
  /** Transactions that announced another digest than the one by the rule. */
  readonly mismatches: string[];
};

const NOTED_EVERY = 128n;
const DIGEST_BYTES = 12;
const CONTAINER_OWNER = -(2n ** 63n);
const TTL_OWNER = -(2n ** 56n);
const TYPES = {
  error: -1,
  createSession: -10,
  closeSession: -11,
  create: 1,
  delete: 2,
  setData: 5,
  setAcl: 7,
  check: 13,
  multi: 14,
  create2: 15,
  createContainer: 19,
  deleteContainer: 20,
  createTtl: 21,
} as const;

type NodeRecord = {
  data: Uint8Array | null;
  owner: bigint;
  readonly czxid: bigint;
  readonly ctime: bigint;
  mzxid: bigint;
  pzxid: bigint;
  mtime: bigint;
  version: number;
  cversion: number;
  aversion: number;
};
type Header = { readonly session: bigint; readonly zxid: bigint; readonly time: bigint };

/** The tree of one server, from its transactions. */
export class DigestedTree {
  readonly report: DigestReport = {
    txnCount: 0,
    digestCount: 0,
    hashLineCount: 0,
    lastZxid: 0n,
    noted: new Map(),
    mismatches: [],
  };
  readonly #nodes = new Map<string, NodeRecord>();
  #digest = 0n;

  constructor() {
    const header = { session: 0n, zxid: 0n, time: 0n };
    for (const path of ["", "/zookeeper"]) this.#put(path, newNode(header, new Uint8Array(0), 0n));
    // The parents count the children that a fresh tree has.
    for (const path of ["/zookeeper/quota", "/zookeeper/config"]) {
      this.#put(path, newNode(header, new Uint8Array(0), 0n));
    }
  }

  /** Applies header, body and digest as they stand in a log. */
  apply(bytes: Uint8Array): void {
    const reader = new FrameReader(bytes);
    const session = reader.long();
    reader.int();
    const header = { session, zxid: reader.long(), time: reader.long() };
    const type = reader.int();
    this.#apply(header, type, reader);
    this.report.txnCount += 1;
    this.report.lastZxid = header.zxid;
    const digest = BigInt.asIntN(64, this.#digest);
    if (header.zxid % NOTED_EVERY === 0n) this.report.noted.set(header.zxid, digest);
    if (reader.left() < DIGEST_BYTES) return;
    reader.int();
    const told = reader.long();
    this.report.digestCount += 1;
    if (told === digest) return;
    const zxid = `0x${header.zxid.toString(16)}`;
    this.report.mismatches.push(`${zxid}, type ${type}: told ${told}, is ${digest}`);
  }

  #apply(header: Header, type: number, reader: FrameReader): void {
    switch (type) {
      case TYPES.create:
      case TYPES.create2:
      case TYPES.createContainer:
      case TYPES.createTtl:
        return this.#create(header, type, reader);
      case TYPES.delete:
      case TYPES.deleteContainer:
        return this.#delete(header, reader.text() ?? "");
      case TYPES.setData: {
        const [path, data, version] = [reader.text() ?? "", reader.buffer(), reader.int()];
        const { zxid: mzxid, time: mtime } = header;
        return this.#change(path, (node) => Object.assign(node, { data, version, mzxid, mtime }));
      }
      case TYPES.setAcl: {
        const path = reader.text() ?? "";
        skipAcl(reader);
        const aversion = reader.int();
        return this.#change(path, (node) => Object.assign(node, { aversion }));
      }
      case TYPES.closeSession:
        for (const path of reader.list(() => reader.text()) ?? []) this.#delete(header, path ?? "");
        return;
      case TYPES.multi:
        return this.#multi(header, reader);
      case TYPES.check:
        reader.text();
        reader.int();
        return;
      case TYPES.createSession:
      case TYPES.error:
        reader.int();
        return;
      default:
        throw new Error(`a transaction of type ${type}`);
    }
  }

  #multi(header: Header, reader: FrameReader): void {
    const parts = reader.list(() => ({ type: reader.int(), body: reader.buffer() })) ?? [];
    if (parts.some(({ type }) => type === TYPES.error)) return;
    for (const { type, body } of parts) {
      this.#apply(header, type, new FrameReader(body ?? new Uint8Array(0)));
    }
  }

  #create(header: Header, type: number, reader: FrameReader): void {
    const [path, data] = [reader.text() ?? "", reader.buffer()];
    skipAcl(reader);
    const plain = type === TYPES.create || type === TYPES.create2;
    const isEphemeral = plain && reader.bool();
    const cversion = reader.int();
    let owner = isEphemeral ? header.session : 0n;
    if (type === TYPES.createContainer) owner = CONTAINER_OWNER;
    if (type === TYPES.createTtl) owner = TTL_OWNER | reader.long();
    this.#put(path, newNode(header, data, owner));
    this.#change(parentOf(path), (parent) => {
      if (cversion > parent.cversion) Object.assign(parent, { cversion, pzxid: header.zxid });
    });
  }

  #delete(header: Header, path: string): void {
    const node = this.#nodes.get(path);
    if (node === undefined) return;
    this.#add(-digestOf(path, node));
    this.#nodes.delete(path);
    this.#change(parentOf(path), (parent) => Object.assign(parent, { pzxid: header.zxid }));
  }

  #put(path: string, node: NodeRecord): void {
    this.#nodes.set(path, node);
    this.#add(digestOf(path, node));
  }

  #change(path: string, change: (node: NodeRecord) => void): void {
    const node = this.#nodes.get(path === "/" ? "" : path);
    if (node === undefined) return;
    this.#add(-digestOf(path, node));
    change(node);
    this.#add(digestOf(path, node));
  }

  #add(digest: bigint): void {
    this.#digest = BigInt.asUintN(64, this.#digest + digest);
  }
}

function newNode({ zxid, time }: Header, data: Uint8Array | null, owner: bigint): NodeRecord {
  const zxids = { czxid: zxid, mzxid: zxid, pzxid: zxid };
  const counters = { version: 0, cversion: 0, aversion: 0 };
  return { data, owner, ...zxids, ctime: time, mtime: time, ...counters };
}

/** The parent's path; the root is the empty text. */
function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function skipAcl(reader: FrameReader): void {
  reader.list(() => [reader.int(), reader.text(), reader.text()]);
}

function digestOf(path: string, node: NodeRecord): bigint {
  if (path.startsWith("/zookeeper/")) return 0n;
  const name = new TextEncoder().encode(path === "/" ? "" : path);
  const stat = new FrameWriter();
  for (const field of [node.czxid, node.mzxid, node.pzxid, node.ctime, node.mtime]) {
    stat.long(field);
  }
  stat.int(node.version).int(node.cversion).int(node.aversion).long(node.owner);
  const before = node.data === null ? crc32(name) : crc32(node.data, crc32(name));
  return BigInt(crc32(stat.body(), before));
}
