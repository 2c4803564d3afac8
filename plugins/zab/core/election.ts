import { NO_VOTE, type Notification, type ServerId } from "../messages.ts";
import type { Peer } from "./peer.ts";
import { type Ballot, isBetter, isEqual, isSameReign, type Vote } from "./vote.ts";

/**
 * First and longest time before everybody is asked again, ms. A question may be lost with a link
 * that was dead already, so nobody waits long for the next; Apache's servers wait up to a minute.
 */
const NOTIFY_MS_MIN = 200;
const NOTIFY_MS_MAX = 3_200;
/** How long a better vote may still come after a quorum agrees, ms. */
const FINALIZE_MS = 200;
/** The same where every voter runs this program. */
const FINALIZE_MS_ZOOKIT = 20;

/**
 * One search for a leader, by the rules of Apache's `FastLeaderElection` (PP 3.3), so that both can
 * be in it together. Ends once {@link outcome} is set.
 */
export class Election {
  readonly #peer: Peer;
  /** Votes of this round; of servers that have settled too, if they settled in this round. */
  readonly #votes = new Map<ServerId, Ballot>();
  /** Votes of servers that have settled, of any round. */
  readonly #settled = new Map<ServerId, Ballot>();
  readonly #initial: Vote;
  #proposal: Vote;
  #notifyAtMs: number;
  #notifyMs = NOTIFY_MS_MIN;
  #decideAtMs: number | undefined;
  #outcome: Vote | undefined;

  constructor(peer: Peer) {
    this.#peer = peer;
    peer.state = "looking";
    peer.round += 1;
    this.#initial = this.#ownVote();
    this.#proposal = this.#initial;
    this.#notifyAtMs = peer.nowMs + this.#notifyMs;
    this.#propose(this.#initial);
    this.#tell();
    this.#considerProposal();
  }

  /** Who leads, once that is clear. */
  get outcome(): Vote | undefined {
    return this.#outcome;
  }

  /** When `tick` is due, monotonic ms. */
  get nextTickMs(): number {
    return Math.min(this.#notifyAtMs, this.#decideAtMs ?? this.#notifyAtMs);
  }

  tick(): void {
    const { nowMs } = this.#peer;
    if (this.#decideAtMs !== undefined && nowMs >= this.#decideAtMs) {
      this.#outcome = this.#proposal;
      return;
    }
    if (nowMs < this.#notifyAtMs) return;
    this.#tell();
    this.#notifyMs = Math.min(2 * this.#notifyMs, NOTIFY_MS_MAX);
    this.#notifyAtMs = nowMs + this.#notifyMs;
  }

  receive(from: ServerId, notification: Notification): void {
    const peer = this.#peer;
    if (!peer.isVoter(from) || !peer.isVoter(notification.leader)) return;
    const { state } = notification;
    if (state === "observing") return;
    if (state === "looking") this.#receiveLooking(from, notification);
    else this.#receiveSettled(from, notification);
  }

  /** Those who do not vote have no vote of their own either. */
  #ownVote(): Vote {
    const { sid, log, currentEpoch, round } = this.#peer;
    if (this.#peer.isVoter(sid)) {
      return { leader: sid, zxid: log.last, peerEpoch: currentEpoch, round };
    }
    return { leader: NO_VOTE, zxid: NO_VOTE, peerEpoch: NO_VOTE, round };
  }

  #receiveLooking(from: ServerId, theirs: Notification): void {
    const peer = this.#peer;
    if (theirs.zxid < 0) return;
    if (theirs.round < peer.round) return;
    if (theirs.round > peer.round) {
      peer.round = theirs.round;
      this.#votes.clear();
      this.#propose(this.#isBetter(theirs, this.#initial) ? theirs : this.#initial);
      this.#tell();
    } else if (this.#isBetter(theirs, this.#proposal)) {
      this.#propose(theirs);
      this.#tell();
    }
    this.#votes.set(from, theirs);
    this.#considerProposal();
  }

