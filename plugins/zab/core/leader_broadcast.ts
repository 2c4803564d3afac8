import type { Preparer, WriteRequest } from "../../../core/contracts/consensus.ts";
import type { LogBatch } from "../../../core/contracts/storage.ts";
import type { ErrorName } from "../../../core/errors/zk_error.ts";
import { getInt, JuteWriter } from "../../../core/wire/jute.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import type { SessionId } from "../../../core/wire/session_id.ts";
import { COUNTER_MAX, counterOf, makeZxid, type Zxid } from "../../../core/wire/zxid.ts";
import type { QuorumPacket, ServerId } from "../messages.ts";
import type { LinkId } from "./input.ts";
import { LeaderReconfig } from "./leader_reconfig.ts";
import type { LeaderSessions } from "./leader_sessions.ts";
import { type CommitPacket, type LearnerLink, LOCAL } from "./learner_link.ts";
import type { Peer } from "./peer.ts";

/** Bytes at which a batch is proposed although the turn goes on. */
const BATCH_BYTES_MAX = 1024 * 1024;
/** Batches are cut from buffers of this size, which live as long as one of their batches. */
const SLAB_BYTES = 1024 * 1024;
/** A buffer begins with so much, and grows: many a leader never proposes more. */
const OUT_BYTES_FRESH = 16 * 1024;
/** What a busy turn brings: with less room than this a new buffer is begun; growing copies. */
const BATCH_BYTES_USUAL = 256 * 1024;
const NOTHING = new Uint8Array(0);

/** A sync that waits. */
interface Sync {
  /** What must be committed first. */
  readonly after: Zxid;
  /** The round of pings that a quorum must have answered. */
  readonly round: number;
  readonly from: LinkId;
}

/** What the leader hands to its last phase. */
export interface BroadcastParts {
  readonly epoch: number;
  readonly links: ReadonlyMap<LinkId, LearnerLink>;
  readonly preparer: Preparer;
  readonly sessions: LeaderSessions;
}

/**
 * Phase 3 of a leader: prepares requests in the order in which they come, proposes what one turn
 * brought as a batch, and commits what a quorum has on disk (PP 5.1).
 */
export class LeaderBroadcast {
  readonly sessions: LeaderSessions;
  readonly #peer: Peer;
  readonly #parts: BroadcastParts;
  #out = new JuteWriter(OUT_BYTES_FRESH);
  #batchStart = 0;
  #batchFirst: Zxid = 0;
  #batchTimeMs = 0;
  /** The zxid before the first of the epoch. */
  readonly #start: Zxid;
  /** Last zxid given to a request, whether proposed yet or not. */
  #prepared: Zxid;
  #committed: Zxid;
  /** Asked for and not answered, in order. */
  #syncs: Sync[] = [];
  /** Rounds of pings so far: one for each turn in which somebody asked for a sync. */
  #round = 0;
  /** Newest round that a quorum is known to have answered. */
  #roundAnswered = 0;
  #isExhausted = false;
  readonly #reconfig: LeaderReconfig;
  #heir: ServerId | undefined;

  constructor(peer: Peer, parts: BroadcastParts) {
    this.#peer = peer;
    this.#parts = parts;
    this.sessions = parts.sessions;
    this.#start = makeZxid(parts.epoch, peer.options.initialCounter ?? 0);
    this.#prepared = this.#start;
    this.#committed = peer.log.last;
    this.#reconfig = new LeaderReconfig(peer, parts.links);
  }

  /** Everything up to here is committed. */
  get committed(): Zxid {
    return this.#committed;
  }

