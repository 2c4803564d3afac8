import { type ErrorName, ZkError } from "../errors/zk_error.ts";
import { NO_NODE, ROOT, STAT_BYTES } from "../tree/tree.ts";
import { decodeUtf8, getInt, JuteReader, type JuteWriter, putInt } from "../wire/jute.ts";
import { OPCODES, PERMS, XIDS } from "../wire/opcodes.ts";
import { type Acl, type Id, writeAcls } from "../wire/records.ts";
import type { ClientConnection } from "./connection.ts";
import type { ServerContext } from "./context.ts";
import { multiRead } from "./multi_read.ts";
import { appendStat, beginReply, endReply } from "./reply.ts";
import { addWatch, changeWatches, setWatches } from "./watch_requests.ts";
import { WATCH } from "./watches.ts";

/** One request being executed; one object serves all. */
export interface Reading {
  readonly context: ServerContext;
  readonly connection: ClientConnection;
  readonly reader: JuteReader;
  readonly out: JuteWriter;
}

/** Executes the requests that are answered from the local tree, each at its place in the order. */
export class Reads {
  readonly #context: ServerContext;
  readonly #reader = new JuteReader(new Uint8Array(0));
  /** Where the path taken last lies in the reader's bytes. */
  #pathStart = 0;
  #pathEnd = 0;

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** Executes the request in `bytes[start..end)` (xid, type, body) and appends its reply. */
  execute(connection: ClientConnection, bytes: Uint8Array, start: number, end: number): void {
    const type = getInt(bytes, start + 4);
    const xid = type === OPCODES.ping ? XIDS.ping : getInt(bytes, start);
    const { output, tree } = this.#context;
    this.#reader.reset(bytes, start + 8, end);
    const out = output.open(connection);
    // The events that setWatches makes up come before its reply.
    const eventsFirst = sendsEvents(type);
    let error = eventsFirst ? this.#attempt(type, connection, out) : undefined;
    if (connection.isClosed) return;
    const at = beginReply(out, xid, tree.lastZxid);
    if (!eventsFirst) error = this.#attempt(type, connection, out);
    endReply(out, at, error);
    connection.answered(type, xid, out.length - at);
  }

