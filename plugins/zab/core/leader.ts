import type { SessionTracker, SessionTracking } from "../../../core/contracts/sessions.ts";
import type { SessionId } from "../../../core/wire/session_id.ts";
import { makeZxid, type Zxid } from "../../../core/wire/zxid.ts";
import type { QuorumPacket, ServerId } from "../messages.ts";
import type { Input, LinkId } from "./input.ts";
import { LeaderBroadcast } from "./leader_broadcast.ts";
import { LeaderDiscovery } from "./leader_discovery.ts";
import { LeaderLearners } from "./leader_learners.ts";
import { LeaderSessions } from "./leader_sessions.ts";
import { type LearnerLink, LOCAL } from "./learner_link.ts";
import type { Peer } from "./peer.ts";
import type { Role } from "./role.ts";

/**
 * The leader of one epoch: opens its port, settles the epoch, has a quorum take over its history,
 * and only then prepares and proposes (PP 6.1). Gives up when it has no quorum of learners.
 */
export class Leader implements Role {
  readonly #peer: Peer;
  readonly #tracking: SessionTracking;
  readonly #discovery: LeaderDiscovery;
  readonly #learners: LeaderLearners;
  #broadcast: LeaderBroadcast | undefined;
  #stage: "opening" | "discovery" | "synchronisation" | "activating" | "broadcast" = "opening";
  #stageEndsMs: number;
  #nextTickMs: number;
  #isWholeTick = false;
  readonly #sinceMs: number;
  /** Voters that looked for another leader after they had elected this one. */
  readonly #doubters = new Set<ServerId>();
  /** When this leader goes although not all have left that shall follow another; ms. */
  #handOverEndsMs: number | undefined;
  /** How far the own disk was, and when it was seen to be there or not to be needed, ms. */
  #disk: { readonly zxid: Zxid; readonly atMs: number };
  #ended: string | undefined;

  constructor(peer: Peer, tracking: SessionTracking) {
    this.#peer = peer;
    this.#tracking = tracking;
    this.#sinceMs = peer.nowMs;
    this.#disk = { zxid: peer.durable, atMs: peer.nowMs };
    this.#stageEndsMs = this.#stageEnd();
    this.#nextTickMs = peer.nowMs + peer.ticks(0.5);
    this.#discovery = new LeaderDiscovery(peer);
    this.#learners = new LeaderLearners(peer, this.#discovery);
    peer.state = "leading";
    peer.emit({ kind: "listen" });
  }

  get ended(): string | undefined {
    return this.#ended;
  }

  get nextTickMs(): number {
    return this.#nextTickMs;
  }

  /** Sessions, once it serves. */
  get tracker(): SessionTracker | undefined {
    return this.#broadcast?.sessions;
  }

  get links(): ReadonlyMap<LinkId, LearnerLink> {
    return this.#learners.links;
  }

  /** Syncs asked for and not answered. */
  get pendingSyncs(): number {
    return this.#broadcast?.pendingSyncs ?? 0;
  }

  step(input: Input): void {
    switch (input.kind) {
      case "listening":
        if (!input.ok) return this.#end("the quorum port cannot be opened");
        this.#stage = "discovery";
        break;
      case "packet":
        this.#packet(input.link, input.packet);
        // What comes in thousands a second moves no stage.
        if (input.packet.kind === "request") return;
        break;
      case "progress":
        this.#learners.heard(input.link);
        return;
      case "closed":
        this.#learners.remove(input.link);
        break;
      case "log-examined":
        this.#learners.examined(input);
        break;
      case "led":
        this.#begin(input);
        break;
      case "tick":
        this.#tick();
        break;
      case "request":
        this.#broadcast?.request(input.request, LOCAL);
        return;
      case "sync":
        this.#broadcast?.sync(LOCAL);
        return;
      case "revalidate":
        return this.#revalidate(input.session, input.timeoutMs);
      case "durable":
      case "backlog":
        this.#broadcast?.commit();
        return;
      case "flush":
        this.#broadcast?.flush();
        break;
      default:
        break;
    }
    this.#advance();
  }

  /** A voter looks for a leader in a later round than the one that chose this server. */
  doubted(by: ServerId): void {
    this.#doubters.add(by);
  }

  touch(session: SessionId, timeoutMs: number): void {
    this.#broadcast?.sessions.touch(session, timeoutMs, this.#peer.nowMs);
  }

