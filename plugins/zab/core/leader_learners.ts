import { EPOCH_MAX, epochOf, makeZxid, type Zxid } from "../../../core/wire/zxid.ts";
import {
  type LearnerInfo,
  PROTOCOL_VERSION,
  type QuorumPacket,
  type ServerId,
} from "../messages.ts";
import type { Input, LinkId } from "./input.ts";
import type { LeaderBroadcast } from "./leader_broadcast.ts";
import type { LeaderDiscovery } from "./leader_discovery.ts";
import { isLogShorter, planSync } from "./leader_sync.ts";
import { LearnerLink } from "./learner_link.ts";
import type { Peer } from "./peer.ts";

/** Learners without a vote that may be sent snapshots at once; the next one is to come again. */
const SNAPSHOTS_MAX = 10;
/** Learners that no membership names. */
const STRANGERS_MAX = 32;
/** Links of one server. */
const RIVALS_MAX = 4;
/** How far a promised epoch may be ahead of all known: a liar must not use all of them up. */
const EPOCHS_AHEAD_MAX = 1000;
/** What learners send once they have introduced themselves. */
const LEARNER_KINDS: readonly QuorumPacket["kind"][] = [
  "ack-epoch",
  "acks",
  "ping",
  "request",
  "revalidate",
];

/**
 * Phase 2 of a leader: brings every learner to its own history, whenever it comes, and hands it
 * over to the live stream without a gap (PP 4.4).
 */
export class LeaderLearners {
  readonly links: Map<LinkId, LearnerLink> = new Map();
  readonly #peer: Peer;
  readonly #discovery: LeaderDiscovery;
  readonly #snapshots = new Set<LearnerLink>();
  #broadcast: LeaderBroadcast | undefined;
  /** Members that have promised a later epoch, and when they first said so, monotonic ms. */
  readonly #beyond = new Map<ServerId, number>();

  constructor(peer: Peer, discovery: LeaderDiscovery) {
    this.#peer = peer;
    this.#discovery = discovery;
  }

  heard(id: LinkId): void {
    const link = this.links.get(id);
    if (link !== undefined) link.heardMs = this.#peer.nowMs;
  }

  remove(id: LinkId): void {
    const link = this.links.get(id);
    if (link === undefined) return;
    this.links.delete(id);
    this.#snapshots.delete(link);
    for (const other of this.links.values()) {
      if (other.rival !== link) continue;
      other.rival = link.rival;
      if (other.rival === undefined) this.#believe(other);
    }
  }

  /** Takes a packet of any stage. @returns its sender, if that is served by now. */
  receive(id: LinkId, packet: QuorumPacket): LearnerLink | undefined {
    const link = this.links.get(id);
    if (link === undefined) {
      this.#admit(id, packet);
      return undefined;
    }
    link.heardMs = this.#peer.nowMs;
    if (!LEARNER_KINDS.includes(packet.kind)) {
      this.#close(link, `sent ${packet.kind}, which no learner sends here`);
      return undefined;
    }
    this.#answerRivals(link);
    if (packet.kind === "acks") this.#acked(link, packet.first, packet.last);
    else if (packet.kind === "ack-epoch") this.#promised(link, packet);
    return link.stage === "serving" ? link : undefined;
  }

  /** Whether voters with this one's history, it included, are a quorum. */
  haveQuorum(): boolean {
    return this.#isQuorum((link) => link.stage === "synced" || link.stage === "serving");
  }

  /** Whether enough voters are still there for anything to be committed. */
  isQuorumConnected(): boolean {
    return this.#isQuorum((link) => link.stage === "serving");
  }

