import type { ConsensusStatus, Preparer, Replica, SliceSource } from "../contracts/consensus.ts";
import type { Snapshot } from "../contracts/storage.ts";
import { Applier } from "../tree/apply.ts";
import { ChangeTracker, wholeTree } from "../tree/snapshot.ts";
import { SnapshotLoader } from "../tree/snapshot_loader.ts";
import { NO_NODE, type Tree } from "../tree/tree.ts";
import { TXN_HEADER_BYTES } from "../tree/txn.ts";
import type { ChangeFeed } from "../watch/changes.ts";
import type { Delivery } from "../watch/delivery.ts";
import { getInt, JuteWriter } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import { SessionId } from "../wire/session_id.ts";
import { type Zxid, zxidLow } from "../wire/zxid.ts";
import type { ClientServer } from "./client_server.ts";
import { Effects } from "./effects.ts";
import { TreePreparer } from "./prepare.ts";
import type { ServerSession } from "./sessions.ts";

/** Digests noted for the `hash` word: one transaction in so many, and so many at most. */
const DIGEST_MASK = 128 - 1;
const DIGESTS_MAX = 1024;

/** What a znode takes in a snapshot beside path and data: lengths, ACL id, StatPersisted. */
const RECORD_BYTES = 76;

/** What a replica needs besides its server. */
export interface ReplicaParts {
  readonly changes: ChangeFeed;
  /** Of the streams, which are silent until the server serves and while the tree is replaced. */
  readonly delivery: Delivery;
  readonly makeTree: () => Tree;
  readonly failed: (error: unknown) => void;
}

/** The state machine and, for each transaction, its consequences for the clients of this server. */
export class ServerReplica implements Replica {
  tree: Tree;
  /** Monotonic ms at the first delivery of the present run. */
  turnMs = 0;
  /** Tree digests noted on the way, oldest first. */
  readonly digests: { readonly zxid: Zxid; readonly digest: bigint }[] = [];
  /** What {@link changes} was asked for last, unless another tree was put in its place. */
  lastCheckpoint: { readonly zxid: Zxid; readonly wallMs: number } | undefined;
  readonly #server: ClientServer;
  readonly #parts: ReplicaParts;
  #effects: Effects;
  #applier: Applier;
  #tracker: ChangeTracker;
  #preparer: TreePreparer | undefined;
  #inTurn = false;
  /** Of this tree's digest mismatches, those that were counted and logged. */
  #mismatchesTold = 0;
  #members: { readonly text: string; readonly version: Zxid } | undefined;

  constructor(server: ClientServer, parts: ReplicaParts) {
    this.#server = server;
    this.#parts = parts;
    this.tree = parts.makeTree();
    this.#effects = this.#makeEffects();
    this.#applier = new Applier(this.tree, this.#effects);
    this.#tracker = new ChangeTracker(this.tree);
  }

  get lastApplied(): Zxid {
    return this.tree.lastZxid;
  }

  get snapshotBytes(): number {
    return this.tree.approximateDataBytes + this.tree.nodeCount * RECORD_BYTES;
  }

  get sessions(): readonly { readonly id: SessionId; readonly timeoutMs: number }[] {
    const all = [...this.tree.sessions.entries()];
    return all.map(([id, { timeoutMs }]) => ({ id, timeoutMs }));
  }

  get shownMembers(): string {
    const node = this.tree.configNode;
    return node === NO_NODE ? "" : new TextDecoder().decode(this.tree.data(node) ?? undefined);
  }

  /** Transactions after which the tree was not as announced. */
  get digestMismatches(): number {
    return this.#applier.digestMismatches;
  }

