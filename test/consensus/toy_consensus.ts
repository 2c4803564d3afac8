import type { Clock } from "../../core/contracts/clock.ts";
import type {
  Consensus,
  ConsensusStatus,
  EnsembleFigures,
  Preparer,
  Replica,
  WriteRequest,
} from "../../core/contracts/consensus.ts";
import type { SessionTracker, SessionTracking } from "../../core/contracts/sessions.ts";
import type { LogBatch, Snapshot, SnapshotSlice, Storage } from "../../core/contracts/storage.ts";
import { getInt, JuteWriter } from "../../core/wire/jute.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { type SessionId, SessionMap } from "../../core/wire/session_id.ts";
import { epochOf, makeZxid, type Zxid } from "../../core/wire/zxid.ts";

/** What one node is made of. */
export interface ToyParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly tracking: SessionTracking;
}

/** A leader's proposal that waits for a majority. */
interface Proposal {
  readonly batch: LogBatch;
  readonly acks: Set<number>;
}

/** How a node caught up with a new leader. */
export type CatchUp = "none" | "diff" | "truncate" | "snapshot";

const TICK_MS = 50;
const FIGURES = { leaderId: -1, voterCount: 3, initLimit: 10, syncLimit: 5, leading: undefined };

/**
 * Three or more nodes that agree by majority under a leader that the test appoints: the smallest
 * consensus that uses all of the contract. Messages take a turn of the event loop, keep their order
 * and are lost to and from nodes that are cut off.
 */
export class ToyCluster {
  readonly nodes: ToyNode[] = [];
  readonly cutOff: Set<number> = new Set();
  /** Nodes to which nothing comes for now; it comes later, in order. */
  readonly late: Map<number, (() => void)[]> = new Map();
  readonly caughtUp: CatchUp[] = [];
  leader: ToyNode | undefined;
  epoch = 0;

  /** Adds a node; the plugin of its server calls this. */
  add(parts: ToyParts): ToyNode {
    const node = new ToyNode(this, this.nodes.length, parts);
    this.nodes.push(node);
    return node;
  }

  /** Runs `task` at node `to` later, unless one of the two is cut off by then. */
  send(from: number, to: number, task: (node: ToyNode) => void): void {
    const node = this.nodes[to] as ToyNode;
    const waiting = this.late.get(to);
    if (waiting !== undefined) {
      waiting.push(() => this.send(from, to, task));
      return;
    }
    const { epoch } = this;
    node.parts.clock.defer(() => {
      if (this.cutOff.has(from) || this.cutOff.has(to) || this.epoch !== epoch) return;
      task(node);
    });
  }

  /** Lets a node that was {@link late} hear of everything. */
  release(index: number): void {
    const waiting = this.late.get(index) ?? [];
    this.late.delete(index);
    for (const send of waiting) send();
  }

  /** Makes a node the leader of all that are not cut off, and brings them to its state. */
  async appoint(index: number): Promise<void> {
    const members = this.nodes.filter((node) => !this.cutOff.has(node.index));
    for (const node of members) await node.stepDown();
    this.epoch += 1;
    const leader = this.nodes[index] as ToyNode;
    await leader.deliverLog();
    for (const node of members) {
      if (node !== leader) this.caughtUp[node.index] = await node.catchUp(leader);
    }
    this.leader = leader;
    for (const node of members) await node.serve(leader);
  }
}

/** One node. Its own log is its vote; what it delivers is what the leader says is committed. */
export class ToyNode implements Consensus {
  readonly index: number;
  readonly parts: ToyParts;
  status: ConsensusStatus;
  tracker: SessionTracker | undefined;
  readonly membership: string = "";
  readonly ensemble: EnsembleFigures = FIGURES;
  replica: Replica | undefined;
  readonly #cluster: ToyCluster;
  readonly #owners = new SessionMap<number>();
  readonly #syncs: (() => void)[] = [];
  readonly #pending: LogBatch[] = [];
  #outstanding: Proposal[] = [];
  #preparer: Preparer | undefined;
  #lastZxid: Zxid = 0;
  #disk: Promise<void> = Promise.resolve();
  #stopTicking: () => void = () => {};

  constructor(cluster: ToyCluster, index: number, parts: ToyParts) {
    this.#cluster = cluster;
    this.index = index;
    this.parts = parts;
    this.status = { role: "looking", serving: "none", serverId: index + 1, epoch: 0 };
  }