  /** Last zxid proposed; that which starts the epoch before the first. */
  get proposed(): Zxid {
    return Math.max(this.#peer.log.last, this.#start);
  }

  /** The counter of this epoch is used up: only another leader can go on (ZOOKEEPER-1277). */
  get isExhausted(): boolean {
    return this.#isExhausted;
  }

  /**
   * Who leads by the members now in force, when this server does not: it takes and commits nothing
   * any more.
   */
  get heir(): ServerId | undefined {
    return this.#heir;
  }

  /** Gives a request its place in the order of all writes. */
  request(request: WriteRequest, from: LinkId): void {
    const { session, opcode } = request;
    if (opcode === OPCODES.sync) return this.sync(from);
    const zxid = this.#prepared + 1;
    if (counterOf(zxid) === COUNTER_MAX) this.#isExhausted = true;
    if (this.#isExhausted || this.#heir !== undefined) return;
    const isFirst = this.#batchFirst === 0;
    // One look at the clock for a batch: what is proposed together has the same time.
    if (isFirst) this.#batchTimeMs = this.#peer.wallMs;
    const at = this.#out.reserve(4);
    try {
      this.#prepare(request, zxid, this.#refusal(session, opcode, from));
    } catch (error) {
      this.#out.truncate(at); // A bug of ours; half a transaction must not reach the log.
      throw error;
    }
    this.#out.intAt(at, this.#out.length - at - 4);
    this.#prepared = zxid;
    if (isFirst) this.#batchFirst = zxid;
    this.#noteSession(request, from);
    if (from !== LOCAL) {
      this.#parts.links.get(from)?.wrote(zxid, this.#out.length - at, this.#committed);
    }
    if (this.#out.length - this.#batchStart >= BATCH_BYTES_MAX) this.#propose();
  }

  #prepare(request: WriteRequest, zxid: Zxid, refusal: ErrorName | undefined): void {
    const { preparer } = this.#parts;
    const stamp = { zxid, timeMs: this.#batchTimeMs };
    if (request.opcode !== OPCODES.reconfig || refusal !== undefined) {
      return preparer.prepare(request, stamp, this.#out, refusal);
    }
    const next = this.#reconfig.decide(request, zxid);
    if (typeof next === "string") return preparer.prepare(request, stamp, this.#out, next);
    const isAllowed = preparer.prepareReconfig(request, stamp, this.#out, `${next}`);
    if (isAllowed) this.#reconfig.prepared(zxid);
  }

  /**
   * Answered once all that this leader has proposed by now is committed (PP 5.3), and a quorum has
   * shown that it still followed after that: else another leader might have committed more.
   */
  sync(from: LinkId): void {
    this.#syncs.push({ after: this.#prepared, round: this.#round + 1, from });
    this.#parts.links.get(from)?.syncBegun(this.#committed);
  }

  /** Syncs asked for and not answered. */
  get pendingSyncs(): number {
    return this.#syncs.length;
  }

  /** The round of pings now under way. */
  get round(): number {
    return this.#round;
  }

  /** Closes the sessions that were not heard of for their time-out. */
  expire(): void {
    for (const session of this.sessions.expire(this.#peer.nowMs)) {
      const owner = this.#parts.links.get(this.sessions.ownerOf(session));
      if (owner?.isHeld === true) {
        // Its client is not heard because its server is not read.
        this.sessions.add(session, this.#peer.options.tickTimeMs, this.#peer.nowMs);
        continue;
      }
      this.#peer.note("info", "session expired", { session: session.toString() });
      this.request(closeRequest(session), LOCAL);
    }
  }

  /** Proposes what was prepared, commits what may be, and answers syncs. */
  flush(): void {
    this.#propose();
    this.#askForSyncs();
    this.commit();
  }

  /**
   * Commits as far as a quorum has everything on disk, in order. The own log counts like any other,
   * and only what is durable in it. A sync is answered before any write that came after it.
   */
  commit(): void {
    if (this.#heir !== undefined) return;
    // Most of what comes, as answers to pings, has nothing to wait for.
    if (this.#committed >= this.#peer.log.last && this.#syncs.length === 0) return;
    const through = this.#quorumHas();
    while (this.#committed < through) {
      this.#answerSyncs(through);
      const next = Math.min(this.#syncs[0]?.after ?? through, through);
      const version = this.#peer.pending?.version ?? next + 1;
      if (version > next) {
        this.#commitTo(next);
        continue;
      }
      this.#activate(version);
      return this.commit(); // What follows is counted by the new members alone.
    }
    this.#answerSyncs(through);
  }

  /** Commits up to new members, and puts them into force (PP 7.3). */
  #activate(version: Zxid): void {
    const peer = this.#peer;
    const { log, pending } = peer;
    const before = log.lastUpTo(version - 1);
    if (before > this.#committed) this.#commitTo(before);
    const heir = pending === undefined ? peer.sid : this.#reconfig.heirTo(pending);
    const [batch] = log.between(before, version);
    peer.activateMembership(version);
    for (const link of this.#parts.links.values()) {
      if (!link.isForwarding || batch === undefined) continue;
      if (link.isObserver) link.send({ kind: "inform-and-activate", batch, leader: heir });
      else link.commit({ kind: "commit-and-activate", zxid: version, leader: heir });
    }
    this.#committed = version;
    for (const link of this.#parts.links.values()) link.progressed(version);
    peer.deliver(version);
    if (heir !== peer.sid) this.#heir = heir;
  }

  /** Pings at once for syncs of this turn. */
  #askForSyncs(): void {
    const newest = this.#syncs.at(-1);
    if (newest === undefined || newest.round === this.#round) return;
    this.#round = newest.round;
    for (const link of this.#parts.links.values()) {
      if (link.isVoting && link.stage === "serving") link.ping(this.proposed, this.#round);
    }
  }

  #commitTo(through: Zxid): void {
    const after = this.#committed;
    this.#committed = through;
    const { log } = this.#peer;
    const batches = log.between(after, through);
    const first = batches[0]?.firstZxid ?? through;
    const commits: CommitPacket = { kind: "commits", first, last: through };
    for (const link of this.#parts.links.values()) {
      link.progressed(through);
      if (!link.isForwarding) continue;
      if (!link.isObserver) link.commit(commits);
      else for (const batch of batches) link.send({ kind: "informs", batch });
    }
    this.#peer.deliver(through);
  }

  #refusal(session: SessionId, opcode: number, from: LinkId): ErrorName | undefined {
    if (opcode === OPCODES.reconfig && !this.#peer.options.reconfigEnabled) {
      return "ReconfigDisabled";
    }
    // Alone it would be logged, and no version of Apache's can read that again (PP 2).
    if (opcode === OPCODES.check) return "Unimplemented";
    return session.isZero ? undefined : this.sessions.refusal(session, opcode, from);
  }

  #noteSession({ session, opcode, bytes, bodyStart }: WriteRequest, from: LinkId): void {
    if (opcode === OPCODES.closeSession) this.sessions.close(session);
    if (opcode !== OPCODES.createSession) return;
    this.sessions.create(session, getInt(bytes, bodyStart), from, this.#peer.nowMs);
  }

  #propose(): void {
    if (this.#batchFirst === 0) return;
    const { bytes, length } = this.#out;
    const batch: LogBatch = {
      firstZxid: this.#batchFirst,
      lastZxid: this.#prepared,
      count: this.#prepared - this.#batchFirst + 1,
      bytes: bytes.subarray(this.#batchStart, length),
    };
    this.#batchFirst = 0;
    this.#batchStart = length;
    if (length > SLAB_BYTES - BATCH_BYTES_USUAL) {
      this.#out.detach(SLAB_BYTES);
      this.#batchStart = 0;
    }
    const packet: QuorumPacket = { kind: "proposals", batch };
    for (const link of this.#parts.links.values()) {
      if (link.isForwarding && !link.isObserver) link.send(packet);
    }
    this.#peer.append(batch);
  }

  /**
   * Highest zxid that a quorum has on disk, of those proposed in this epoch. With a long backlog no
   * more than what is on the own disk: what others have would pile up here without a bound.
   */
  #quorumHas(): Zxid {
    const peer = this.#peer;
    const acked = new Map<ServerId, Zxid>([[peer.sid, peer.durable]]);
    for (const link of this.#parts.links.values()) {
      if (link.isVoting && link.isForwarding) acked.set(link.sid, link.acked);
    }
    let best: Zxid = 0;
    for (const zxid of acked.values()) {
      if (zxid > best && peer.hasQuorum((sid) => (acked.get(sid) ?? 0) >= zxid)) best = zxid;
    }
    return Math.min(best, peer.hasBacklog ? peer.durable : peer.log.last);
  }

  /** @param through a quorum has this on disk. */
  #answerSyncs(through: Zxid): void {
    let local = 0;
    let count = 0;
    for (const { after, round, from } of this.#syncs) {
      if (after > this.#committed && after > this.#start) break;
      // Whoever has what was proposed after the sync has followed after it, as if it was pinged.
      if (through <= after && !this.#isAnswered(round)) break;
      count += 1;
      if (from === LOCAL) {
        local += 1;
        continue;
      }
      const link = this.#parts.links.get(from);
      link?.send({ kind: "sync" });
      link?.syncDone(this.#committed);
    }
    if (count > 0) this.#syncs = this.#syncs.slice(count);
    if (local > 0) this.#peer.emit({ kind: "synced", count: local });
  }

  /** Whether a quorum followed this leader after the round began. */
  #isAnswered(round: number): boolean {
    if (round <= this.#roundAnswered) return true;
    const peer = this.#peer;
    const sids = new Set([peer.sid]);
    for (const link of this.#parts.links.values()) {
      if (link.isVoting && link.answered >= round) sids.add(link.sid);
    }
    if (!peer.hasQuorum((sid) => sids.has(sid))) return false;
    this.#roundAnswered = round;
    return true;
  }
}

function closeRequest(session: SessionId): WriteRequest {
  const { closeSession: opcode } = OPCODES;
  return { session, cxid: 0, opcode, bytes: NOTHING, bodyStart: 0, bodyEnd: 0, ids: [] };
}