  lead(): Preparer {
    const { options, permissions } = this.#server;
    this.#preparer = new TreePreparer({
      tree: this.tree,
      quotas: this.#applier.quotas,
      permissions,
      extendedTypesEnabled: options.extendedTypesEnabled,
      localSessionsEnabled: options.localSessionsEnabled,
      enforceQuota: options.enforceQuota,
      reconfigEnabled: options.reconfigEnabled,
      treeBytesMax: options.treeBytesMax,
      createRefused: () => {
        this.#server.statistics.createsRefused.value += 1;
      },
      quotaRefused: (path) => this.#server.statistics.quotaRefused(path),
    });
    return this.#preparer;
  }

  unlead(): void {
    this.#preparer = undefined;
  }

  deliver(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#inTurn) {
      this.#inTurn = true;
      this.turnMs = this.#server.clock.now();
    }
    const high = getInt(bytes, start);
    const session = this.#server.sessions.getHalves(high, getInt(bytes, start + 4));
    // A client that takes no output may have reads waiting for that.
    session?.connection?.catchUp();
    const effects = this.#effects;
    const { header } = this.#applier;
    effects.begin(header);
    const preparer = this.#preparer;
    this.#applier.apply(bytes, start, end, preparer?.nextNode, preparer?.secondNode);
    preparer?.release(header.zxid);
    this.#server.statistics.commits.value += 1;
    if ((zxidLow(header.zxid) & DIGEST_MASK) === 0) this.#noteDigest(header.zxid);
    if (this.#server.auditors.length > 0) this.#audit(bytes, start, end);
    this.#answer(session);
  }

  configure(membership: string, version: Zxid): void {
    this.#members = { text: membership, version };
    this.tree.setConfig(ENCODER.encode(membership), version, this.#server.clock.wallTime());
  }

  flush(): void {
    this.#inTurn = false;
    this.#server.output.flush();
    this.#server.wakeThrottled();
    this.#server.output.flush();
    const fresh = this.#applier.digestMismatches - this.#mismatchesTold;
    if (fresh > 0) {
      this.#mismatchesTold += fresh;
      this.#server.statistics.digestMismatches.value += fresh;
      this.#server.logger.error("tree digest is not the one announced", { mismatches: fresh });
    }
  }

  async replace(snapshot: Snapshot): Promise<void> {
    this.#parts.delivery.silence();
    const tree = this.#parts.makeTree();
    this.#reset(this.#parts.makeTree());
    const loader = new SnapshotLoader(tree);
    for await (const slice of snapshot.slices) loader.load(slice);
    loader.finish(snapshot.zxid);
    this.#reset(tree);
    // What was noted on the way may be of another history.
    this.digests.length = 0;
    if (this.lastCheckpoint?.zxid !== snapshot.zxid) this.lastCheckpoint = undefined;
    const members = this.#members;
    const isNewer =
      tree.configNode !== NO_NODE && tree.mzxid(tree.configNode) > (members?.version ?? 0);
    if (members !== undefined && !isNewer) this.configure(members.text, members.version);
  }

  changes(whole: boolean): SliceSource {
    const wallMs = this.#server.clock.wallTime();
    this.lastCheckpoint = { zxid: this.tree.lastZxid, wallMs };
    return whole ? wholeTree(this.tree) : this.#tracker.take();
  }

  statusChanged(status: ConsensusStatus): void {
    if (status.serving === "none") return this.#server.disconnectAll();
    this.#parts.delivery.resume();
    for (const { id } of this.sessions) this.#server.sessionIds.skip(id);
    // Replay is over: from here on every digest must agree.
    this.#applier.verifiesDigest = true;
  }

  failed(error: unknown): void {
    this.#parts.failed(error);
  }

  #reset(tree: Tree): void {
    this.tree = tree;
    this.#effects = this.#makeEffects();
    this.#applier = new Applier(tree, this.#effects);
    this.#mismatchesTold = 0;
    this.#tracker = new ChangeTracker(tree);
    this.#preparer = undefined;
  }

  #makeEffects(): Effects {
    const { permissions, statistics, dataWatches, childWatches } = this.#server;
    const { changes } = this.#parts;
    const { tree } = this;
    return new Effects({ tree, permissions, statistics, dataWatches, childWatches, changes });
  }

  #audit(bytes: Uint8Array, start: number, end: number): void {
    if (this.#server.consensus.status.serving === "none") return; // A replay.
    const { sessionHigh, sessionLow, cxid, type } = this.#applier.header;
    const { error, result } = this.#effects;
    const txn = bytes.subarray(start + TXN_HEADER_BYTES, end);
    const write = { sessionHigh, sessionLow, cxid, type, error, reply: result.view(), txn };
    for (const auditor of this.#server.auditors) auditor.applied(write);
  }

  /** Tells the client whose request it was, and ends or begins sessions. */
  #answer(session: ServerSession | undefined): void {
    const { cxid, type } = this.#applier.header;
    const effects = this.#effects;
    if (effects.session !== undefined) return this.#sessionChanged(effects.session);
    if (session === undefined) return;
    if (session.orphanCount > 0) return this.#server.sessions.adopt(session);
    const { connection } = session;
    if (connection === undefined || !connection.awaits(cxid ^ session.xidMask)) return;
    const isMulti = type === OPCODES.multi;
    if (effects.error === "SessionMoved") connection.destroy();
    else connection.complete(isMulti ? undefined : effects.error, effects.result);
  }

  #sessionChanged(change: "created" | "closed"): void {
    const { sessionHigh, sessionLow, cxid } = this.#applier.header;
    const id = new SessionId(sessionHigh, sessionLow);
    const { sessions, consensus, handshake, sessionEvents } = this.#server;
    const timeoutMs = this.tree.sessions.get(id)?.timeoutMs ?? 0;
    sessionEvents.publish({ type: change, id: id.toBigInt(), timeoutMs });
    this.#preparer?.releaseSession(id, change === "created" ? "created" : "closing");
    if (change === "created") return handshake.created(id);
    consensus.tracker?.remove(id);
    const session = sessions.get(id);
    const connection = session?.connection;
    const xid = cxid ^ (session?.xidMask ?? 0);
    if (connection?.awaitsClose(xid) === true) connection.complete(undefined, NO_BODY);
    else connection?.destroy();
    sessions.forget(id);
  }

  #noteDigest(zxid: Zxid): void {
    const { digestHigh, digestLow } = this.tree;
    const digest = (BigInt(digestHigh) << 32n) | BigInt(digestLow >>> 0);
    this.digests.push({ zxid, digest });
    if (this.digests.length > DIGESTS_MAX) this.digests.shift();
  }
}

const ENCODER = new TextEncoder();
const NO_BODY = new JuteWriter(0);