  async start(replica: Replica): Promise<void> {
    this.replica = replica;
    await this.parts.storage.open();
    await this.#reload();
  }

  async stop(): Promise<void> {
    this.#cluster.cutOff.add(this.index);
    await this.stepDown();
  }

  // Asked by the server.

  submit(request: WriteRequest): void {
    const copy: WriteRequest = {
      ...request,
      bytes: request.bytes.slice(request.bodyStart, request.bodyEnd),
      bodyStart: 0,
      bodyEnd: request.bodyEnd - request.bodyStart,
    };
    this.#tell((leader) => leader.propose(copy, this.index));
  }

  sync(_session: SessionId, done: () => void): void {
    this.#syncs.push(done);
    this.#tell((leader) => leader.answerSync(this.index));
  }

  touch(session: SessionId, timeoutMs: number): void {
    this.#tell((leader) => leader.tracker?.touch(session, timeoutMs, leader.parts.clock.now()));
  }

  revalidate(session: SessionId, timeoutMs: number, done: (alive: boolean) => void): void {
    this.#tell((leader) => {
      const alive = leader.tracker?.touch(session, timeoutMs, leader.parts.clock.now()) ?? false;
      if (alive) leader.#owners.set(session, this.index);
      this.#cluster.send(leader.index, this.index, () => done(alive));
    });
  }

  #tell(task: (leader: ToyNode) => void): void {
    const { leader } = this.#cluster;
    if (leader !== undefined) this.#cluster.send(this.index, leader.index, task);
  }

  // The leader's part.

  propose(request: WriteRequest, from: number): void {
    if (this.#preparer === undefined) return;
    const { session, opcode } = request;
    const now = this.parts.clock.now();
    if (opcode === OPCODES.createSession) {
      this.tracker?.add(session, getInt(request.bytes, 0), now);
      this.#owners.set(session, from);
    } else if (opcode === OPCODES.closeSession) this.tracker?.close(session);
    const owner = this.#owners.get(session);
    const moved = owner !== undefined && owner !== from ? "SessionMoved" : undefined;
    const zxid = this.#lastZxid + 1;
    this.#lastZxid = zxid;
    const out = new JuteWriter();
    out.int(0);
    this.#preparer.prepare(request, { zxid, timeMs: this.parts.clock.wallTime() }, out, moved);
    out.intAt(0, out.length - 4);
    const batch: LogBatch = { firstZxid: zxid, lastZxid: zxid, count: 1, bytes: out.copy() };
    this.#outstanding.push({ batch, acks: new Set() });
    for (const node of this.#cluster.nodes) {
      if (node === this) node.accept(batch, this.index);
      else this.#cluster.send(this.index, node.index, () => node.accept(batch, this.index));
    }
  }

  /** A node has `zxid` on disk; a majority commits, from the front only. */
  acknowledge(zxid: Zxid, from: number): void {
    this.#outstanding.find(({ batch }) => batch.lastZxid === zxid)?.acks.add(from);
    const majority = Math.floor(this.#cluster.nodes.length / 2) + 1;
    while ((this.#outstanding[0]?.acks.size ?? 0) >= majority) {
      const { batch } = this.#outstanding.shift() as Proposal;
      for (const node of this.#cluster.nodes) {
        if (node === this) node.commit(batch.lastZxid);
        else this.#cluster.send(this.index, node.index, () => node.commit(batch.lastZxid));
      }
    }
  }

  answerSync(from: number): void {
    this.#cluster.send(this.index, from, (node) => {
      node.#syncs.shift()?.();
      node.replica?.flush();
    });
  }

  #expire(): void {
    for (const session of this.tracker?.expire(this.parts.clock.now()) ?? []) {
      this.#owners.delete(session);
      const bytes = new Uint8Array(0);
      const opcode = OPCODES.closeSession;
      const request = { session, cxid: 0, opcode, bytes, bodyStart: 0, bodyEnd: 0, ids: [] };
      this.propose(request, this.index);
    }
  }

  // Every member's part.

  /** Writes a proposal to the own log, in order, and votes for it once it is there. */
  accept(batch: LogBatch, leader: number): void {
    this.#pending.push(batch);
    const { epoch } = this.#cluster;
    this.#disk = this.#disk.then(async () => {
      if (epochOf(batch.firstZxid) !== this.status.epoch) return; // A former leader's.
      await this.parts.storage.append(batch);
      if (epoch !== this.#cluster.epoch) return;
      const zxid = batch.lastZxid;
      this.#cluster.send(this.index, leader, (node) => node.acknowledge(zxid, this.index));
    });
  }

  commit(zxid: Zxid): void {
    while (this.#pending[0] !== undefined && this.#pending[0].lastZxid <= zxid) {
      this.#deliver(this.#pending.shift() as LogBatch);
    }
    this.replica?.flush();
  }

  #deliver({ bytes }: LogBatch): void {
    let at = 0;
    while (at < bytes.length) {
      const end = at + 4 + getInt(bytes, at);
      this.replica?.deliver(bytes, at + 4, end);
      at = end;
    }
  }

  // Change of leader.

  async stepDown(): Promise<void> {
    this.#stopTicking();
    this.#preparer = undefined;
    this.tracker = undefined;
    this.#outstanding = [];
    this.#syncs.length = 0;
    this.#setStatus({ ...this.status, role: "looking", serving: "none" });
    this.replica?.unlead();
    await this.#disk;
    this.#pending.length = 0;
  }

  /** What the leader has in its log counts as committed from now on. */
  async deliverLog(): Promise<void> {
    const applied = this.replica?.lastApplied ?? 0;
    for await (const batch of this.parts.storage.read(applied)) this.#deliver(batch);
  }

  /**
   * Makes log and tree those of the leader: cuts what it does not have, then takes what is missing.
   */
  async catchUp(leader: ToyNode): Promise<CatchUp> {
    const { storage } = this.parts;
    const history: Zxid[] = [];
    for await (const { bytes } of leader.parts.storage.read(0)) history.push(...zxidsOf(bytes));
    const common = history.filter((zxid) => zxid <= storage.lastZxid).at(-1) ?? 0;
    const isWhole =
      history[0] === 1 || ((history[0] ?? 0) > 0 && storage.lastZxid >= history[0]! - 1);
    if (!isWhole) return this.#install(leader);
    let result: CatchUp = "none";
    if (storage.lastZxid > common) {
      if (!(await storage.truncate(common))) return this.#install(leader);
      await this.#reload();
      result = "truncate";
    }
    for await (const batch of leader.parts.storage.read(storage.lastZxid)) {
      await storage.append(batch);
      if (result === "none") result = "diff";
    }
    await this.deliverLog();
    return result;
  }

  async #install(leader: ToyNode): Promise<CatchUp> {
    const source = (leader.replica as Replica).changes(true);
    const slices = async function* (): AsyncGenerator<SnapshotSlice> {
      for (let slice = source.next(); slice !== undefined; slice = source.next()) yield slice;
    };
    const snapshot: Snapshot = { zxid: source.zxid, slices: slices() };
    await this.parts.storage.install(snapshot, this.#cluster.epoch);
    await this.replica?.replace(this.parts.storage.load());
    return "snapshot";
  }

  async #reload(): Promise<void> {
    await this.replica?.replace(this.parts.storage.load());
    await this.deliverLog();
  }

  async serve(leader: ToyNode): Promise<void> {
    const { epoch } = this.#cluster;
    await this.parts.storage.setAcceptedEpoch(epoch);
    await this.parts.storage.setCurrentEpoch(epoch);
    const leads = leader === this;
    if (leads) this.#lead(epoch);
    const role = leads ? "leader" : "follower";
    this.#setStatus({ role, serving: "read-write", serverId: this.index + 1, epoch });
  }

  #lead(epoch: number): void {
    const replica = this.replica as Replica;
    const { clock, tracking } = this.parts;
    this.#lastZxid = makeZxid(epoch, 0);
    this.#preparer = replica.lead();
    this.tracker = tracking.create(TICK_MS);
    for (const { id, timeoutMs } of replica.sessions) this.tracker.add(id, timeoutMs, clock.now());
    this.#stopTicking = clock.every(TICK_MS, () => this.#expire());
  }

  #setStatus(status: ConsensusStatus): void {
    this.status = status;
    this.replica?.statusChanged(status);
  }
}

function zxidsOf(bytes: Uint8Array): Zxid[] {
  const zxids: Zxid[] = [];
  for (let at = 0; at < bytes.length; at += 4 + getInt(bytes, at)) {
    zxids.push(getInt(bytes, at + 16) * 2 ** 32 + (getInt(bytes, at + 20) >>> 0));
  }
  return zxids;
}