  /**
   * A member that could not join for `initLimit` ticks because it has promised a later epoch: no
   * learner goes back, so a new epoch is needed. Waiting bounds what a liar can disturb.
   */
  get shutOut(): ServerId | undefined {
    const { nowMs, options } = this.#peer;
    for (const [sid, sinceMs] of this.#beyond) {
      if (nowMs - sinceMs >= this.#peer.ticks(options.initLimit)) return sid;
    }
    return undefined;
  }

  advance(): void {
    for (const link of this.links.values()) {
      const isNext = link.stage === "connected" && link.rival === undefined;
      if (isNext && this.#discovery.isEpochFixed) {
        link.stage = "informed";
        this.#discovery.inform(link);
      }
      if (link.stage === "waiting" && this.#discovery.isDone) this.#synchronise(link);
    }
  }

  /** The leader serves, and so do those that have its history. */
  begin(broadcast: LeaderBroadcast): void {
    this.#broadcast = broadcast;
    for (const link of this.links.values()) if (link.stage === "synced") link.serve();
  }

  /** Pings, and gives up those that do not do what is asked of them in time. */
  tick(zxid: Zxid): void {
    for (const link of [...this.links.values()]) {
      this.#replaceRival(link);
      const complaint = link.complaint();
      if (complaint !== undefined) this.#close(link, complaint);
      // Also while it waits for others, so that it does not think that the leader is gone.
      else if (link.stage === "serving" || link.stage === "synced") {
        link.ping(zxid, this.#broadcast?.round ?? 0);
      }
    }
  }

  /** The stored log was looked at for a learner below the tail. */
  examined(found: Input & { readonly kind: "log-examined" }): void {
    const link = this.links.get(found.link);
    if (link === undefined || link.stage !== "examined") return;
    const { log, durable, options } = this.#peer;
    const { floor } = log;
    const { snapshotSizeFactor: factor } = options;
    const isShorter = isLogShorter(found.logBytes, found.snapshotBytes, factor);
    // The tail may have moved on meanwhile; what it left behind must be on disk to be read there.
    if (!found.ok || !isShorter || floor > durable) return this.#sendSnapshot(link);
    this.#sendHead(link, "diff", this.#committed);
    const { id, lastZxid } = link;
    this.#peer.emit({ kind: "send-log", link: id, after: lastZxid, through: floor });
    this.#sendRest(link, floor);
  }

  get #committed(): Zxid {
    return this.#broadcast?.committed ?? this.#peer.log.last;
  }

  #isQuorum(has: (link: LearnerLink) => boolean): boolean {
    const { sid: self } = this.#peer;
    // Asked with every packet: makes nothing.
    return this.#peer.hasQuorum((sid) => {
      if (sid === self) return true;
      for (const link of this.links.values()) {
        if (link.sid === sid && link.isVoting && has(link)) return true;
      }
      return false;
    });
  }

  #admit(id: LinkId, packet: QuorumPacket): void {
    const isInfo = packet.kind === "follower-info" || packet.kind === "observer-info";
    const refusal = isInfo ? this.#refusal(packet) : `began with ${packet.kind}`;
    if (!isInfo || refusal !== undefined) {
      const sid = isInfo ? packet.serverId : -1;
      this.#peer.note("warn", "learner refused", { peer: sid, reason: refusal ?? "" });
      return this.#peer.emit({ kind: "close", link: id, reason: refusal ?? "" });
    }
    const { serverId: sid, acceptedEpoch } = packet;
    const isObserver = packet.kind === "observer-info";
    const link = new LearnerLink(this.#peer, id, { sid, isObserver, acceptedEpoch });
    for (const old of this.links.values()) if (old.sid === sid) link.rival = old;
    this.links.set(id, link);
    if (link.rival === undefined) this.#believe(link);
  }

  /** Nobody else is there with its id: what it has promised counts. */
  #believe(link: LearnerLink): void {
    this.#discovery.named(link);
    this.#noteBeyond(link);
  }

  #noteBeyond(link: LearnerLink): void {
    const { epoch } = this.#discovery;
    if (epoch === 0 || link.acceptedEpoch <= epoch) return;
    if (!this.#peer.isMember(link.sid)) return;
    this.#peer.epochSeen = Math.max(this.#peer.epochSeen, link.acceptedEpoch);
    if (!this.#beyond.has(link.sid)) this.#beyond.set(link.sid, this.#peer.nowMs);
  }

  #refusal(info: LearnerInfo): string | undefined {
    const { sid, membership, pending } = this.#peer;
    if (info.protocolVersion < PROTOCOL_VERSION) return "speaks a protocol older than 3.4";
    if (info.serverId === sid) return "claims to be this server";
    if (info.acceptedEpoch < 0 || info.acceptedEpoch >= EPOCH_MAX - 1) return "epoch out of range";
    const known = Math.max(this.#peer.acceptedEpoch, this.#peer.epochSeen);
    if (info.acceptedEpoch > known + EPOCHS_AHEAD_MAX) return "promised an epoch too far ahead";
    const { version } = pending ?? membership;
    if (info.membershipVersion > version) return "knows newer members";
    return this.#crowdRefusal(info.serverId);
  }

  #crowdRefusal(sid: ServerId): string | undefined {
    const { membership, pending } = this.#peer;
    const isMember = (id: ServerId): boolean => {
      return membership.members.has(id) || pending?.members.has(id) === true;
    };
    const all = [...this.links.values()];
    if (all.filter((link) => link.sid === sid).length >= RIVALS_MAX) {
      return "too many learners with this id";
    }
    const isCrowd = all.filter((link) => !isMember(link.sid)).length >= STRANGERS_MAX;
    return isCrowd && !isMember(sid) ? "too many learners that no membership names" : undefined;
  }

  /** Whoever is there and answers keeps its name: the other is a stranger. */
  #answerRivals(link: LearnerLink): void {
    for (const other of [...this.links.values()]) {
      if (other.rival === link) this.#close(other, "another learner with this id is there");
    }
  }

  /** Whoever was silent for a tick since the other came is that other, come back. */
  #replaceRival(link: LearnerLink): void {
    const { nowMs, options } = this.#peer;
    if (link.rival === undefined || link.rival.isHeld) return;
    if (nowMs - Math.max(link.openedMs, link.rival.releasedMs) < options.tickTimeMs) return;
    this.#close(link.rival, "came again on another link");
  }

  #promised(link: LearnerLink, packet: QuorumPacket & { readonly kind: "ack-epoch" }): void {
    if (link.stage !== "informed") return this.#close(link, "promised an epoch out of place");
    link.stage = "waiting";
    this.#beyond.delete(link.sid);
    link.lastZxid = Math.max(0, packet.lastZxid);
    if (packet.lastZxid >= 0) this.#discovery.promised(link, packet.currentEpoch);
  }

  /** ACK of NEWLEADER, of UPTODATE, or of proposals: those may even come first (ZOOKEEPER-4685). */
  #acked(link: LearnerLink, first: Zxid, last: Zxid): void {
    const { epoch } = this.#discovery;
    if (first === makeZxid(epoch, 0)) {
      if (link.stage !== "syncing") return;
      link.stage = "synced";
      this.#snapshots.delete(link);
      if (this.#broadcast !== undefined) link.serve();
      return;
    }
    if (epochOf(last) !== epoch) return;
    // Nothing that this leader has not proposed can be acknowledged to it.
    const proposed = this.#peer.log.last;
    if (first > proposed) return this.#close(link, "acknowledged what was not proposed");
    if (last > proposed || !link.isForwarding) return;
    link.acked = Math.max(link.acked, last);
  }

  #close(link: LearnerLink, reason: string): void {
    this.remove(link.id);
    this.#peer.note("warn", "learner given up", { peer: link.sid, reason });
    this.#peer.emit({ kind: "close", link: link.id, reason });
  }

  #synchronise(link: LearnerLink): void {
    const { log } = this.#peer;
    const { historyEpoch } = this.#discovery;
    const plan = planSync({ log, committed: this.#committed, historyEpoch }, link.lastZxid);
    switch (plan.mode) {
      case "snap":
        return this.#sendSnapshot(link);
      case "examine":
        link.stage = "examined";
        return this.#peer.emit({
          kind: "examine-log",
          link: link.id,
          after: link.lastZxid,
          through: log.floor,
        });
      case "diff":
        this.#sendHead(link, "diff", this.#committed);
        return this.#sendRest(link, plan.after);
      case "trunc":
        this.#sendHead(link, "trunc", plan.after);
        return this.#sendRest(link, plan.after);
    }
  }

  #sendHead(link: LearnerLink, kind: "diff" | "trunc", zxid: Zxid): void {
    this.#noteMode(link, kind, zxid);
    link.send({ kind, zxid });
  }

  #sendSnapshot(link: LearnerLink): void {
    if (!link.isVoting && this.#snapshots.size >= SNAPSHOTS_MAX) {
      return this.#close(link, "too many snapshots at once");
    }
    this.#snapshots.add(link);
    const { applied } = this.#peer.log;
    this.#noteMode(link, "snap", applied);
    this.#peer.emit({ kind: "send-snapshot", link: link.id });
    this.#sendRest(link, applied);
  }

  /**
   * What is above `after`: with its commit as far as it is committed, the rest as proposals. In the
   * same step the learner joins the live stream, so nothing falls between; NEWLEADER comes behind
   * all of it (ZOOKEEPER-3104).
   */
  #sendRest(link: LearnerLink, after: Zxid): void {
    const { log } = this.#peer;
    const committed = this.#committed;
    for (const batch of log.between(after, committed)) link.send({ kind: "history", batch });
    if (!link.isObserver) {
      const from = Math.max(after, committed);
      for (const batch of log.between(from, log.last)) link.send({ kind: "proposals", batch });
    }
    link.stage = "syncing";
    const { membership, pending } = this.#peer;
    const text = (pending ?? membership).toString();
    link.send({ kind: "new-leader", epoch: this.#discovery.epoch, membership: text });
  }

  #noteMode(link: LearnerLink, mode: string, zxid: Zxid): void {
    const fields = { peer: link.sid, mode: mode.toUpperCase(), zxid };
    this.#peer.note("info", "learner synchronised", fields);
  }
}
