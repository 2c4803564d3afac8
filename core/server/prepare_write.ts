import { type ErrorName, ZkError } from "../errors/zk_error.ts";
import { STAT } from "../tree/digest.ts";
import { CONTAINER_OWNER_HIGH, kindOfOwner, TTL_MARK } from "../tree/owner.ts";
import {
  hasParentAt,
  isDeletable,
  isValidPathAt,
  parentEnd,
  sequenceSuffix,
} from "../tree/path.ts";
import type { Quotas } from "../tree/quota.ts";
import type { Tree } from "../tree/tree.ts";
import type { JuteReader, JuteWriter } from "../wire/jute.ts";
import { ANY_VERSION, OPCODES, PERMS } from "../wire/opcodes.ts";
import { type Id, readAcls } from "../wire/records.ts";
import { NO_SESSION, type SessionId } from "../wire/session_id.ts";
import { type Zxid, zxidHigh, zxidLow } from "../wire/zxid.ts";
import { CREATE_MODES, createType, isReadableInMulti, refuseMode } from "./create_mode.ts";
import { nextVersion } from "./next_version.ts";
import type { Overlay } from "./overlay.ts";
import { crcOfPathAndData, type PendingNode } from "./pending_node.ts";
import type { Permissions } from "./permissions.ts";
import { type AclCount, writeTxnAcls } from "./txn_acls.ts";

/** What preparing depends on besides the request. */
export interface PrepareRules {
  readonly tree: Tree;
  readonly quotas: Quotas;
  readonly permissions: Permissions;
  readonly extendedTypesEnabled: boolean;
  readonly localSessionsEnabled: boolean;
  /** Hard limits of quotas refuse. */
  readonly enforceQuota: boolean;
  readonly reconfigEnabled: boolean;
  /** Memory of the tree at which creates are refused, bytes. */
  readonly treeBytesMax: number;
  /** Told when a create or growing data is refused for want of memory. */
  readonly createRefused: () => void;
  /** Told when a quota refuses a change at `path`. */
  readonly quotaRefused: (path: string) => void;
}