  /** What an error is thrown over is cut off; what is returned with one stands behind it. */
  #attempt(type: number, connection: ClientConnection, out: JuteWriter): ErrorName | undefined {
    const start = out.length;
    try {
      return this.#answer(type, connection, out);
    } catch (thrown) {
      if (!(thrown instanceof ZkError)) throw thrown;
      if (!sendsEvents(type)) out.truncate(start);
      return thrown.kind;
    }
  }

  #answer(type: number, connection: ClientConnection, out: JuteWriter): ErrorName | undefined {
    const reader = this.#reader;
    switch (type) {
      case OPCODES.ping:
        return undefined;
      case OPCODES.getData:
        return this.#getData(connection, out);
      case OPCODES.exists:
        return this.#exists(connection, out);
      case OPCODES.getChildren:
      case OPCODES.getChildren2:
        return this.#getChildren(type, connection, out);
      case OPCODES.getAcl:
        return this.#getAcl(connection, out);
      case OPCODES.getAllChildrenNumber:
        return this.#getAllChildrenNumber(connection, out);
      case OPCODES.getEphemerals:
        return this.#getEphemerals(connection, out);
      case OPCODES.whoAmI:
        return this.#whoAmI(connection, out);
      case OPCODES.sync:
        if (this.#context.consensus.status.serving === "read-only") return "NotReadOnly";
        out.string(reader.string());
        return undefined;
      case OPCODES.multiRead:
        return multiRead(this, this.#reading(connection, out));
      case OPCODES.setWatches:
      case OPCODES.setWatches2:
        return setWatches(this.#reading(connection, out), type === OPCODES.setWatches2);
      case OPCODES.addWatch:
        return addWatch(this.#reading(connection, out));
      case OPCODES.checkWatches:
      case OPCODES.removeWatches:
        return changeWatches(this.#reading(connection, out), type === OPCODES.removeWatches);
      default:
        return "NotReadOnly"; // A write, which comes here only where it cannot be done (CP 13).
    }
  }

  #reading(connection: ClientConnection, out: JuteWriter): Reading {
    return { context: this.#context, connection, reader: this.#reader, out };
  }

  #getData(connection: ClientConnection, out: JuteWriter): ErrorName | undefined {
    const reader = this.#reader;
    const error = this.appendData(reader, connection.ids, out);
    if (reader.boolean() && error === undefined) {
      this.#context.dataWatches.add(this.#pathText(reader), connection, WATCH.standard);
    }
    return error;
  }

  #exists(connection: ClientConnection, out: JuteWriter): ErrorName | undefined {
    const reader = this.#reader;
    const node = this.#findPath(reader);
    const watch = reader.boolean();
    const { tree, dataWatches } = this.#context;
    for (let at = this.#pathStart; at < this.#pathEnd; at++) {
      if (reader.bytes[at] === 0) return "BadArguments";
    }
    if (node !== NO_NODE && !this.#allows(node, PERMS.read, connection.ids)) return "NoAuth";
    if (watch) dataWatches.add(this.#pathText(reader), connection, WATCH.standard);
    if (node === NO_NODE) return "NoNode";
    appendStat(out, tree, node);
    return undefined;
  }

  #getChildren(type: number, connection: ClientConnection, out: JuteWriter): ErrorName | undefined {
    const reader = this.#reader;
    const error = this.appendChildren(reader, connection.ids, out);
    const watch = reader.boolean();
    if (error !== undefined) return error;
    if (type === OPCODES.getChildren2) {
      const { tree } = this.#context;
      appendStat(out, tree, tree.find(reader.bytes, this.#pathStart, this.#pathEnd));
    }
    if (watch) this.#context.childWatches.add(this.#pathText(reader), connection, WATCH.standard);
    return undefined;
  }

  #getAcl(connection: ClientConnection, out: JuteWriter): ErrorName | undefined {
    const node = this.#findPath(this.#reader);
    if (node === NO_NODE) return "NoNode";
    if (!this.#allows(node, PERMS.read | PERMS.admin, connection.ids)) return "NoAuth";
    const { tree } = this.#context;
    const acls = tree.acls(tree.aclId(node));
    const full = this.#allows(node, PERMS.admin, connection.ids);
    writeAcls(out, full ? acls : acls.map(withoutSecret));
    appendStat(out, tree, node);
    return undefined;
  }

  #getAllChildrenNumber(connection: ClientConnection, out: JuteWriter): ErrorName | undefined {
    const node = this.#findPath(this.#reader);
    if (node === NO_NODE) return "NoNode";
    if (!this.#allows(node, PERMS.read, connection.ids)) return "NoAuth";
    const count = this.#context.tree.descendantCount(node);
    if (node !== ROOT) connection.effort += count;
    // Asked by its other name, "", the root counts itself as well.
    out.int(this.#pathStart === this.#pathEnd ? count + 1 : count);
    return undefined;
  }

  /** Paths of the session's own ephemerals that begin with a prefix; a plain text comparison. */
  #getEphemerals(connection: ClientConnection, out: JuteWriter): ErrorName | undefined {
    const prefix = (this.#reader.string() ?? "").trim();
    const { tree } = this.#context;
    const session = connection.session?.id;
    const countAt = out.length;
    out.int(0);
    if (session === undefined) return undefined;
    let count = 0;
    let node = tree.firstEphemeral(session.high, session.low);
    for (; node !== NO_NODE; node = tree.nextEphemeral(node)) {
      const path = tree.pathOf(node);
      connection.effort += 1;
      if (!path.startsWith(prefix)) continue;
      out.string(path);
      count += 1;
    }
    out.intAt(countAt, count);
    return undefined;
  }

  #whoAmI(connection: ClientConnection, out: JuteWriter): ErrorName | undefined {
    const { providers } = this.#context.permissions;
    out.int(connection.ids.length);
    for (const { scheme, id } of connection.ids) {
      out.string(scheme);
      out.string(providers.get(scheme)?.userName(id) ?? id);
    }
    return undefined;
  }

  /** Takes a path from `reader`; appends data and Stat of its znode. */
  appendData(reader: JuteReader, ids: readonly Id[], out: JuteWriter): ErrorName | undefined {
    const node = this.#findPath(reader);
    if (node === NO_NODE) return "NoNode";
    if (!this.#allows(node, PERMS.read, ids)) return "NoAuth";
    const { tree } = this.#context;
    const size = tree.dataLength(node);
    const at = out.reserve(4 + size + STAT_BYTES);
    putInt(out.bytes, at, tree.hasNullData(node) ? -1 : size);
    tree.writeData(node, out.bytes, at + 4);
    tree.writeStat(node, out.bytes, at + 4 + size);
    return undefined;
  }

  /** Takes a path from `reader`; appends the names of its znode's children. */
  appendChildren(reader: JuteReader, ids: readonly Id[], out: JuteWriter): ErrorName | undefined {
    const node = this.#findPath(reader);
    if (node === NO_NODE) return "NoNode";
    if (!this.#allows(node, PERMS.read, ids)) return "NoAuth";
    const { tree } = this.#context;
    out.int(tree.childCount(node));
    let child = tree.firstChild(node);
    for (; child !== NO_NODE; child = tree.nextSibling(child)) {
      const length = tree.nameLength(child);
      const at = out.reserve(4 + length);
      putInt(out.bytes, at, length);
      tree.writeName(child, out.bytes, at + 4);
    }
    return undefined;
  }

  /** Takes a path, of which no string is made. @throws {ZkError} `MarshallingError` for null. */
  #findPath(reader: JuteReader): number {
    const length = reader.skipBuffer();
    if (length === -1) throw new ZkError("MarshallingError");
    this.#pathEnd = reader.offset;
    this.#pathStart = reader.offset - length;
    return this.#context.tree.find(reader.bytes, this.#pathStart, this.#pathEnd);
  }

  /** The path taken last, as watches know it. */
  #pathText(reader: JuteReader): string {
    return decodeUtf8(reader.bytes, this.#pathStart, this.#pathEnd);
  }

  #allows(node: number, wanted: number, ids: readonly Id[]): boolean {
    const { tree, permissions } = this.#context;
    return permissions.allows(tree.acls(tree.aclId(node)), wanted, ids);
  }
}

/** Whether a request makes up events of its own. */
function sendsEvents(type: number): boolean {
  return type === OPCODES.setWatches || type === OPCODES.setWatches2;
}

/**
 * A digest id shown to somebody who may not change the list: the name without the hash (CP 6.5).
 */
function withoutSecret(acl: Acl): Acl {
  if (acl.scheme !== "digest") return acl;
  const name = acl.id.slice(0, Math.max(0, acl.id.indexOf(":")));
  return { ...acl, id: `${name}:x` };
}