  /** A quorum for the own proposal ends the election once nothing better can be expected. */
  #considerProposal(): void {
    if (this.#outcome !== undefined) return;
    const peer = this.#peer;
    const agrees = (sid: ServerId): boolean => {
      const vote = this.#votes.get(sid);
      return vote !== undefined && isEqual(vote, this.#proposal);
    };
    if (!peer.hasQuorum(agrees)) {
      this.#decideAtMs = undefined;
      return;
    }
    if (peer.voters.every(agrees)) {
      this.#outcome = this.#proposal; // Nobody is left who could vote better.
      return;
    }
    const isOurs = peer.voters.every((sid) => sid === peer.sid || peer.zookits.has(sid));
    this.#decideAtMs ??= peer.nowMs + (isOurs ? FINALIZE_MS_ZOOKIT : FINALIZE_MS);
  }

  /** Joins a leader that a quorum follows and that itself says that it leads. */
  #receiveSettled(from: ServerId, theirs: Notification): void {
    const peer = this.#peer;
    if (theirs.round === peer.round) {
      // Apache keeps no format here, and so does not compare epochs.
      this.#votes.set(from, { ...theirs, version: 0 });
      if (this.#isFollowed(this.#votes, theirs)) return this.#join(theirs);
    }
    this.#settled.set(from, theirs);
    if (this.#isFollowed(this.#settled, theirs)) this.#join(theirs);
  }

  #isFollowed(votes: ReadonlyMap<ServerId, Ballot>, theirs: Ballot): boolean {
    const peer = this.#peer;
    const { leader, round } = theirs;
    const agrees = (sid: ServerId): boolean => {
      const vote = votes.get(sid);
      return vote !== undefined && isSameReign(vote, theirs);
    };
    if (!peer.hasEitherQuorum(agrees)) return false;
    if (leader === peer.sid) return round === peer.round;
    return votes.get(leader)?.state === "leading";
  }

  #join({ leader, zxid, peerEpoch, round }: Vote): void {
    this.#peer.round = round;
    this.#outcome = { leader, zxid, peerEpoch, round };
  }

  #isBetter(one: Vote, other: Vote): boolean {
    return this.#peer.mayLead(one.leader) && isBetter(one, other);
  }

  /** Changes the proposal; the own vote counts as if it had been received. */
  #propose({ leader, zxid, peerEpoch }: Vote): void {
    const peer = this.#peer;
    this.#proposal = { leader, zxid, peerEpoch, round: peer.round };
    this.#decideAtMs = undefined;
    peer.vote = this.#proposal;
    if (!peer.isVoter(peer.sid)) return;
    this.#votes.set(peer.sid, { ...this.#proposal, state: "looking", version: 2 });
  }

  #tell(): void {
    const peer = this.#peer;
    const vote = notificationOf(peer);
    for (const to of peer.voters) if (to !== peer.sid) peer.emit({ kind: "notify", to, vote });
  }
}

/** What a server says of itself at present. */
function notificationOf(peer: Peer): Notification {
  const { state, vote, membership, pending } = peer;
  const members = { membership: membership.toString(), pending: pending?.toString() };
  return { state, ...vote, version: 2, ...members, isZookit: true };
}

/**
 * Answers somebody who looks for a leader: servers that look themselves answer when the asker is in
 * an earlier round or has no vote, those that have settled always. Servers without a vote answer
 * only if they have settled: the asker may know older members, which may all have left, or newer
 * ones that never came into force, and counts this server among them. Nobody who is settled is
 * answered: two of them would go on for ever.
 */
export function answer(peer: Peer, from: ServerId, theirs: Notification): void {
  if (theirs.state !== "looking") return;
  if (!peer.isVoter(peer.sid) && peer.state === "looking") return;
  const isVoter = peer.isVoter(from);
  const isDue = !isVoter || peer.state !== "looking" || theirs.round < peer.round;
  if (!isDue) return;
  const vote = notificationOf(peer);
  peer.emit({ kind: "notify", to: from, vote: isVoter ? vote : { ...vote, round: peer.round } });
}
