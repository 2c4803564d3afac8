/** One server of the test cluster: a real core on a disk, a tree and links that are only values. */
import type { Preparer } from "../../../core/contracts/consensus.ts";
import type { LogBatch } from "../../../core/contracts/storage.ts";
import { getInt, JuteReader, JuteWriter } from "../../../core/wire/jute.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { SessionId } from "../../../core/wire/session_id.ts";
import type { Zxid } from "../../../core/wire/zxid.ts";
import { BucketTracking } from "../../../plugins/sessions/mod.ts";
import type { Effect } from "../../../plugins/zab/core/effect.ts";
import type { Input, LinkId } from "../../../plugins/zab/core/input.ts";
import { zxidsOf } from "../../../plugins/zab/core/log_tail.ts";
import type { ZabOptions } from "../../../plugins/zab/core/options.ts";
import { ZabCore } from "../../../plugins/zab/core/zab_core.ts";

/** A transaction, cut down to its place and the request that made it. */
export interface Txn {
  readonly zxid: Zxid;
  readonly cxid: number;
  /** The members that a reconfiguration makes. */
  readonly members?: string;
}

/** What survives a crash. */
export interface Disk {
  log: Txn[];
  checkpoint: readonly Txn[];
  checkpointZxid: Zxid;
  accepted: number;
  current: number;
  /** Members in force. */
  members: string;
}

/** Where a node's effects on the outside go. */
export interface Outside {
  effect(node: TestNode, effect: Effect): void;
  /** A transaction was applied while the tree is what clients see or are about to. */
  applied(node: TestNode): void;
}

type DiskWork = { readonly run: () => Input; readonly isWrite: boolean };

export class TestNode {
  readonly sid: number;
  readonly disk: Disk;
  core: ZabCore | undefined;
  tree: Txn[] = [];
  treeZxid: Zxid = 0;
  /** Snapshots that came with SNAP and were not asked for yet. */
  readonly streams: Map<LinkId, { txns: readonly Txn[]; zxid: Zxid }> = new Map();
  work: DiskWork[] = [];
  readonly #options: ZabOptions;
  readonly #outside: Outside;
  #skewMs: number;

  constructor(options: ZabOptions, outside: Outside) {
    this.sid = options.serverId;
    const { membership: members } = options;
    this.disk = { log: [], checkpoint: [], checkpointZxid: 0, accepted: 0, current: 0, members };
    this.#options = options;
    this.#outside = outside;
    this.#skewMs = options.serverId * 1000;
  }

  get isUp(): boolean {
    return this.core !== undefined;
  }

  get isServing(): boolean {
    return this.core?.status.serving === "read-write";
  }

  get isLeader(): boolean {
    return this.isServing && this.core?.status.role === "leader";
  }

  start(nowMs: number): void {
    const { disk } = this;
    const options = { ...this.#options, membership: disk.members };
    this.core = new ZabCore(options, new BucketTracking());
    this.#reload();
    if (disk.log.length > 0) {
      this.step({ kind: "replayed", batch: batchOf(disk.log) }, nowMs);
    }
    const lastZxid = disk.log.at(-1)?.zxid ?? disk.checkpointZxid;
    const stored = { lastZxid, acceptedEpoch: disk.accepted, currentEpoch: disk.current };
    this.step({ kind: "start", stored }, nowMs);
  }

  /** Whatever was not finished is lost, or, for the write at the head, may just have been done. */
  crash(isHeadWritten: boolean): void {
    this.core = undefined;
    if (isHeadWritten && this.work[0]?.isWrite === true) this.work[0].run();
    this.work = [];
    this.streams.clear();
  }

  step(input: Input, nowMs: number): void {
    const { core } = this;
    if (core === undefined) return;
    const effects = core.step(input, nowMs + this.#skewMs, nowMs);
    for (const effect of effects) this.#perform(effect, nowMs);
  }

  /** When the core wants a tick. */
  get dueMs(): number {
    return (this.core?.nextTickMs ?? Number.POSITIVE_INFINITY) - this.#skewMs;
  }

  /** Finishes what the disk was asked for first. */
  finishWork(nowMs: number): void {
    const work = this.work.shift();
    if (work !== undefined) this.step(work.run(), nowMs);
  }

  /** Stores what clients see, as far as it is in the own log, and drops the log below. */
  checkpoint(): void {
    const { disk } = this;
    const lastZxid = disk.log.at(-1)?.zxid ?? disk.checkpointZxid;
    if (!this.isServing || this.treeZxid > lastZxid || this.treeZxid <= disk.checkpointZxid) return;
    disk.checkpoint = [...this.tree];
    disk.checkpointZxid = this.treeZxid;
    disk.log = disk.log.filter(({ zxid }) => zxid > disk.checkpointZxid);
  }

  #perform(effect: Effect, nowMs: number): void {
    const { disk } = this;
    switch (effect.kind) {
      case "append":
        return this.#ask(true, () => {
          disk.log.push(...txnsOf(effect.batch));
          return { kind: "durable", zxid: effect.batch.lastZxid };
        });
      case "store-epoch":
        return this.#ask(true, () => {
          disk[effect.which] = effect.epoch;
          return { kind: "epoch-stored", which: effect.which, epoch: effect.epoch };
        });
      case "truncate":
        return this.#ask(true, () => this.#truncate(effect.through, effect.reload));
      case "receive-snapshot":
        return this.#ask(false, () => this.#receive(effect.link));
      case "install":
        return this.#ask(true, () => {
          disk.checkpoint = [...this.tree];
          disk.checkpointZxid = this.treeZxid;
          disk.log = [];
          disk.current = effect.epoch;
          return { kind: "installed", members: "" };
        });
      case "reload":
        return this.#ask(false, () => {
          this.#reload();
          return { kind: "reloaded" };
        });
      case "deliver":
        return this.#apply(effect.batch);
      case "lead": {
        const preparer = { prepare: prepareToy, prepareReconfig: prepareToyReconfig };
        return this.step({ kind: "led", preparer, sessions: [] }, nowMs);
      }
      case "membership":
        if (effect.isCommitted) disk.members = effect.text;
        return this.#outside.effect(this, effect);
      case "status":
        if (effect.status.serving === "read-write") this.#outside.applied(this);
        return this.#outside.effect(this, effect);
      default:
        return this.#outside.effect(this, effect);
    }
  }

  #ask(isWrite: boolean, run: () => Input): void {
    this.work.push({ isWrite, run });
  }

  #apply(batch: LogBatch): void {
    for (const txn of txnsOf(batch)) {
      if (txn.zxid <= this.treeZxid) throw new Error(`server ${this.sid} applied out of order`);
      this.tree.push(txn);
      this.treeZxid = txn.zxid;
    }
    if (this.isServing) this.#outside.applied(this);
  }

  #truncate(through: Zxid, reload: boolean): Input {
    const { disk } = this;
    const isThere =
      through === disk.checkpointZxid || disk.log.some(({ zxid }) => zxid === through);
    if (isThere) disk.log = disk.log.filter(({ zxid }) => zxid <= through);
    if (isThere && reload) this.#reload();
    return { kind: "truncated", ok: isThere };
  }

  #receive(link: LinkId): Input {
    const stream = this.streams.get(link);
    this.streams.delete(link);
    this.tree = [...(stream?.txns ?? [])];
    this.treeZxid = stream?.zxid ?? 0;
    return { kind: "snapshot-received", ok: stream !== undefined };
  }

  #reload(): void {
    const { disk } = this;
    this.tree = [...disk.checkpoint, ...disk.log];
    this.treeZxid = disk.log.at(-1)?.zxid ?? disk.checkpointZxid;
  }
}

