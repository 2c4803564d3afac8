import { partOfBatch } from "../../../core/contracts/log_batch.ts";
import type { LogBatch } from "../../../core/contracts/storage.ts";
import { makeZxid, type Zxid } from "../../../core/wire/zxid.ts";
import type { QuorumPacket } from "../messages.ts";
import type { Input, LinkId } from "./input.ts";
import type { LearnerContext, LearnerPhase } from "./learner_discovery.ts";
import { LearnerLog } from "./learner_log.ts";

/**
 * Phase 2 of a learner: makes its history that of the leader (PP 4.5). With DIFF and TRUNC what
 * comes goes into the log at once, and no snapshot is written, which would make joining slow
 * (ZOOKEEPER-2678); with SNAP it goes into the tree until the whole is installed.
 * NEWLEADER is acknowledged when all of it is on disk, and then the epoch.
 */
export class LearnerSync implements LearnerPhase {
  readonly #learner: LearnerContext;
  readonly #link: LinkId;
  readonly #epoch: number;
  readonly #log: LearnerLog;
  readonly #acked: () => void;
  readonly #done: (log: LearnerLog) => void;
  #mode: "unknown" | "log" | "tree" = "unknown";
  /** Packets that came while the disk was at work; undefined while it is not. */
  #held: QuorumPacket[] | undefined;
  /** After SNAP: last zxid in the tree, and proposals above it that are not committed. */
  #treeZxid: Zxid = 0;
  #staged: LogBatch[] = [];
  #stagedLast: Zxid = 0;
  #newestMembers = "";
  /** End of the log at NEWLEADER; undefined before it. */
  #newLeaderAt: Zxid | undefined;
  #isStoring = false;
  #hasAcked = false;

  readonly nextTickMs: number = Number.POSITIVE_INFINITY;

  constructor(
    learner: LearnerContext,
    at: { readonly link: LinkId; readonly epoch: number },
    acked: () => void,
    done: (log: LearnerLog) => void,
  ) {
    this.#learner = learner;
    this.#link = at.link;
    this.#epoch = at.epoch;
    this.#acked = acked;
    this.#done = done;
    this.#log = new LearnerLog(learner, at.epoch);
  }

  tick(): void {}

  packet(packet: QuorumPacket): void {
    if (this.#held !== undefined) {
      this.#held.push(packet);
      return;
    }
    switch (packet.kind) {
      case "diff":
      case "trunc":
      case "snap":
        return this.#begin(packet.kind, packet.zxid);
      case "proposals":
      case "history":
        this.#propose(packet.batch);
        if (packet.kind === "history") this.#commit(packet.batch.lastZxid);
        return;
      case "informs":
      case "inform-and-activate":
        this.#propose(packet.batch);
        return this.#commit(packet.batch.lastZxid);
      case "commits":
        return this.#commit(packet.last);
      case "commit-and-activate":
        return this.#commit(packet.zxid);
      case "new-leader":
        return this.#newLeader(packet.epoch, packet.membership);
      case "up-to-date":
        return this.#upToDate();
      default:
        return; // PING too is neither an error nor answered here.
    }
  }

  disk(input: Input): void {
    switch (input.kind) {
      case "truncated":
        return this.#truncated(input.ok);
      case "snapshot-received":
        if (!input.ok) return this.#learner.end("the snapshot did not arrive whole");
        return this.#release();
      case "installed":
        return this.#installed();
      case "durable":
        this.#storeEpochIfDurable();
        return this.#log.acknowledge();
      case "epoch-stored":
        return this.#acknowledgeLeader();
      default:
        return;
    }
  }

