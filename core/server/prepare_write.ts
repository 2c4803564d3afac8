import { type ErrorName, ZkError } from "../errors/zk_error.ts";
import { CRC_START, crcOfBytes, STAT, STAT_INTS } from "../tree/digest.ts";
import { hasParent, parentEnd, sequenceSuffix, UNDELETABLE_PATHS } from "../tree/path.ts";
import type { Quotas } from "../tree/quota.ts";
import type { Tree } from "../tree/tree.ts";
import { getInt, type JuteReader, type JuteWriter } from "../wire/jute.ts";
import { ANY_VERSION, OPCODES, PERMS } from "../wire/opcodes.ts";
import { type Id, readAcls, writeAcls } from "../wire/records.ts";
import { NO_SESSION, type SessionId } from "../wire/session_id.ts";
import { type Zxid, zxidHigh, zxidLow } from "../wire/zxid.ts";
import { CREATE_MODES, type CreateMode, createType, isReadableInMulti } from "./create_mode.ts";
import { type KnownPath, KnownPaths, knownParent, knownPath } from "./known_paths.ts";
import { nextVersion } from "./next_version.ts";
import { type Overlay, PendingNode } from "./overlay.ts";
import type { Permissions } from "./permissions.ts";

/** What preparing depends on besides the request. */
export interface PrepareRules {
  readonly tree: Tree;
  readonly quotas: Quotas;
  readonly permissions: Permissions;
  readonly extendedTypesEnabled: boolean;
  readonly localSessionsEnabled: boolean;
  /** Hard limits of quotas refuse. */
  readonly enforceQuota: boolean;
  /** Memory of the tree at which creates are refused, bytes. */
  readonly treeBytesMax: number;
  /** Told when a create or growing data is refused for want of memory. */
  readonly createRefused: () => void;
}

/** Who asks, and the stamp on the answer; one object serves every request. */
export interface WriteContext {
  session: SessionId;
  ids: readonly Id[];
  zxid: Zxid;
  timeMs: number;
}

/** The longest time to live, ms. */
const TTL_MS_MAX = 0xff_ffff_ffff;
const CONTAINER_OWNER_HIGH = 0x8000_0000 | 0;
const TTL_OWNER_HIGH = 0xff00_0000 | 0;
/** Memory of access control lists, which lie on the heap, at which they may not grow, bytes. */
const ACL_BYTES_MAX = 256 * 1024 * 1024;
/** Znodes at which creates are refused: short of the tree's own bound by what may be in flight. */
const NODES_MAX = 60_000_000;

/**
 * Checks single write operations in Apache's order (CP 3.2, first failing check wins), writes their
 * transaction bodies, and records their effects in the overlay.
 */
export class WriteOperations {
  /** The request being prepared; set by the caller before {@link prepare}. */
  readonly context: WriteContext = { session: NO_SESSION, ids: [], zxid: 0, timeMs: 0 };
  /** Type of the transaction that {@link prepare} wrote last; not the opcode in a multi. */
  txnType = 0;
  readonly #overlay: Overlay;
  readonly #rules: PrepareRules;
  readonly #parent = new PendingNode();
  readonly #node = new PendingNode();
  readonly #paths = new KnownPaths();
  #pathStart = 0;

  constructor(overlay: Overlay, rules: PrepareRules) {
    this.#overlay = overlay;
    this.#rules = rules;
  }

  /**
   * Appends the body of one operation to `out`, or leaves whatever it wrote for the caller to cut.
   *
   * @returns undefined when it holds, else why not; the overlay is unchanged then.
   * @throws {ZkError} `MarshallingError` for a body that cannot be read; the overlay is unchanged.
   */
  prepare(
    opcode: number,
    reader: JuteReader,
    out: JuteWriter,
    inMulti: boolean,
  ): ErrorName | undefined {
    this.txnType = opcode;
    switch (opcode) {
      case OPCODES.create:
      case OPCODES.create2:
      case OPCODES.createContainer:
      case OPCODES.createTtl:
        return this.#create(opcode, reader, out, inMulti);
      case OPCODES.delete:
        return this.#delete(reader, out);
      case OPCODES.setData:
        return this.#setData(reader, out);
      case OPCODES.setAcl:
        return this.#setAcl(reader, out);
      case OPCODES.check:
        return this.#check(reader, out);
      case OPCODES.deleteContainer:
        return this.#deleteContainer(reader, out);
      case OPCODES.reconfig:
        for (let texts = 0; texts < 3; texts++) reader.string();
        reader.long();
        return "ReconfigDisabled";
      default:
        throw new ZkError("MarshallingError");
    }
  }

