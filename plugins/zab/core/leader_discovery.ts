import { EPOCH_MAX, makeZxid, type Zxid } from "../../../core/wire/zxid.ts";
import { PROTOCOL_VERSION, type ServerId } from "../messages.ts";
import type { LearnerLink } from "./learner_link.ts";
import type { Peer } from "./peer.ts";

/**
 * Phase 1 of a leader: finds an epoch above all that a quorum has promised to, has the quorum
 * promise it, and makes sure that nobody in that quorum has more of the history (PP 4.3).
 */
export class LeaderDiscovery {
  readonly #peer: Peer;
  /** Servers that have named their epoch, and those that have promised the new one. */
  readonly #named = new Set<ServerId>();
  readonly #promised = new Set<ServerId>();
  readonly #history: { readonly epoch: number; readonly lastZxid: Zxid };
  #epochMax: number;
  #epoch = 0;
  #step: "naming" | "accepting" | "promising" | "entering" | "done" = "naming";
  #overtakenBy: ServerId | undefined;

  constructor(peer: Peer) {
    this.#peer = peer;
    this.#epochMax = Math.max(peer.acceptedEpoch, peer.epochSeen);
    this.#history = { epoch: peer.currentEpoch, lastZxid: peer.log.last };
    this.#named.add(peer.sid);
    this.#promised.add(peer.sid);
  }

  /** The new epoch; 0 while it is not fixed. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Epoch whose leader's history this server had when it was elected. */
  get historyEpoch(): number {
    return this.#history.epoch;
  }

  /** A quorum has promised the epoch, and it is on disk here. */
  get isDone(): boolean {
    return this.#step === "done";
  }

  /** A voter that has more of the history, seen before a quorum had promised. */
  get overtakenBy(): ServerId | undefined {
    return this.#overtakenBy;
  }

  /** Whether LEADERINFO may be sent: the own promise is on disk. */
  get isEpochFixed(): boolean {
    return this.#step === "promising" || this.#step === "entering" || this.#step === "done";
  }

  /** Only members can raise the epoch: a stranger's number could use all of them up. */
  named(link: LearnerLink): void {
    if (this.#step !== "naming") return;
    if (this.#peer.isMember(link.sid)) {
      this.#epochMax = Math.max(this.#epochMax, link.acceptedEpoch);
    }
    if (link.isVoting) this.#named.add(link.sid);
  }

  /** ACKEPOCH: a promise, if the epoch is news to the server; later ones are not looked at. */
  promised(link: LearnerLink, currentEpoch: number): void {
    if (this.#step !== "promising" || !link.isVoting) return;
    const { epoch, lastZxid } = this.#history;
    const isAhead = currentEpoch === epoch ? link.lastZxid > lastZxid : currentEpoch > epoch;
    // What only servers without weight have was never committed, and is cut from their logs.
    if (isAhead && this.#peer.mayLead(link.sid)) this.#overtakenBy = link.sid;
    else if (currentEpoch !== -1) this.#promised.add(link.sid);
  }

  /** LEADERINFO. */
  inform(link: LearnerLink): void {
    link.send({ kind: "leader-info", epoch: this.#epoch, protocolVersion: PROTOCOL_VERSION });
  }

  advance(): void {
    const peer = this.#peer;
    if (this.#step === "naming" && peer.hasQuorum((sid) => this.#named.has(sid))) {
      this.#epoch = this.#epochMax + 1;
      if (this.#epoch >= EPOCH_MAX) return;
      this.#step = "accepting";
      peer.storeEpoch("accepted", this.#epoch);
    }
    if (this.#step === "accepting" && peer.acceptedEpoch === this.#epoch) {
      this.#step = "promising";
    }
    if (this.#step === "promising" && peer.hasQuorum((sid) => this.#promised.has(sid))) {
      this.#step = "entering";
      // On disk before NEWLEADER: no transaction may carry an epoch above it (ZOOKEEPER-1653).
      peer.storeEpoch("current", this.#epoch);
    }
    if (this.#step === "entering" && peer.currentEpoch === this.#epoch) this.#finish();
  }

  #finish(): void {
    const peer = this.#peer;
    this.#step = "done";
    const { reconfigEnabled } = peer.options;
    // Members that only files name get a version, so that all have the same (ZOOKEEPER-1783).
    if (!reconfigEnabled || peer.membership.version !== 0 || peer.pending !== undefined) return;
    peer.proposeMembership(peer.membership.withVersion(makeZxid(this.#epoch, 0)));
  }
}