/** Session, cxid, zxid, time, type: a TxnHeader, and no body. */
export const prepareToy: Preparer["prepare"] = (request, stamp, out, refusal) => {
  out.int(request.session.high);
  out.int(request.session.low);
  out.int(request.cxid);
  out.long(stamp.zxid);
  out.long(stamp.timeMs);
  out.int(refusal === undefined ? request.opcode : OPCODES.error);
};

/** The same with a body, that of a setData. */
export const prepareToyReconfig: Preparer["prepareReconfig"] = (request, stamp, out, members) => {
  prepareToy(request, stamp, out);
  out.string("/zookeeper/config");
  out.buffer(new TextEncoder().encode(members));
  out.int(-1);
  return true;
};

/** A write with a number to know it by. */
export function writeRequest(cxid: number): Input & { readonly kind: "request" } {
  const session = new SessionId(0x0100_0000, 1);
  const bytes = new Uint8Array(0);
  const opcode = OPCODES.setData;
  return {
    kind: "request",
    request: { session, cxid, opcode, bytes, bodyStart: 0, bodyEnd: 0, ids: [] },
  };
}

/** A change of members: those that leave, and lines of those that join. */
export function reconfigRequest(
  cxid: number,
  leaving: string | null,
  joining: string | null,
  rest: { readonly members?: string; readonly from?: Zxid } = {},
): Input & { readonly kind: "request" } {
  const out = new JuteWriter();
  out.string(joining);
  out.string(leaving);
  out.string(rest.members ?? null);
  out.long(rest.from ?? -1);
  const { request } = writeRequest(cxid);
  const bytes = out.copy();
  const body = { opcode: OPCODES.reconfig, bytes, bodyStart: 0, bodyEnd: bytes.length };
  return { kind: "request", request: { ...request, ...body } };
}

/** One batch of transactions. */
export function batchOf(txns: readonly Txn[]): LogBatch {
  const out = new JuteWriter();
  for (const { zxid, cxid, members } of txns) {
    const at = out.reserve(4);
    const { request } = writeRequest(cxid);
    const stamp = { zxid, timeMs: 0 };
    if (members === undefined) prepareToy(request, stamp, out);
    else {
      const reconfig = { ...request, opcode: OPCODES.reconfig };
      prepareToyReconfig(reconfig, stamp, out, members);
    }
    out.intAt(at, out.length - at - 4);
  }
  const firstZxid = txns[0]?.zxid ?? 0;
  const lastZxid = txns.at(-1)?.zxid ?? 0;
  return { firstZxid, lastZxid, count: txns.length, bytes: out.copy() };
}

/** What is in a batch. */
export function txnsOf(batch: LogBatch): Txn[] {
  const { bytes } = batch;
  const txns: Txn[] = [];
  let at = 0;
  for (const zxid of zxidsOf(batch)) {
    const end = at + 4 + getInt(bytes, at);
    const txn = { zxid, cxid: getInt(bytes, at + 12) };
    const reader = new JuteReader(bytes, at + 36, end);
    txns.push(at + 36 === end ? txn : { ...txn, members: membersOf(reader) });
    at = end;
  }
  return txns;
}

function membersOf(reader: JuteReader): string {
  reader.string();
  return reader.text();
}
