import { type ErrorName, errorName } from "../errors/zk_error.ts";
import type { ApplyListener } from "../tree/apply_listener.ts";
import type { PathRef } from "../tree/path.ts";
import { NO_NODE, type Tree } from "../tree/tree.ts";
import type { TxnHeader } from "../tree/txn.ts";
import type { ChangeFeed, ZnodeChange } from "../watch/changes.ts";
import { JuteWriter } from "../wire/jute.ts";
import { EVENT_TYPES, OPCODES, PERMS } from "../wire/opcodes.ts";
import { writeMultiEnd, writeMultiHeader } from "../wire/records.ts";
import { SessionId } from "../wire/session_id.ts";
import type { ClientConnection } from "./connection.ts";
import { notificationFrame } from "./notification.ts";
import type { Permissions } from "./permissions.ts";
import { appendStat } from "./reply.ts";
import type { Statistics } from "./statistics.ts";
import type { Told, WatchTable } from "./watches.ts";

/** What a transaction's effects touch besides the tree. */
export interface EffectTargets {
  readonly tree: Tree;
  readonly permissions: Permissions;
  readonly statistics: Statistics;
  readonly dataWatches: WatchTable<ClientConnection>;
  readonly childWatches: WatchTable<ClientConnection>;
  readonly changes: ChangeFeed;
}

/**
 * Hears what a transaction does to the tree, effect by effect: encodes the body of the reply with
 * the Stat of that moment, fires watches in the order of CP 5.2, feeds the streams.
 */
export class Effects implements ApplyListener {
  /** Body of the reply to the transaction applied last, valid until the next. */
  readonly result: JuteWriter = new JuteWriter(1024);
  /** Why the transaction had no effect; undefined when it had, and for a failed multi. */
  error: ErrorName | undefined;
  /** Set by a transaction that creates or closes a session. */
  session: "created" | "closed" | undefined;
  readonly #targets: EffectTargets;
  #header: TxnHeader | undefined;
  #inMulti = false;
  #previous: Uint8Array | null | undefined;

  constructor(targets: EffectTargets) {
    this.#targets = targets;
  }

  /** Before each transaction; `header` is filled in when the effects come. */
  begin(header: TxnHeader): void {
    this.#header = header;
    this.result.clear();
    this.error = undefined;
    this.session = undefined;
    this.#inMulti = false;
  }

