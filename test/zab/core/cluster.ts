/** Some servers, a network that a seed disturbs, and what must hold at every step. */
import { epochOf, type Zxid } from "../../../core/wire/zxid.ts";
import type { Effect } from "../../../plugins/zab/core/effect.ts";
import type { LinkId } from "../../../plugins/zab/core/input.ts";
import type { ZabOptions } from "../../../plugins/zab/core/options.ts";
import type { Notification, QuorumPacket } from "../../../plugins/zab/messages.ts";
import { batchOf, type Outside, TestNode, type Txn, txnsOf } from "./node.ts";

const TICK_MS = 100;

interface Link {
  readonly id: LinkId;
  readonly dialler: number;
  readonly acceptor: number;
  /** What is under way to either end; "closed" is the last. */
  readonly toDialler: (QuorumPacket | Snap | "closed")[];
  readonly toAcceptor: (QuorumPacket | Snap | "closed")[];
}

interface Snap {
  readonly kind: "stream";
  readonly zxid: Zxid;
  readonly txns: readonly Txn[];
}

/** A small generator of numbers below 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Cluster implements Outside {
  readonly nodes: TestNode[] = [];
  readonly links: Map<LinkId, Link> = new Map();
  readonly votes: Map<string, { from: number; to: number; vote: Notification }> = new Map();
  /** Pairs that cannot reach one another, as `low-high`. */
  readonly cuts: Set<string> = new Set();
  /** Every committed transaction, in order, as clients anywhere have seen it. */
  readonly history: Txn[] = [];
  readonly leaders: Map<number, number> = new Map();
  readonly modes: Map<string, number> = new Map();
  readonly dials: { from: number; to: number }[] = [];
  readonly synced: Map<number, number> = new Map();
  nowMs = 0;
  trace: ((text: string) => void) | undefined;
  readonly #listening = new Set<number>();
  #nextLink = 1;

  /** Joiners have the highest ids; each knows the others and itself. */
  constructor(
    voters: number,
    observers = 0,
    { joiners = 0, ...changes }: Partial<ZabOptions> & { readonly joiners?: number } = {},
  ) {
    const sids = Array.from({ length: voters + observers + joiners }, (_, index) => index + 1);
    const members = sids.filter((sid) => sid <= voters + observers);
    const lines = members.map((sid) => memberLine(sid, sid > voters ? "observer" : "participant"));
    for (const serverId of sids) {
      const own = members.includes(serverId) ? [] : [memberLine(serverId, "observer")];
      const membership = [...lines, ...own, "version=0"].join("\n");
      const options = { ...OPTIONS, serverId, membership, ...changes };
      this.nodes.push(new TestNode(options, this));
    }
    for (const node of this.nodes) node.start(0);
  }

  node(sid: number): TestNode {
    return this.nodes[sid - 1] as TestNode;
  }

  /** Whether somebody has changed the members. */
  get hasReconfigs(): boolean {
    return this.history.some(({ members }) => members !== undefined);
  }

  get leader(): TestNode | undefined {
    return this.nodes.find((node) => node.isLeader);
  }

  isCut(one: number, other: number): boolean {
    return this.cuts.has(`${Math.min(one, other)}-${Math.max(one, other)}`);
  }

  cut(one: number, other: number): void {
    this.cuts.add(`${Math.min(one, other)}-${Math.max(one, other)}`);
  }

  crash(sid: number, isHeadWritten: boolean): void {
    this.node(sid).crash(isHeadWritten);
    this.#listening.delete(sid);
    for (const link of [...this.links.values()]) {
      if (link.dialler === sid || link.acceptor === sid) this.breakLink(link.id, sid);
    }
    for (const [key, { from, to }] of this.votes) {
      if (from === sid || to === sid) this.votes.delete(key);
    }
  }

  /** Ends a link; the end that knows already hears nothing more of it. */
  breakLink(id: LinkId, knower: number): void {
    const link = this.links.get(id);
    if (link === undefined) return;
    const { dialler, toDialler, toAcceptor } = link;
    (dialler === knower ? toDialler : toAcceptor).length = 0;
    (dialler === knower ? toAcceptor : toDialler).push("closed");
  }

  effect(node: TestNode, effect: Effect): void {
    this.trace?.(`${this.nowMs} ${node.sid}: ${describe(effect)}`);
    switch (effect.kind) {
      case "notify": {
        const { to, vote } = effect;
        this.votes.set(`${node.sid}-${to}`, { from: node.sid, to, vote });
        return;
      }
      case "listen":
        this.#listening.add(node.sid);
        return node.step({ kind: "listening", ok: true }, this.nowMs);
      case "unlisten":
        this.#listening.delete(node.sid);
        return;
      case "dial":
        this.dials.push({ from: node.sid, to: effect.sid });
        return;
      case "send":
        return this.#send(node, effect.link, effect.packet);
      case "send-snapshot": {
        const { tree, treeZxid } = node;
        const stream: Snap = { kind: "stream", zxid: treeZxid, txns: [...tree] };
        return this.#send(node, effect.link, stream);
      }
      case "send-log": {
        const { after, through } = effect;
        const txns = node.disk.log.filter(({ zxid }) => zxid > after && zxid <= through);
        for (const txn of txns) {
          this.#send(node, effect.link, { kind: "history", batch: batchOf([txn]) });
        }
        return;
      }
      case "examine-log": {
        const { log, checkpointZxid } = node.disk;
        const ok = effect.after === checkpointZxid || log.some(({ zxid }) => zxid === effect.after);
        const found = { ok, logBytes: 1, snapshotBytes: 10 };
        return node.step({ kind: "log-examined", link: effect.link, ...found }, this.nowMs);
      }
      case "close":
        return this.breakLink(effect.link, node.sid);
      case "status":
        return this.#statusOf(node);
      case "synced":
        this.synced.set(node.sid, (this.synced.get(node.sid) ?? 0) + effect.count);
        return;
      case "note":
        if (effect.text === "learner synchronised") this.#count(`${effect.fields["mode"]}`);
        return;
      default:
        return;
    }
  }

  /** All that clients may see is one history, and nothing seen is ever missing from it. */
  applied(node: TestNode): void {
    const { history } = this;
    const { tree } = node;
    const common = Math.min(history.length, tree.length);
    for (let at = Math.max(0, common - 50); at < common; at++) {
      if (tree[at]?.zxid !== history[at]?.zxid || tree[at]?.cxid !== history[at]?.cxid) {
        this.#fail(`server ${node.sid} has another transaction at place ${at}`);
      }
    }
    history.push(...tree.slice(history.length));
  }

  /** Hands one item of a link to its end. @returns false when none is under way there. */
  deliverOn(link: Link, isToDialler: boolean): boolean {
    const item = (isToDialler ? link.toDialler : link.toAcceptor).shift();
    if (item === undefined) return false;
    const node = this.node(isToDialler ? link.dialler : link.acceptor);
    if (item === "closed") {
      this.links.delete(link.id);
      node.streams.delete(link.id);
      node.step({ kind: "closed", link: link.id }, this.nowMs);
    } else if (item.kind === "stream") {
      node.streams.set(link.id, { txns: item.txns, zxid: item.zxid });
      const packet: QuorumPacket = { kind: "snap", zxid: item.zxid };
      node.step({ kind: "packet", link: link.id, packet }, this.nowMs);
    } else {
      for (const packet of split(item)) {
        node.step({ kind: "packet", link: link.id, packet }, this.nowMs);
      }
    }
    return true;
  }

  deliverVote(key: string): void {
    const sent = this.votes.get(key);
    this.votes.delete(key);
    if (sent === undefined || this.isCut(sent.from, sent.to)) return;
    this.node(sent.to).step({ kind: "notification", from: sent.from, vote: sent.vote }, this.nowMs);
  }

  finishDial(): void {
    const dial = this.dials.shift();
    if (dial === undefined) return;
    const { from, to } = dial;
    const isReached = this.#listening.has(to) && !this.isCut(from, to) && this.node(from).isUp;
    const id = isReached ? this.#nextLink++ : undefined;
    if (id !== undefined) {
      const ends = { dialler: from, acceptor: to, toDialler: [], toAcceptor: [] };
      this.links.set(id, { id, ...ends });
    }
    this.node(from).step({ kind: "dialled", sid: to, link: id }, this.nowMs);
  }

  advance(ms: number): void {
    this.nowMs += ms;
    for (const node of this.nodes) {
      if (node.dueMs <= this.nowMs) node.step({ kind: "tick" }, this.nowMs);
    }
  }

  /** All that is under way arrives, all that disks were asked for is done, until it is quiet. */
  settle(ms: number): void {
    const end = this.nowMs + ms;
    for (;;) {
      while (this.#moveAll());
      if (this.nowMs >= end) return;
      const due = Math.min(...this.nodes.map(({ dueMs }) => dueMs), end);
      this.advance(Math.max(1, due - this.nowMs));
    }
  }

  #moveAll(): boolean {
    let hasMoved = false;
    for (const key of [...this.votes.keys()]) {
      this.deliverVote(key);
      hasMoved = true;
    }
    while (this.dials.length > 0) {
      this.finishDial();
      hasMoved = true;
    }
    for (const link of [...this.links.values()]) {
      if (this.isCut(link.dialler, link.acceptor)) continue;
      while (this.deliverOn(link, true) || this.deliverOn(link, false)) hasMoved = true;
    }
    for (const node of this.nodes) {
      while (node.work.length > 0) {
        node.finishWork(this.nowMs);
        hasMoved = true;
      }
      if (hasMoved) node.step({ kind: "flush" }, this.nowMs);
    }
    return hasMoved;
  }

  #send(node: TestNode, id: LinkId, item: QuorumPacket | Snap): void {
    const link = this.links.get(id);
    if (link === undefined) return;
    const queue = link.dialler === node.sid ? link.toAcceptor : link.toDialler;
    if (queue.at(-1) !== "closed") queue.push(item);
  }

  #statusOf(node: TestNode): void {
    const status = node.core?.status;
    if (status?.serving !== "read-write" || status.role !== "leader") return;
    const other = this.leaders.get(status.epoch);
    if (other !== undefined && other !== node.sid) {
      this.#fail(`epoch ${status.epoch} is led by ${other} and ${node.sid}`);
    }
    this.leaders.set(status.epoch, node.sid);
    if (node.tree.length < this.history.length) {
      this.#fail(`leader ${node.sid} lacks ${this.history.length - node.tree.length} commits`);
    }
    const last = this.history.at(-1)?.zxid ?? 0;
    if (epochOf(last) > status.epoch) this.#fail(`epoch ${status.epoch} comes too late`);
  }

  #count(what: string): void {
    this.modes.set(what, (this.modes.get(what) ?? 0) + 1);
  }

  #fail(what: string): never {
    throw new Error(`${what} (at ${this.nowMs} ms)`);
  }
}

const OPTIONS: Omit<ZabOptions, "serverId" | "membership"> = {
  peerType: "participant",
  tickTimeMs: TICK_MS,
  initLimit: 10,
  syncLimit: 5,
  commitLogCount: 8,
  snapshotSizeFactor: 0.33,
  readOnlyMode: false,
  reconfigEnabled: false,
  standaloneEnabled: true,
};

/** A line as clients name it in a reconfiguration. */
export function memberLine(sid: number, role: "participant" | "observer"): string {
  return `server.${sid}=host:${2000 + sid}:${3000 + sid}:${role};host:${4000 + sid}`;
}

/** As the codec does: PROPOSAL and COMMIT one after the other. */
function* split(packet: QuorumPacket): IterableIterator<QuorumPacket> {
  if (packet.kind !== "history") return yield packet;
  for (const txn of txnsOf(packet.batch)) {
    yield { kind: "proposals", batch: batchOf([txn]) };
    yield { kind: "commits", first: txn.zxid, last: txn.zxid };
  }
}

function describe(effect: Effect): string {
  const skip = new Set(["bytes", "membership"]);
  return JSON.stringify(effect, (key, value) => (skip.has(key) ? undefined : value));
}
