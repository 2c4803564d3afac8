import type { WriteRequest } from "../../../core/contracts/consensus.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import type { SessionId } from "../../../core/wire/session_id.ts";
import { makeZxid } from "../../../core/wire/zxid.ts";
import type { QuorumPacket, ServerId } from "../messages.ts";
import type { Input, LinkId } from "./input.ts";
import { LearnerBroadcast } from "./learner_broadcast.ts";
import { type LearnerContext, LearnerDiscovery, type LearnerPhase } from "./learner_discovery.ts";
import type { LearnerLog } from "./learner_log.ts";
import { LearnerSync } from "./learner_sync.ts";
import type { Peer } from "./peer.ts";
import type { Role } from "./role.ts";
import { TouchedSessions } from "./touched_sessions.ts";

const NOTHING = new Uint8Array(0);

/** A follower or observer of one leader: its link, its time-outs, and the phase that it is in. */
export class Learner implements Role, LearnerContext {
  readonly peer: Peer;
  readonly leader: ServerId;
  readonly isObserver: boolean;
  readonly #touched = new TouchedSessions();
  #phase: LearnerPhase;
  #link: LinkId | undefined;
  #ended: string | undefined;
  #heardMs: number;
  #limitTicks: number;

  constructor(peer: Peer, leader: ServerId) {
    this.peer = peer;
    this.leader = leader;
    this.#heardMs = peer.nowMs;
    this.#limitTicks = peer.options.initLimit;
    this.isObserver = !peer.isParticipant;
    peer.state = this.isObserver ? "observing" : "following";
    this.#phase = new LearnerDiscovery(
      this,
      (link) => (this.#link = link),
      (epoch) => this.#synchronise(epoch),
    );
  }

  get ended(): string | undefined {
    return this.#ended;
  }

  get nextTickMs(): number {
    return Math.min(this.#deadlineMs, this.#phase.nextTickMs);
  }

  step(input: Input): void {
    const { peer } = this;
    switch (input.kind) {
      case "dialled":
        return this.#dialled(input.sid, input.link);
      case "packet":
      case "progress":
        if (input.link !== this.#link) return this.#refuse(input.link);
        this.#heardMs = peer.nowMs;
        if (input.kind === "packet") this.#phase.packet(input.packet);
        return;
      case "closed":
        if (input.link === this.#link) this.end("the link to the leader broke");
        return;
      case "tick":
        if (peer.nowMs >= this.#deadlineMs) return this.end("the leader was silent for too long");
        return this.#phase.tick();
      case "truncated":
      case "snapshot-received":
      case "installed":
        this.#heardMs = peer.nowMs; // The leader waited for us, not we for it.
        return this.#phase.disk(input);
      case "durable":
      case "epoch-stored":
        return this.#phase.disk(input);
      case "request":
      case "sync":
      case "revalidate":
        return this.#forward(input);
      default:
        return;
    }
  }

  touch(session: SessionId, timeoutMs: number): void {
    this.#touched.add(session, timeoutMs);
  }

  send(packet: QuorumPacket): void {
    if (this.#link === undefined || this.#ended !== undefined) return;
    this.peer.emit({ kind: "send", link: this.#link, packet });
  }

  end(reason: string): void {
    this.#ended ??= reason;
  }

  activated(leader: ServerId): void {
    const { peer } = this;
    if (!peer.options.reconfigEnabled) return;
    if (leader === this.leader && this.isObserver !== peer.isParticipant) return;
    peer.designated = leader;
    this.end(leader === this.leader ? "its own role has changed" : `server ${leader} leads now`);
  }

  leave(): void {
    if (this.#link === undefined) return;
    this.peer.emit({ kind: "close", link: this.#link, reason: this.#ended ?? "stopped" });
  }

  get #deadlineMs(): number {
    if (this.peer.isDiskAtWork) return Number.POSITIVE_INFINITY;
    return this.#heardMs + this.peer.ticks(this.#limitTicks);
  }

  #dialled(sid: ServerId, link: LinkId | undefined): void {
    const isOurs = sid === this.leader && this.#link === undefined && this.#ended === undefined;
    if (isOurs && this.#phase instanceof LearnerDiscovery) this.#phase.dialled(link);
    else if (link !== undefined) this.peer.emit({ kind: "close", link, reason: "too late" });
  }

  #refuse(link: LinkId): void {
    this.peer.emit({ kind: "close", link, reason: "this server does not lead" });
  }

  #synchronise(epoch: number): void {
    const { peer } = this;
    this.#phase = new LearnerSync(
      this,
      { link: this.#link as LinkId, epoch },
      () => (this.#limitTicks = peer.options.syncLimit),
      (log) => this.#follow(epoch, log),
    );
  }

  #follow(epoch: number, log: LearnerLog): void {
    const { peer } = this;
    this.#phase = new LearnerBroadcast(this, log, this.#touched);
    // The history that the epoch began with is committed by now; what came later need not be.
    peer.activateMembership(Math.max(log.committed, makeZxid(epoch, 0)));
    this.activated(this.leader);
    if (this.#ended !== undefined) return;
    // All who settled tell the same epoch, or a newcomer could find no quorum (ZOOKEEPER-1732).
    peer.vote = { ...peer.vote, peerEpoch: epoch };
    peer.setStatus(this.isObserver ? "observer" : "follower", "read-write");
  }

  #forward(input: Input & { readonly kind: "request" | "sync" | "revalidate" }): void {
    if (!(this.#phase instanceof LearnerBroadcast)) return;
    if (input.kind === "request") return this.send({ kind: "request", request: input.request });
    if (input.kind === "revalidate") return this.send(input);
    this.send({ kind: "request", request: syncRequest(input.session) });
  }
}

function syncRequest(session: SessionId): WriteRequest {
  const { sync: opcode } = OPCODES;
  return { session, cxid: 0, opcode, bytes: NOTHING, bodyStart: 0, bodyEnd: 0, ids: [] };
}