  created(node: number, path: PathRef, type: number): void {
    const { result } = this;
    const { tree, statistics } = this.#targets;
    const withStat = type !== OPCODES.create;
    // Every kind that is answered with a Stat is tagged 15 in a multi (CP 4.1).
    this.#operation(withStat ? OPCODES.create2 : OPCODES.create);
    result.int(path.end - path.start);
    result.rawPart(path.bytes, path.start, path.end);
    if (withStat) appendStat(result, tree, node);
    if (!this.#targets.dataWatches.isEmpty) {
      const told = this.#tellData(EVENT_TYPES.created, path.text(), tree.aclId(node));
      statistics.nodeCreatedWatches.observe(told);
    }
    if (!this.#targets.childWatches.isEmpty) this.#tellParent(path.text(), tree.parent(node));
    if (!this.#targets.changes.isIdle) this.#publish("created", node, path.text());
  }

  deleted(path: PathRef, aclId: number, parent: number): void {
    if (this.#header?.type !== OPCODES.closeSession) this.#operation(OPCODES.delete);
    const { dataWatches, childWatches, changes, statistics } = this.#targets;
    let toldData: Told<ClientConnection> | undefined;
    if (!dataWatches.isEmpty || !childWatches.isEmpty) {
      const text = path.text();
      const frame = this.#frame(EVENT_TYPES.deleted, text);
      const tell = this.#teller(frame, aclId);
      toldData = dataWatches.trigger(text, true, tell);
      const toldChild = childWatches.trigger(text, false, tell, toldData);
      statistics.nodeDeletedWatches.observe((toldData?.size ?? 0) + (toldChild?.size ?? 0));
      if (parent !== NO_NODE) this.#tellParent(text, parent);
    }
    if (!changes.isIdle) this.#publish("deleted", NO_NODE, path.text());
  }

  dataSet(node: number, path: PathRef): void {
    const { tree, dataWatches, changes, statistics } = this.#targets;
    this.#operation(OPCODES.setData);
    // A reconfiguration is answered with the new members too (CP 3.2).
    if (this.#header?.type === OPCODES.reconfig) this.result.buffer(tree.data(node));
    appendStat(this.result, tree, node);
    if (!dataWatches.isEmpty) {
      const told = this.#tellData(EVENT_TYPES.dataChanged, path.text(), tree.aclId(node));
      statistics.nodeChangedWatches.observe(told);
    }
    if (!changes.isIdle) this.#publish("data", node, path.text());
  }

  aclSet(node: number, path: PathRef): void {
    const { tree, changes } = this.#targets;
    appendStat(this.result, tree, node);
    if (!changes.isIdle) this.#publish("acl", node, path.text());
  }

  checked(): void {
    this.#operation(OPCODES.check);
  }

  failed(code: number): void {
    if (this.#inMulti) {
      writeMultiHeader(this.result, { type: OPCODES.error, done: false, error: code });
      this.result.int(code);
    } else {
      this.error = errorName(code) ?? "SystemError";
    }
  }

  multiStarted(): void {
    this.#inMulti = true;
  }

  multiEnded(): void {
    this.#inMulti = false;
    writeMultiEnd(this.result);
  }

  sessionCreated(): void {
    this.session = "created";
  }

  sessionClosed(): void {
    this.session = "closed";
  }

  beforeChange(node: number): void {
    const { changes, tree } = this.#targets;
    this.#previous = changes.wantsPrevious ? tree.data(node) : undefined;
  }

  /** Starts the entry of one operation in the result of a multi. */
  #operation(type: number): void {
    if (this.#inMulti) writeMultiHeader(this.result, { type, done: false, error: 0 });
  }

  #tellParent(path: string, parent: number): void {
    const { tree, childWatches, statistics } = this.#targets;
    if (childWatches.isEmpty) return;
    const at = path.lastIndexOf("/");
    const parentPath = at <= 0 ? "/" : path.slice(0, at);
    const frame = this.#frame(EVENT_TYPES.childrenChanged, parentPath);
    const tell = this.#teller(frame, tree.aclId(parent));
    const told = childWatches.trigger(parentPath, false, tell);
    statistics.nodeChildrenWatches.observe(told?.size ?? 0);
  }

  #tellData(type: number, path: string, aclId: number): number {
    const tell = this.#teller(this.#frame(type, path), aclId);
    return this.#targets.dataWatches.trigger(path, true, tell)?.size ?? 0;
  }

  /** The event, encoded when the first watcher needs it. */
  #frame(type: number, path: string): () => Uint8Array {
    const zxid = this.#header?.zxid ?? 0;
    let frame: Uint8Array | undefined;
    return () => (frame ??= notificationFrame(zxid, type, path));
  }

  /** Tells a watcher, unless it may not read the znode (CVE-2024-23944). */
  #teller(frame: () => Uint8Array, aclId: number): (watcher: ClientConnection) => void {
    const { permissions, tree } = this.#targets;
    const acls = tree.acls(aclId);
    return (watcher) => {
      if (permissions.allows(acls, PERMS.read, watcher.ids)) watcher.notify(frame());
    };
  }

  #publish(type: ZnodeChange["type"], node: number, path: string): void {
    const header = this.#header;
    if (header === undefined) return;
    const { tree, changes } = this.#targets;
    const previous = type === "data" || type === "deleted" ? this.#previous : undefined;
    changes.publish(path, {
      type,
      zxid: header.zxid,
      timeMs: header.timeMs,
      session: new SessionId(header.sessionHigh, header.sessionLow),
      data: () => (node === NO_NODE ? null : tree.data(node)),
      stat: () => (node === NO_NODE ? undefined : tree.stat(node)),
      previousData: () => previous,
    });
  }
}