  #create(
    opcode: number,
    reader: JuteReader,
    out: JuteWriter,
    inMulti: boolean,
  ): ErrorName | undefined {
    const start = out.length;
    const given = this.#readPath(reader);
    const pathStart = this.#pathStart;
    const dataStart = reader.offset;
    const dataLength = reader.skipBuffer();
    const dataEnd = reader.offset;
    const givenAcls = readAcls(reader);
    const flags = reader.int();
    const ttlMs = opcode === OPCODES.createTtl ? reader.long() : -1;
    const mode = CREATE_MODES[flags];
    if (inMulti && !isReadableInMulti(opcode, flags)) throw new ZkError("MarshallingError");
    if (mode === undefined) return "BadArguments";
    const lacksTtl = (inMulti || opcode !== OPCODES.createTtl) && !mode.ttl;
    const usedTtlMs = lacksTtl ? -1 : Math.max(ttlMs, 0);
    const refused = this.#refuseMode(mode, usedTtlMs) ?? this.#refuseSession(mode.ephemeral);
    if (refused !== undefined) return refused;
    if (given === undefined) throw new ZkError("MarshallingError");
    if (!given.isValid && !hasParent(given.text)) return "BadArguments";
    const acls = this.#rules.permissions.fixUp(givenAcls, this.context.ids);
    if (!acls.ok) return acls.error;
    const parentPathEnd = parentEnd(reader.bytes, pathStart, dataStart);
    const parentPath = this.#paths.get(reader.bytes, pathStart, parentPathEnd);
    const parent = this.#overlay.look(parentPath, this.#parent);
    if (!parent.exists) return "NoNode";
    if (!this.#allows(parent, PERMS.create)) return "NoAuth";
    const path = mode.sequential ? knownPath(given.text + sequenceSuffix(parent.cversion)) : given;
    if (!path.isValid) return "BadArguments";
    const node = this.#overlay.look(path, this.#node);
    if (node.exists) return "NodeExists";
    if (this.#isEphemeral(parent)) return "NoChildrenForEphemerals";
    const dataBytes = Math.max(dataLength, 0);
    const full = this.#refuseMemory(1) ?? this.#refuseQuota(path.text, 1, dataBytes);
    if (full !== undefined) return full;
    this.txnType = createType(opcode, mode, inMulti);
    const isPlain = this.txnType === OPCODES.create || this.txnType === OPCODES.create2;
    if (path === given) {
      out.rawPart(reader.bytes, pathStart - 4, dataEnd);
    } else {
      out.string(path.text);
      out.rawPart(reader.bytes, dataStart, dataEnd);
    }
    const crc = crcOfPathAndData(out, start, dataBytes);
    writeAcls(out, acls.value);
    if (isPlain) out.boolean(mode.ephemeral);
    const cversion = (parent.cversion + 1) | 0;
    out.int(cversion);
    if (this.txnType === OPCODES.createTtl) out.long(ttlMs);
    this.#childChanged(parent, 1, cversion);
    const made = this.#overlay.change(node, this.context.zxid);
    made.exists = true;
    made.childCount = 0;
    made.dataLength = dataBytes;
    made.acls = acls.value;
    made.crc = crc;
    this.#stampNew(made);
    this.#setOwner(made, isPlain && mode.ephemeral, ttlMs);
    this.#overlay.commit(made);
    return undefined;
  }

  #delete(reader: JuteReader, out: JuteWriter): ErrorName | undefined {
    const path = this.#readPath(reader);
    if (path === undefined) throw new ZkError("MarshallingError");
    const parentPathEnd = parentEnd(reader.bytes, this.#pathStart, reader.offset);
    const version = reader.int();
    const dead = this.#refuseSession(false);
    if (dead !== undefined) return dead;
    if (!hasParent(path.text) || UNDELETABLE_PATHS.has(path.text)) return "BadArguments";
    const parentPath = this.#paths.get(reader.bytes, this.#pathStart, parentPathEnd);
    const parent = this.#overlay.look(parentPath, this.#parent);
    if (!parent.exists) return "NoNode";
    if (!this.#allows(parent, PERMS.delete)) return "NoAuth";
    const node = this.#overlay.look(path, this.#node);
    if (!node.exists) return "NoNode";
    if (version !== ANY_VERSION && version !== node.version) return "BadVersion";
    if (node.childCount > 0) return "NotEmpty";
    out.string(path.text);
    this.#remove(node, parent);
    return undefined;
  }

  /** Made by the server itself for containers and TTL znodes; checked anew, as time has passed. */
  #deleteContainer(reader: JuteReader, out: JuteWriter): ErrorName | undefined {
    const path = knownPath(reader.text());
    if (!hasParent(path.text) || UNDELETABLE_PATHS.has(path.text)) return "BadArguments";
    const node = this.#overlay.look(path, this.#node);
    if (!node.exists) return "NoNode";
    if (node.childCount > 0) return "NotEmpty";
    if (this.#isEphemeral(node)) return "BadVersion";
    out.string(path.text);
    this.#remove(node, this.#overlay.look(knownParent(path), this.#parent));
    return undefined;
  }

  /** Records that a session's ephemeral goes with it. */
  removeEphemeral(text: string): void {
    const path = knownPath(text);
    const node = this.#overlay.look(path, this.#node);
    if (node.exists) this.#remove(node, this.#overlay.look(knownParent(path), this.#parent));
  }

  #setData(reader: JuteReader, out: JuteWriter): ErrorName | undefined {
    const start = out.length;
    const path = this.#readPath(reader);
    const pathStart = this.#pathStart;
    const dataLength = Math.max(reader.skipBuffer(), 0);
    const dataEnd = reader.offset;
    const version = reader.int();
    const dead = this.#refuseSession(false);
    if (dead !== undefined) return dead;
    if (path === undefined || !path.isValid) return "BadArguments";
    const node = this.#overlay.look(path, this.#node);
    if (!node.exists) return "NoNode";
    if (!this.#allows(node, PERMS.write)) return "NoAuth";
    const grownBytes = dataLength - node.dataLength;
    const full = this.#refuseMemory(grownBytes) ?? this.#refuseQuota(path.text, 0, grownBytes);
    if (full !== undefined) return full;
    if (version !== ANY_VERSION && version !== node.version) return "BadVersion";
    out.rawPart(reader.bytes, pathStart - 4, dataEnd);
    const crc = crcOfPathAndData(out, start, dataLength);
    const next = nextVersion(node.version);
    out.int(next);
    const { zxid, timeMs } = this.context;
    const changed = this.#overlay.change(node, zxid);
    changed.dataLength = dataLength;
    changed.crc = crc;
    setLong(changed.ints, STAT.mzxid, zxid);
    setLong(changed.ints, STAT.mtime, timeMs);
    changed.ints[STAT.version] = next;
    this.#overlay.commit(changed);
    return undefined;
  }

  #setAcl(reader: JuteReader, out: JuteWriter): ErrorName | undefined {
    const path = this.#readPath(reader);
    const givenAcls = readAcls(reader);
    const version = reader.int();
    const dead = this.#refuseSession(false);
    if (dead !== undefined) return dead;
    if (path === undefined || !path.isValid) return "BadArguments";
    const acls = this.#rules.permissions.fixUp(givenAcls, this.context.ids);
    if (!acls.ok) return acls.error;
    const node = this.#overlay.look(path, this.#node);
    if (!node.exists) return "NoNode";
    if (!this.#allows(node, PERMS.admin)) return "NoAuth";
    if (version !== ANY_VERSION && version !== node.aversion) return "BadVersion";
    const full = this.#refuseMemory(acls.value.length - node.acls.length);
    if (full !== undefined) return full;
    const next = nextVersion(node.aversion);
    out.string(path.text);
    writeAcls(out, acls.value);
    out.int(next);
    const changed = this.#overlay.change(node, this.context.zxid);
    changed.acls = acls.value;
    changed.ints[STAT.aversion] = next;
    this.#overlay.commit(changed);
    return undefined;
  }

  /** Only inside a multi; on its own it is refused before it gets here. */
  #check(reader: JuteReader, out: JuteWriter): ErrorName | undefined {
    const path = this.#readPath(reader);
    const version = reader.int();
    const dead = this.#refuseSession(false);
    if (dead !== undefined) return dead;
    if (path === undefined || !path.isValid) return "BadArguments";
    const node = this.#overlay.look(path, this.#node);
    if (!node.exists) return "NoNode";
    if (!this.#allows(node, PERMS.read)) return "NoAuth";
    if (version !== ANY_VERSION && version !== node.version) return "BadVersion";
    out.string(path.text);
    out.int(nextVersion(node.version)); // Apache logs the version found plus one (PP 2).
    return undefined;
  }

  #remove(node: PendingNode, parent: PendingNode): void {
    this.#childChanged(parent, -1, parent.cversion);
    const gone = this.#overlay.change(node, this.context.zxid);
    gone.exists = false;
    this.#overlay.commit(gone);
  }

  #childChanged(parent: PendingNode, by: number, cversion: number): void {
    const changed = this.#overlay.change(parent, this.context.zxid);
    changed.childCount += by;
    changed.ints[STAT.cversion] = cversion;
    setLong(changed.ints, STAT.pzxid, this.context.zxid);
    this.#overlay.commit(changed);
  }

  #stampNew(made: PendingNode): void {
    const { zxid, timeMs } = this.context;
    const { ints } = made;
    for (let i = 0; i < STAT_INTS; i++) ints[i] = 0;
    setLong(ints, STAT.czxid, zxid);
    setLong(ints, STAT.mzxid, zxid);
    setLong(ints, STAT.pzxid, zxid);
    setLong(ints, STAT.ctime, timeMs);
    setLong(ints, STAT.mtime, timeMs);
  }

  #setOwner(made: PendingNode, ephemeral: boolean, ttlMs: number): void {
    const { ints } = made;
    if (this.txnType === OPCODES.createContainer) {
      ints[STAT.owner] = CONTAINER_OWNER_HIGH;
    } else if (this.txnType === OPCODES.createTtl) {
      ints[STAT.owner] = TTL_OWNER_HIGH | zxidHigh(ttlMs);
      ints[STAT.owner + 1] = zxidLow(ttlMs);
    } else if (ephemeral) {
      ints[STAT.owner] = this.context.session.high;
      ints[STAT.owner + 1] = this.context.session.low;
    }
  }

  /** Takes a path; undefined for null. Where it lies is in `#pathStart` and the reader's offset. */
  #readPath(reader: JuteReader): KnownPath | undefined {
    const length = reader.skipBuffer();
    this.#pathStart = reader.offset - Math.max(length, 0);
    return length === -1
      ? undefined
      : this.#paths.get(reader.bytes, this.#pathStart, reader.offset);
  }

  #allows(node: PendingNode, wanted: number): boolean {
    return this.#rules.permissions.allows(node.acls, wanted, this.context.ids);
  }

  #isEphemeral(node: PendingNode): boolean {
    if (node.ownerHigh === 0 && node.ownerLow === 0) return false;
    if (node.ownerHigh === CONTAINER_OWNER_HIGH && node.ownerLow === 0) return false;
    return !this.#rules.extendedTypesEnabled || node.ownerHigh >>> 24 !== 0xff;
  }

  #refuseMode(mode: CreateMode, ttlMs: number): ErrorName | undefined {
    if (!mode.ttl) return ttlMs >= 0 || ttlMs < -1 ? "BadArguments" : undefined;
    if (!this.#rules.extendedTypesEnabled) return "Unimplemented";
    return ttlMs < 1 || ttlMs > TTL_MS_MAX ? "BadArguments" : undefined;
  }

  /** A session that the state does not know is expired, or local where there are local sessions. */
  #refuseSession(needsGlobal: boolean): ErrorName | undefined {
    const { session } = this.context;
    if (session === NO_SESSION || this.#overlay.isSessionAlive(session)) return undefined;
    if (!this.#rules.localSessionsEnabled || this.#overlay.isSessionKnown(session)) {
      return "SessionExpired";
    }
    return needsGlobal ? "EphemeralOnLocalSession" : undefined;
  }

  #refuseMemory(grownBytes: number): ErrorName | undefined {
    const { tree, treeBytesMax } = this.#rules;
    const isFull = tree.bytesUsed > treeBytesMax || tree.nodeCount >= NODES_MAX;
    if (grownBytes <= 0 || !(isFull || tree.aclTable.bytesHeld > ACL_BYTES_MAX)) return undefined;
    this.#rules.createRefused();
    return "QuotaExceeded";
  }

  /** Hard limits, against what is applied; a change that keeps the size passes (CP 14). */
  #refuseQuota(path: string, countBy: number, bytesBy: number): ErrorName | undefined {
    if (!this.#rules.enforceQuota || this.#rules.quotas.isEmpty) return undefined;
    const quota = this.#rules.quotas.at(path);
    if (quota?.isReadable === false) throw new ZkError("MarshallingError");
    if (quota?.stats === undefined) return undefined;
    const { limits, stats } = quota;
    const above = (limit: number, value: number, by: number): boolean =>
      limit > -1 && by !== 0 && value + by > limit;
    const exceeded =
      above(limits.countHardLimit, stats.count, countBy) ||
      above(limits.byteHardLimit, stats.bytes, bytesBy);
    return exceeded ? "QuotaExceeded" : undefined;
  }
}

/** Of a body that begins at `start` with path and data of `dataBytes`; the root's path is empty. */
function crcOfPathAndData(out: JuteWriter, start: number, dataBytes: number): number {
  const { bytes } = out;
  const pathStart = start + 4;
  const pathEnd = pathStart + getInt(bytes, start);
  const isRoot = pathEnd - pathStart === 1;
  const crc = isRoot ? CRC_START : crcOfBytes(CRC_START, bytes, pathStart, pathEnd);
  return crcOfBytes(crc, bytes, pathEnd + 4, pathEnd + 4 + dataBytes);
}

function setLong(ints: Int32Array, at: number, value: number): void {
  ints[at] = zxidHigh(value);
  ints[at + 1] = zxidLow(value);
}