  leave(): void {
    const peer = this.#peer;
    peer.emit({ kind: "unlisten" });
    for (const id of this.#learners.links.keys()) {
      peer.emit({ kind: "close", link: id, reason: this.#ended ?? "stopped" });
    }
    if (this.#stage === "broadcast" || this.#stage === "activating") peer.emit({ kind: "unlead" });
  }

  /** Goes as far as what is known allows; safe to call at any time. */
  #advance(): void {
    if (this.#ended !== undefined || this.#stage === "opening") return;
    const discovery = this.#discovery;
    const learners = this.#learners;
    discovery.advance();
    learners.advance();
    if (discovery.overtakenBy !== undefined) {
      return this.#end(`server ${discovery.overtakenBy} has more of the history`);
    }
    if (this.#stage === "discovery" && discovery.isDone) this.#enter("synchronisation");
    if (this.#stage === "synchronisation" && learners.haveQuorum()) this.#activate();
    if (this.#stage !== "broadcast") return;
    this.#considerHandOver();
    if (this.#broadcast?.isExhausted === true) return this.#end("the epoch has no zxid left");
    const { shutOut } = learners;
    if (shutOut !== undefined) return this.#end(`server ${shutOut} has promised a later epoch`);
    if (!learners.isQuorumConnected()) this.#end("a quorum of learners is gone");
  }

  /** Learners leave by themselves when they hear that another leads: they must hear it. */
  #considerHandOver(): void {
    const peer = this.#peer;
    const heir = this.#broadcast?.heir;
    if (heir === undefined && peer.isVoter(peer.sid)) return;
    peer.designated = heir;
    this.#handOverEndsMs ??= peer.nowMs + peer.ticks(1);
    if (peer.nowMs >= this.#handOverEndsMs) this.#end("new members have another leader");
  }

  #enter(stage: "synchronisation"): void {
    this.#stage = stage;
    this.#stageEndsMs = this.#stageEnd();
  }

  /** A quorum has this history: all of it is committed, be it known as such before or not. */
  #activate(): void {
    this.#stage = "activating";
    this.#peer.needsSnapshot = false;
    this.#peer.deliver(this.#peer.log.last);
    this.#peer.emit({ kind: "lead" });
  }

  #begin({ preparer, sessions }: Input & { readonly kind: "led" }): void {
    if (this.#stage !== "activating") return;
    const peer = this.#peer;
    const { epoch } = this.#discovery;
    const tracker = this.#tracking.create(peer.options.tickTimeMs);
    this.#broadcast = new LeaderBroadcast(peer, {
      epoch,
      links: this.#learners.links,
      preparer,
      sessions: new LeaderSessions(tracker, sessions, peer.nowMs),
    });
    this.#learners.begin(this.#broadcast);
    this.#stage = "broadcast";
    peer.activateMembership(Number.MAX_SAFE_INTEGER);
    // All who settled tell the same epoch, or a newcomer could find no quorum (ZOOKEEPER-1732).
    peer.vote = { ...peer.vote, peerEpoch: epoch };
    peer.setStatus("leader", "read-write");
  }

  #packet(id: LinkId, packet: QuorumPacket): void {
    const link = this.#learners.receive(id, packet);
    const broadcast = this.#broadcast;
    if (link === undefined || broadcast === undefined) return;
    const { nowMs } = this.#peer;
    switch (packet.kind) {
      case "acks":
        return broadcast.commit();
      case "request":
        return broadcast.request(packet.request, id);
      case "ping":
        for (const { id: session, timeoutMs } of packet.touched ?? []) {
          broadcast.sessions.touch(session, timeoutMs, nowMs);
        }
        link.ponged();
        return broadcast.commit();
      case "revalidate": {
        const { session, timeoutMs } = packet;
        const alive = broadcast.sessions.revalidate(session, timeoutMs, id, nowMs);
        return link.send({ kind: "revalidated", session, alive });
      }
      default:
        return;
    }
  }

  #revalidate(session: SessionId, timeoutMs: number): void {
    const peer = this.#peer;
    const alive = this.#broadcast?.sessions.revalidate(session, timeoutMs, LOCAL, peer.nowMs);
    if (alive !== undefined) peer.emit({ kind: "revalidated", session, alive });
  }

  /** Every half tick. */
  #tick(): void {
    const peer = this.#peer;
    if (peer.nowMs < this.#nextTickMs) return;
    this.#nextTickMs = peer.nowMs + peer.ticks(0.5);
    this.#isWholeTick = !this.#isWholeTick;
    const isEstablished = this.#stage === "broadcast" || this.#stage === "activating";
    if (!isEstablished && peer.nowMs >= this.#stageEndsMs) {
      return this.#end(`no quorum in time for ${this.#stage}`);
    }
    if (!isEstablished && peer.nowMs - this.#sinceMs >= peer.ticks(1) && this.#isDoubted()) {
      return this.#end("a voter looks for another leader");
    }
    if (this.#isDiskStuck()) return this.#end("its own disk does not answer");
    const { epoch } = this.#discovery;
    this.#learners.tick(this.#broadcast?.proposed ?? makeZxid(epoch, 0));
    if (this.#isWholeTick) this.#broadcast?.expire();
    this.#broadcast?.flush();
  }

  /** Nothing is committed while much waits for the own disk: others must be able to go on. */
  #isDiskStuck(): boolean {
    const { durable, hasBacklog, nowMs, options } = this.#peer;
    if (!hasBacklog || durable > this.#disk.zxid) this.#disk = { zxid: durable, atMs: nowMs };
    return nowMs - this.#disk.atMs >= this.#peer.ticks(options.syncLimit);
  }

  /** Who doubted and then came after all does not count. */
  #isDoubted(): boolean {
    for (const { sid } of this.#learners.links.values()) this.#doubters.delete(sid);
    return this.#doubters.size > 0;
  }

  #stageEnd(): number {
    return this.#peer.nowMs + this.#peer.ticks(this.#peer.options.initLimit);
  }

  #end(reason: string): void {
    this.#ended ??= reason;
  }
}