/** Who asks, and the stamp on the answer; one object serves every request. */
export interface WriteContext extends AclCount {
  session: SessionId;
  ids: readonly Id[];
  zxid: Zxid;
  timeMs: number;
}

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
  readonly context: WriteContext = {
    session: NO_SESSION,
    ids: [],
    zxid: 0,
    timeMs: 0,
    aclBytes: 0,
  };
  /** Type of the transaction that {@link prepare} wrote last; not the opcode in a multi. */
  txnType = 0;
  readonly #overlay: Overlay;
  readonly #rules: PrepareRules;
  /** Where the path of the operation at hand lies in the reader's bytes. */
  #pathStart = 0;
  #pathEnd = 0;

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
        // Where consensus knows of members it decides itself, and calls `prepareReconfig`.
        for (let texts = 0; texts < 3; texts++) reader.string();
        reader.long();
        return this.#rules.reconfigEnabled ? "Unimplemented" : "ReconfigDisabled";
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
    const isNull = !this.#readPath(reader);
    const dataBytes = Math.max(reader.skipBuffer(), 0);
    const dataEnd = reader.offset;
    const givenAcls = readAcls(reader);
    const flags = reader.int();
    const ttlMs = opcode === OPCODES.createTtl ? reader.long() : -1;
    const mode = CREATE_MODES[flags];
    if (inMulti && !isReadableInMulti(opcode, flags)) throw new ZkError("MarshallingError");
    if (mode === undefined) return "BadArguments";
    const lacksTtl = (inMulti || opcode !== OPCODES.createTtl) && !mode.ttl;
    const usedTtlMs = lacksTtl ? -1 : Math.max(ttlMs, 0);
    const { extendedTypesEnabled } = this.#rules;
    const refused =
      refuseMode(mode, usedTtlMs, extendedTypesEnabled) ?? this.refuseSession(mode.ephemeral);
    if (refused !== undefined) return refused;
    if (isNull) throw new ZkError("MarshallingError");
    const { bytes } = reader;
    if (!hasParentAt(bytes, this.#pathStart, this.#pathEnd)) return "BadArguments";
    const acls = this.#rules.permissions.fixUp(givenAcls, this.context.ids);
    if (!acls.ok) return acls.error;
    const parent = this.#lookAtParent(bytes);
    if (!parent.exists) return "NoNode";
    if (!this.#allows(parent, PERMS.create)) return "NoAuth";
    const suffix = mode.sequential ? sequenceSuffix(parent.cversion) : "";
    const start = this.#copyPath(bytes, suffix, out);
    const end = out.length;
    if (!isValidPathAt(out.bytes, start, end)) return "BadArguments";
    const node = this.#overlay.look(out.bytes, start, end);
    if (node.exists) return "NodeExists";
    if (this.#isEphemeral(parent)) return "NoChildrenForEphemerals";
    const full = this.#refuseMemory(1) ?? this.#refuseQuota(node, 1, dataBytes);
    if (full !== undefined) return full;
    this.txnType = createType(opcode, mode, inMulti);
    const isPlain = this.txnType === OPCODES.create || this.txnType === OPCODES.create2;
    out.rawPart(bytes, this.#pathEnd, dataEnd);
    const crc = crcOfPathAndData(out, start, end, dataBytes);
    if (!writeTxnAcls(out, acls.value, this.context)) return "InvalidAcl";
    if (isPlain) out.boolean(mode.ephemeral);
    const cversion = (parent.cversion + 1) | 0;
    out.int(cversion);
    if (this.txnType === OPCODES.createTtl) out.long(ttlMs);
    // The parent first: applying looks for it there.
    this.#childChanged(parent, 1, cversion);
    this.#overlay.change(node, this.context.zxid);
    node.exists = true;
    node.childCount = 0;
    node.dataLength = dataBytes;
    node.acls = acls.value;
    node.crc = crc;
    node.stampNew(this.context.zxid, this.context.timeMs);
    this.#setOwner(node, isPlain && mode.ephemeral, ttlMs);
    this.#overlay.commit(node);
    return undefined;
  }

  #delete(reader: JuteReader, out: JuteWriter): ErrorName | undefined {
    if (!this.#readPath(reader)) throw new ZkError("MarshallingError");
    const version = reader.int();
    const dead = this.refuseSession(false);
    if (dead !== undefined) return dead;
    const { bytes } = reader;
    if (!isDeletable(bytes, this.#pathStart, this.#pathEnd)) return "BadArguments";
    const parent = this.#lookAtParent(bytes);
    if (!parent.exists) return "NoNode";
    if (!this.#allows(parent, PERMS.delete)) return "NoAuth";
    const node = this.#look(bytes);
    if (!node.exists) return "NoNode";
    if (version !== ANY_VERSION && version !== node.version) return "BadVersion";
    if (node.childCount > 0) return "NotEmpty";
    this.#copyPath(bytes, "", out);
    this.#remove(node, parent);
    return undefined;
  }

  /** Made by the server itself for containers and TTL znodes; checked anew, as time has passed. */
  #deleteContainer(reader: JuteReader, out: JuteWriter): ErrorName | undefined {
    if (!this.#readPath(reader)) throw new ZkError("MarshallingError");
    const { bytes } = reader;
    if (!isDeletable(bytes, this.#pathStart, this.#pathEnd)) return "BadArguments";
    const node = this.#look(bytes);
    if (!node.exists) return "NoNode";
    if (node.childCount > 0) return "NotEmpty";
    if (this.#isEphemeral(node)) return "BadVersion";
    this.#copyPath(bytes, "", out);
    this.#remove(node, this.#lookAtParent(bytes));
    return undefined;
  }

  #setData(reader: JuteReader, out: JuteWriter): ErrorName | undefined {
    const isNull = !this.#readPath(reader);
    const dataLength = Math.max(reader.skipBuffer(), 0);
    const dataEnd = reader.offset;
    const version = reader.int();
    const dead = this.refuseSession(false);
    if (dead !== undefined) return dead;
    const { bytes } = reader;
    if (isNull || this.#pathEnd === this.#pathStart) return "BadArguments";
    const node = this.#look(bytes);
    // What is there has a valid path, which need not be looked at again.
    if (!node.exists) return this.#isValid(bytes) ? "NoNode" : "BadArguments";
    if (!this.#allows(node, PERMS.write)) return "NoAuth";
    const grownBytes = dataLength - node.dataLength;
    const full = this.#refuseMemory(grownBytes) ?? this.#refuseQuota(node, 0, grownBytes);
    if (full !== undefined) return full;
    if (version !== ANY_VERSION && version !== node.version) return "BadVersion";
    const start = out.length + 4;
    const end = start + this.#pathEnd - this.#pathStart;
    out.rawPart(bytes, this.#pathStart - 4, dataEnd);
    const crc = crcOfPathAndData(out, start, end, dataLength);
    this.#overlay.change(node, this.context.zxid);
    node.crc = crc;
    node.dataLength = dataLength;
    node.setLong(STAT.mzxid, this.context.zxid);
    node.setLong(STAT.mtime, this.context.timeMs);
    const next = nextVersion(node.version);
    node.version = next;
    out.int(next);
    this.#overlay.commit(node);
    return undefined;
  }

  #setAcl(reader: JuteReader, out: JuteWriter): ErrorName | undefined {
    const isNull = !this.#readPath(reader);
    const givenAcls = readAcls(reader);
    const version = reader.int();
    const dead = this.refuseSession(false);
    if (dead !== undefined) return dead;
    const { bytes } = reader;
    if (isNull || !this.#isValid(bytes)) return "BadArguments";
    const acls = this.#rules.permissions.fixUp(givenAcls, this.context.ids);
    if (!acls.ok) return acls.error;
    const node = this.#look(bytes);
    if (!node.exists) return "NoNode";
    if (!this.#allows(node, PERMS.admin)) return "NoAuth";
    if (version !== ANY_VERSION && version !== node.aversion) return "BadVersion";
    const full = this.#refuseMemory(acls.value.length - node.acls.length);
    if (full !== undefined) return full;
    const next = nextVersion(node.aversion);
    this.#copyPath(bytes, "", out);
    if (!writeTxnAcls(out, acls.value, this.context)) return "InvalidAcl";
    out.int(next);
    this.#overlay.change(node, this.context.zxid);
    node.acls = acls.value;
    node.aversion = next;
    this.#overlay.commit(node);
    return undefined;
  }

  /** Only inside a multi; on its own it is refused before it gets here. */
  #check(reader: JuteReader, out: JuteWriter): ErrorName | undefined {
    const isNull = !this.#readPath(reader);
    const version = reader.int();
    const dead = this.refuseSession(false);
    if (dead !== undefined) return dead;
    const { bytes } = reader;
    if (isNull || !this.#isValid(bytes)) return "BadArguments";
    const node = this.#look(bytes);
    if (!node.exists) return "NoNode";
    if (!this.#allows(node, PERMS.read)) return "NoAuth";
    if (version !== ANY_VERSION && version !== node.version) return "BadVersion";
    this.#copyPath(bytes, "", out);
    out.int(nextVersion(node.version)); // Apache logs the version found plus one (PP 2).
    return undefined;
  }

  #remove(node: PendingNode, parent: PendingNode): void {
    this.#childChanged(parent, -1, parent.cversion);
    this.#overlay.change(node, this.context.zxid);
    node.exists = false;
    this.#overlay.commit(node);
  }

  #childChanged(parent: PendingNode, by: number, cversion: number): void {
    this.#overlay.change(parent, this.context.zxid);
    parent.childCount += by;
    parent.cversion = cversion;
    parent.setLong(STAT.pzxid, this.context.zxid);
    this.#overlay.commit(parent);
  }

  #setOwner(made: PendingNode, ephemeral: boolean, ttlMs: number): void {
    if (this.txnType === OPCODES.createContainer) {
      made.setOwner(CONTAINER_OWNER_HIGH, 0);
    } else if (this.txnType === OPCODES.createTtl) {
      made.setOwner(TTL_MARK | zxidHigh(ttlMs), zxidLow(ttlMs));
    } else if (ephemeral) {
      made.setOwner(this.context.session.high, this.context.session.low);
    }
  }

  /** Takes a path. @returns false for null. */
  #readPath(reader: JuteReader): boolean {
    const length = reader.skipBuffer();
    this.#pathEnd = reader.offset;
    this.#pathStart = reader.offset - Math.max(length, 0);
    return length !== -1;
  }

  #look(bytes: Uint8Array): PendingNode {
    return this.#overlay.look(bytes, this.#pathStart, this.#pathEnd);
  }

  #lookAtParent(bytes: Uint8Array): PendingNode {
    const end = parentEnd(bytes, this.#pathStart, this.#pathEnd);
    return this.#overlay.lookAtParent(bytes, this.#pathStart, end);
  }

  #isValid(bytes: Uint8Array): boolean {
    return isValidPathAt(bytes, this.#pathStart, this.#pathEnd);
  }

  /** Appends the path and `suffix`. @returns where its text begins; it ends at `out.length`. */
  #copyPath(bytes: Uint8Array, suffix: string, out: JuteWriter): number {
    const sizeBytes = this.#pathEnd - this.#pathStart + suffix.length;
    out.int(sizeBytes);
    const at = out.length;
    out.rawPart(bytes, this.#pathStart, this.#pathEnd);
    for (let i = 0; i < suffix.length; i++) out.byte(suffix.charCodeAt(i));
    return at;
  }

  #allows(node: PendingNode, wanted: number): boolean {
    return this.#rules.permissions.allows(node.acls, wanted, this.context.ids);
  }

  #isEphemeral({ ownerHigh, ownerLow }: PendingNode): boolean {
    const { extendedTypesEnabled } = this.#rules;
    return kindOfOwner(ownerHigh, ownerLow, extendedTypesEnabled) === "ephemeral";
  }

  /** A session that the state does not know is expired, or local where there are local sessions. */
  refuseSession(needsGlobal: boolean): ErrorName | undefined {
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
  #refuseQuota(node: PendingNode, countBy: number, bytesBy: number): ErrorName | undefined {
    if (!this.#rules.enforceQuota || this.#rules.quotas.isEmpty) return undefined;
    const quota = this.#rules.quotas.at(node.text);
    if (quota?.isReadable === false) throw new ZkError("MarshallingError");
    if (quota?.stats === undefined) return undefined;
    const { limits, stats } = quota;
    const above = (limit: number, value: number, by: number): boolean =>
      limit > -1 && by !== 0 && value + by > limit;
    const exceeded =
      above(limits.countHardLimit, stats.count, countBy) ||
      above(limits.byteHardLimit, stats.bytes, bytesBy);
    if (!exceeded) return undefined;
    this.#rules.quotaRefused(node.text);
    return "QuotaExceeded";
  }
}