  #begin(kind: "diff" | "trunc" | "snap", zxid: Zxid): void {
    const { peer } = this.#learner;
    if (this.#mode !== "unknown") return this.#learner.end(`a second ${kind} in one sync`);
    this.#mode = kind === "snap" ? "tree" : "log";
    peer.note("info", "synchronising with the leader", { mode: kind.toUpperCase(), zxid });
    if (kind === "snap") {
      this.#treeZxid = zxid;
      this.#stagedLast = zxid;
      this.#held = [];
      return peer.receiveSnapshot(this.#link, zxid);
    }
    if (peer.needsSnapshot) return this.#learner.end(`${kind} where only a snapshot helps`);
    // DIFF moves nothing (ZOOKEEPER-2355); it only says that the leader has all that is here.
    if (kind === "diff" || zxid === peer.log.last) return this.#log.commit(peer.log.last);
    if (zxid > peer.log.last) return this.#learner.end("TRUNC above the end of the log");
    this.#held = [];
    peer.truncate(zxid);
  }

  #truncated(ok: boolean): void {
    if (!ok) return this.#learner.end("the log cannot be cut where the leader says");
    this.#log.commit(this.#learner.peer.log.last);
    this.#release();
  }

  #propose(batch: LogBatch): void {
    if (this.#mode === "unknown") return this.#learner.end("proposals before DIFF, TRUNC or SNAP");
    if (this.#mode === "log") return this.#log.propose(batch);
    const fresh = this.#log.follow(batch, this.#stagedLast);
    if (fresh === undefined) return;
    this.#staged.push(fresh);
    this.#stagedLast = fresh.lastZxid;
  }

  #commit(zxid: Zxid): void {
    if (this.#mode === "log") return this.#log.commit(zxid);
    if (zxid <= this.#treeZxid) return;
    if (zxid > this.#stagedLast) return this.#learner.end("commit of what was not proposed");
    for (const staged of this.#staged) {
      const batch = partOfBatch(staged, this.#treeZxid, zxid);
      if (batch !== undefined) this.#learner.peer.emit({ kind: "deliver", batch });
    }
    this.#treeZxid = zxid;
    this.#staged = this.#staged.filter(({ lastZxid }) => lastZxid > zxid);
  }

  #newLeader(epoch: number, membership: string): void {
    const { peer } = this.#learner;
    if (epoch !== this.#epoch) return this.#learner.end(`NEWLEADER of epoch ${epoch}`);
    if (this.#mode === "unknown" || this.#newLeaderAt !== undefined) {
      return this.#learner.end("NEWLEADER out of place");
    }
    if (this.#mode === "log") {
      peer.learnMembership(membership);
      this.#newLeaderAt = peer.log.last;
      return this.#storeEpochIfDurable();
    }
    this.#newLeaderAt = this.#treeZxid;
    this.#newestMembers = membership;
    this.#held = [];
    peer.install(epoch, this.#treeZxid);
  }

  /** Transactions first, then the epoch (ZOOKEEPER-4643, 4785), then the ACK (3023, 3911, 4646). */
  #storeEpochIfDurable(): void {
    const { peer } = this.#learner;
    if (this.#mode !== "log" || this.#newLeaderAt === undefined || this.#isStoring) return;
    if (peer.durable < this.#newLeaderAt) return;
    this.#isStoring = true;
    if (peer.currentEpoch === this.#epoch) return this.#acknowledgeLeader();
    peer.storeEpoch("current", this.#epoch);
  }

  #installed(): void {
    this.#mode = "log";
    this.#learner.peer.learnMembership(this.#newestMembers);
    this.#log.commit(this.#treeZxid);
    // What is not committed yet stays, and goes into the log now (ZOOKEEPER-4394).
    for (const staged of this.#staged) this.#log.propose(staged);
    this.#staged = [];
    this.#isStoring = true;
    this.#acknowledgeLeader();
    this.#release();
  }

  #acknowledgeLeader(): void {
    if (this.#hasAcked) return;
    this.#hasAcked = true;
    const zxid = makeZxid(this.#epoch, 0);
    this.#learner.send({ kind: "acks", first: zxid, last: zxid });
    this.#acked();
    this.#log.beginAcks();
  }

  #upToDate(): void {
    if (!this.#hasAcked) return this.#learner.end("UPTODATE before NEWLEADER was acknowledged");
    const zxid = makeZxid(this.#epoch, 0);
    this.#learner.send({ kind: "acks", first: zxid, last: zxid });
    this.#log.beginDelivery();
    this.#done(this.#log);
  }

  /** Takes up what came meanwhile. */
  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const packet of held) this.packet(packet);
  }
}
