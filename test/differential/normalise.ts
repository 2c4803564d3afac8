import { createHash } from "node:crypto";
import { withoutChance } from "./sasl_token.ts";
import type { Json, JsonObject } from "./transcript.ts";
import { type FrameReader, hex } from "./wire.ts";

/**
 * Turns what differs between any two runs into what must not: zxids into distances from the
 * program's start, session ids into labels, times into relations, unordered lists into sorted
 * ones, the program's root into `@`.
 */
export class Normaliser {
  readonly root: string;
  readonly baseZxid: bigint;
  readonly #ordered: boolean;
  readonly #labels = new Map<bigint, string>();
  /** Time of each transaction seen, to notice one that is told with two times. */
  readonly #times = new Map<bigint, bigint>();

  /** `ordered`: whether the zxids of two runs can be the same. */
  constructor(root: string, baseZxid: bigint, ordered = true) {
    this.root = root;
    this.baseZxid = baseZxid;
    this.#ordered = ordered;
  }

  /** The label of a session, made on first use: sessions are numbered as they are opened. */
  label(sessionId: bigint): string {
    if (sessionId === 0n) return "none";
    const known = this.#labels.get(sessionId);
    if (known !== undefined) return known;
    const made = `session-${this.#labels.size}`;
    this.#labels.set(sessionId, made);
    return made;
  }

  zxid(zxid: bigint): string {
    if (zxid <= 0n) return String(zxid);
    if (!this.#ordered) return "some";
    return zxid <= this.baseZxid ? "old" : `+${zxid - this.baseZxid}`;
  }

  path(path: string | null): string | null {
    if (path === null) return null;
    if (path.startsWith("/zookeeper/quota")) return path.replace(this.root, "~");
    return path.startsWith(this.root) ? `@${path.slice(this.root.length)}` : path;
  }

  stat(reader: FrameReader): JsonObject {
    const [czxid, mzxid, ctime, mtime] = [
      reader.long(),
      reader.long(),
      reader.long(),
      reader.long(),
    ];
    const counters = { version: reader.int(), cversion: reader.int(), aversion: reader.int() };
    const owner = reader.long();
    const sizes = { dataLength: reader.int(), numChildren: reader.int() };
    const zxids = { czxid: this.zxid(czxid), mzxid: this.zxid(mzxid) };
    const pzxid = this.zxid(reader.long());
    const known = this.#timeIs(czxid, ctime) && this.#timeIs(mzxid, mtime);
    const times = !known ? "contradicts an earlier answer" : mtime >= ctime ? "rising" : "falling";
    const ephemeralOwner = owner === 0n ? "none" : this.#owner(owner);
    return { ...zxids, pzxid, times, ...counters, ephemeralOwner, ...sizes };
  }

  #owner(owner: bigint): string {
    return this.#labels.get(owner) ?? "a session of nobody here";
  }

  #timeIs(zxid: bigint, time: bigint): boolean {
    if (zxid <= this.baseZxid) return true;
    const known = this.#times.get(zxid);
    if (known === undefined) this.#times.set(zxid, time);
    return known === undefined || known === time;
  }
}

const TEXT = new TextDecoder();
/** Longer data is told by its hash. */
const LONG_BYTES = 200;

function sha1(bytes: Uint8Array): string {
  return createHash("sha1").update(bytes).digest("hex");
}

/** Bytes as text where they are printable, or else as hexadecimal digits. */
export function dataText(bytes: Uint8Array | null): Json {
  if (bytes === null) return null;
  if (bytes.length > LONG_BYTES) return `${bytes.length} bytes, sha1 ${sha1(bytes)}`;
  const text = TEXT.decode(bytes);
  return /^[ -~\n]*$/.test(text) ? text : `0x${hex(bytes)}`;
}

export function sorted(items: readonly (string | null)[] | null): Json {
  return items === null ? null : [...items].sort();
}

/** The body of a reply to `op`, or its bytes where they are not what that reply holds. */
export function decodeBody(op: string, reader: FrameReader, to: Normaliser): Json {
  const start = reader.offset;
  try {
    const body = readBody(op, reader, to);
    return reader.left() === 0 ? body : { body, rest: reader.restHex() };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { undecodable: reader.restHex(start) };
  }
}

function readBody(op: string, reader: FrameReader, to: Normaliser): Json {
  switch (op) {
    case "create":
    case "sync":
      return to.path(reader.text());
    case "create2":
    case "createContainer":
    case "createTTL":
      return { path: to.path(reader.text()), stat: to.stat(reader) };
    case "exists":
    case "setData":
    case "setACL":
      return to.stat(reader);
    case "getData":
      return { data: dataText(reader.buffer()), stat: to.stat(reader) };
    case "getACL":
      return { acl: readAcl(reader), stat: to.stat(reader) };
    case "getChildren":
      return sorted(reader.list(() => reader.text()));
    case "getChildren2":
      return { children: sorted(reader.list(() => reader.text())), stat: to.stat(reader) };
    case "getAllChildrenNumber":
    case "addWatch":
      return reader.int();
    case "getEphemerals":
      return sorted(reader.list(() => to.path(reader.text())));
    case "whoAmI":
      return sorted(reader.list(() => `${reader.text()}:${reader.text()}`));
    case "sasl":
      return saslText(reader.buffer());
    case "multi":
    case "multiRead":
      return readResults(reader, to);
    default:
      return null; // No body; what is there all the same is reported as `rest`.
  }
}

function saslText(token: Uint8Array | null): Json {
  return token === null ? null : withoutChance(TEXT.decode(token));
}

/** Neighbours of equal permissions are sorted where `auth` may have made them, in any order. */
function readAcl(reader: FrameReader): Json {
  const entry = (): string => `${reader.int()} ${reader.text()}:${reader.text()}`;
  const kindOf = (line: string): string =>
    line.slice(0, line.indexOf(":")).replace(/digest|sasl|x509/, "auth");
  const lines = reader.list(entry) ?? [];
  const firstOfKind = lines.map((line, index) => {
    let first = index;
    while (first > 0 && kindOf(lines[first - 1] ?? "") === kindOf(line)) first--;
    return { line, first };
  });
  return firstOfKind
    .sort((a, b) => a.first - b.first || (a.line < b.line ? -1 : 1))
    .map(({ line }) => line);
}

const RESULT_BODIES: Readonly<Record<number, string>> = {
  1: "create",
  4: "getData",
  5: "setData",
  8: "getChildren",
  15: "create2",
};

function readResults(reader: FrameReader, to: Normaliser): Json {
  const results: JsonObject[] = [];
  for (;;) {
    const [type, done, err] = [reader.int(), reader.bool(), reader.int()];
    if (done) return { results, end: [type, err] };
    const body = type === -1 ? reader.int() : readBody(RESULT_BODIES[type] ?? "", reader, to);
    results.push({ type, err, body });
  }
}
