import type { ConsensusStatus } from "../../../core/contracts/consensus.ts";
import type { SessionTracker, SessionTracking } from "../../../core/contracts/sessions.ts";
import { invariant } from "../../../core/errors/invariant.ts";
import type { SessionId } from "../../../core/wire/session_id.ts";
import { epochOf } from "../../../core/wire/zxid.ts";
import type { Notification, ServerId } from "../messages.ts";
import type { Effect } from "./effect.ts";
import { answer, Election } from "./election.ts";
import type { Input, Stored } from "./input.ts";
import { Leader } from "./leader.ts";
import { Learner } from "./learner.ts";
import type { LinkedLearner } from "./learner_link.ts";
import type { ZabOptions } from "./options.ts";
import { Peer } from "./peer.ts";
import type { Role } from "./role.ts";
import type { Vote } from "./vote.ts";

/** Milliseconds without a leader before read-only clients are served, or a tick if that is more. */
const READ_ONLY_AFTER_MS = 2000;
/** Least time from one role that came to nothing to the next, ms. */
const REST_MS = 100;

/**
 * One server's part in Zab: all of the protocol, none of the waiting. What happens goes in through
 * {@link step}, what is to be done comes out; equal inputs give equal effects. See ADR 0013.
 */
export class ZabCore {
  readonly #peer: Peer;
  readonly #tracking: SessionTracking;
  #isRunning = false;
  #election: Election | undefined;
  #role: Role | undefined;
  /** Votes that came while this server was not ready to vote: the newest of each sender. */
  readonly #early = new Map<ServerId, Notification>();
  #lookingSinceMs = 0;
  #roleSinceMs = 0;
  #restUntilMs = 0;

  /** @throws {ZkError} `BadArguments` when the membership cannot be read. */
  constructor(options: ZabOptions, tracking: SessionTracking) {
    this.#peer = new Peer(options);
    this.#tracking = tracking;
  }

  get status(): ConsensusStatus {
    return this.#peer.status;
  }

  /** Global sessions, while this server leads. */
  get tracker(): SessionTracker | undefined {
    return this.#role instanceof Leader ? this.#role.tracker : undefined;
  }

  /** Members in force, as text. */
  get membership(): string {
    return this.#peer.membership.toString();
  }

  /** Whether the tree may be another server's, whose members it shows then. */
  get isTreeForeign(): boolean {
    return this.#peer.isTreeForeign;
  }

  /** Highest epoch promised, and the one whose history is here. */
  get epochs(): { readonly accepted: number; readonly current: number } {
    return { accepted: this.#peer.acceptedEpoch, current: this.#peer.currentEpoch };
  }

  /** Who this server votes for or follows. */
  get leader(): ServerId {
    return this.#peer.vote.leader;
  }

  /** Learners of this server, while it leads: how far each is on disk. */
  get learners(): readonly LinkedLearner[] {
    if (!(this.#role instanceof Leader)) return [];
    return [...this.#role.links.values()].map((link) => ({
      link: link.id,
      id: link.sid,
      isObserver: link.isObserver,
      isVoting: link.isVoting,
      isSynced: link.stage === "serving",
      ackedZxid: link.acked,
      lag: link.lag,
    }));
  }

  /** Whether it takes part and knows nobody to follow. */
  get isLooking(): boolean {
    return this.#isRunning && this.#role === undefined;
  }

  /** Syncs that this server, while it leads, has not answered yet. */
  get pendingSyncs(): number {
    return this.#role instanceof Leader ? this.#role.pendingSyncs : 0;
  }

  /** When `tick` is due, monotonic ms; `Infinity` while only other inputs can change anything. */
  get nextTickMs(): number {
    const { readOnlyMode } = this.#peer.options;
    if (!this.#isRunning) return Number.POSITIVE_INFINITY;
    if (this.#role !== undefined) return this.#role.nextTickMs;
    const { nowMs } = this.#peer;
    const restMs = this.#restUntilMs > nowMs ? this.#restUntilMs : Number.POSITIVE_INFINITY;
    const dueMs = this.#election?.nextTickMs ?? restMs;
    const isWaiting = readOnlyMode && this.#peer.status.serving === "none";
    return isWaiting ? Math.min(dueMs, this.#readOnlyAtMs) : dueMs;
  }

  /**
   * Takes one input.
   *
   * @param nowMs monotonic; never less than in the step before.
   * @param wallMs since 1970; the time that transactions get.
   * @returns what is to be done, in order; the caller may keep it.
   */
  step(input: Input, nowMs: number, wallMs: number): readonly Effect[] {
    const peer = this.#peer;
    peer.nowMs = nowMs;
    peer.wallMs = wallMs;
    this.#take(input);
    if (this.#isRunning) this.#advance();
    return peer.takeEffects();
  }

  /** A client of this server was heard of. */
  touch(session: SessionId, timeoutMs: number, nowMs: number): void {
    this.#peer.nowMs = nowMs;
    this.#role?.touch(session, timeoutMs);
  }

  #take(input: Input): void {
    const peer = this.#peer;
    switch (input.kind) {
      case "recalled":
        return peer.recallMembership(input.members);
      case "replayed":
        return peer.replayed(input.batch);
      case "start":
        return this.#start(input.stored);
      case "stop":
        return this.#stop();
      case "notification":
        return this.#notified(input.from, input.vote);
      case "tick":
        this.#election?.tick();
        this.#serveReadOnly();
        break;
      default:
        break;
    }
    peer.diskAnswered(input);
    if (this.#role !== undefined) this.#role.step(input);
    else this.#turnAway(input);
  }

  #start(stored: Stored): void {
    const peer = this.#peer;
    const { lastZxid, acceptedEpoch, currentEpoch } = stored;
    if (peer.log.last === 0) peer.log.reset(lastZxid);
    invariant(peer.log.last === lastZxid, `replayed to ${peer.log.last}, stored to ${lastZxid}`);
    peer.durable = lastZxid;
    peer.acceptedEpoch = acceptedEpoch;
    peer.currentEpoch = currentEpoch;
    // Entries of an epoch come after all of the history that its leader began with, so whoever has
    // one has that (ZOOKEEPER-1653, 2307): a crash came between the log and the epoch.
    const current = Math.max(currentEpoch, epochOf(lastZxid));
    if (acceptedEpoch < current) peer.storeEpoch("accepted", current);
    if (currentEpoch < current) peer.storeEpoch("current", current);
    this.#isRunning = true;
    this.#lookingSinceMs = peer.nowMs;
  }

  #stop(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#role?.leave();
    this.#role = undefined;
    this.#election = undefined;
    this.#peer.setStatus("looking", "none");
  }

  #notified(from: ServerId, vote: Notification): void {
    const peer = this.#peer;
    if (vote.isZookit) peer.zookits.add(from);
    else peer.zookits.delete(from);
    if (!this.#isRunning) return;
    // Whoever looks votes by the newest members; who has settled hears of them from its leader.
    const isHeard = this.#role === undefined && peer.isMember(from);
    if (isHeard && peer.hearMembership(vote)) this.#election = undefined;
    if (this.#role === undefined && this.#election === undefined) {
      if (peer.isVoter(from)) this.#early.set(from, vote);
      return;
    }
    this.#election?.receive(from, vote);
    answer(peer, from, vote);
    const isLater = vote.state === "looking" && vote.round > peer.vote.round;
    if (isLater && peer.isVoter(from) && this.#role instanceof Leader) this.#role.doubted(from);
  }

  /** From election to role and back, as far as it goes. */
  #advance(): void {
    const peer = this.#peer;
    if (this.#role?.ended !== undefined) this.#leave(this.#role);
    if (this.#role !== undefined) return;
    if (this.#election === undefined) {
      if (!peer.isSettled) return peer.repairTree();
      if (peer.nowMs < this.#restUntilMs) return;
      const { designated } = peer;
      peer.designated = undefined;
      if (designated !== undefined && peer.isVoter(designated)) return this.#obey(designated);
      this.#beginElection();
    }
    const outcome = this.#election?.outcome;
    if (outcome !== undefined) this.#assume(outcome);
  }

  /** The former leader has said who leads. If that comes to nothing there is an election. */
  #obey(leader: ServerId): void {
    const { log, currentEpoch, round } = this.#peer;
    this.#assume({ leader, zxid: log.last, peerEpoch: currentEpoch, round });
    for (const [from, vote] of this.#early) answer(this.#peer, from, vote);
    this.#early.clear();
  }

  #assume(vote: Vote): void {
    const peer = this.#peer;
    this.#election = undefined;
    peer.vote = vote;
    const leads = vote.leader === peer.sid;
    if (leads) peer.forgetUnlogged();
    peer.note("info", leads ? "elected" : "following", { leader: vote.leader });
    peer.setStatus("looking", "none");
    this.#roleSinceMs = peer.nowMs;
    this.#role = leads ? new Leader(peer, this.#tracking) : new Learner(peer, vote.leader);
  }

  #leave(role: Role): void {
    const peer = this.#peer;
    peer.note("warn", "looking for a leader", { reason: role.ended ?? "" });
    // Whoever is refused at once, again and again, shall not keep everybody busy.
    const goesOn = peer.status.serving === "read-write" || peer.designated !== undefined;
    this.#restUntilMs = goesOn ? 0 : this.#roleSinceMs + REST_MS;
    // Clients are let go before anything else happens to what they saw.
    peer.setStatus("looking", "none");
    role.leave();
    peer.forgetUnlogged();
    this.#role = undefined;
    peer.state = "looking";
    this.#lookingSinceMs = peer.nowMs;
  }

  #beginElection(): void {
    const election = new Election(this.#peer);
    this.#election = election;
    for (const [from, vote] of this.#early) {
      election.receive(from, vote);
      answer(this.#peer, from, vote);
    }
    this.#early.clear();
  }

  get #readOnlyAtMs(): number {
    return this.#lookingSinceMs + Math.max(READ_ONLY_AFTER_MS, this.#peer.ticks(1));
  }

  #serveReadOnly(): void {
    const peer = this.#peer;
    if (!peer.options.readOnlyMode || this.#role !== undefined) return;
    if (this.#election === undefined || peer.nowMs < this.#readOnlyAtMs) return;
    peer.setStatus("looking", "read-only");
  }

  /** Nobody is there for what an earlier role asked for. */
  #turnAway(input: Input): void {
    const link = input.kind === "packet" || input.kind === "dialled" ? input.link : undefined;
    if (link === undefined) return;
    this.#peer.emit({ kind: "close", link, reason: "this server looks for a leader" });
  }
}
