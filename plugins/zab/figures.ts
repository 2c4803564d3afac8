import type { Clock } from "../../core/contracts/clock.ts";
import type { ConsensusStatus, EnsembleFigures } from "../../core/contracts/consensus.ts";
import { forEachTxn } from "../../core/contracts/log_batch.ts";
import type { Counter, Metrics, Summary } from "../../core/contracts/metrics.ts";
import type { LogBatch } from "../../core/contracts/storage.ts";
import { getInt } from "../../core/wire/jute.ts";
import type { Effect } from "./core/effect.ts";
import { Membership } from "./core/membership.ts";
import type { ZabOptions } from "./core/options.ts";
import type { ZabMachine } from "./machine.ts";
import type { QuorumPort } from "./net/quorum_port.ts";

/** Place of the time in a batch: behind length, client id, cxid and zxid of its first (PP 2). */
const TIME_OFFSET = 24;

type ProposalSizes = NonNullable<EnsembleFigures["leading"]>["proposalSizes"];

/** Counts and times what a member does, under Apache's names. */
export class ZabFigures {
  readonly #clock: Clock;
  readonly #elections: Summary;
  readonly #outages: Summary;
  readonly #followerSyncs: Summary;
  readonly #observerSyncs: Summary;
  readonly #proposalAges: Summary;
  readonly #quorumAges: Summary;
  readonly #ages: Summary;
  readonly #lookings: Counter;
  readonly #snaps: Counter;
  readonly #diffs: Counter;
  readonly #proposals: Counter;
  readonly #commits: Counter;
  readonly #received: Counter;
  readonly #receivedCommits: Counter;
  #isLooking = false;
  #lookingSinceMs = 0;
  #electedAtMs = 0;
  /** `looking` while nobody is served. */
  #role: ConsensusStatus["role"] = "looking";
  #servesSinceMs = 0;
  #sizes: ProposalSizes = { last: -1, min: -1, max: -1 };

  constructor(metrics: Metrics, clock: Clock) {
    const sum = (name: string, help: string): Summary => metrics.summary(name, help);
    const count = (name: string, help: string): Counter => metrics.counter(name, help);
    this.#clock = clock;
    this.#elections = sum("election_time", "Time to find out who leads, ms");
    this.#outages = sum("leader_unavailable_time", "From the election to serving as leader, ms");
    this.#followerSyncs = sum("follower_sync_time", "From the election to following, ms");
    this.#observerSyncs = sum("observer_sync_time", "From the election to observing, ms");
    this.#proposalAges = sum("proposal_latency", "From the leader to a learner, ms");
    this.#quorumAges = sum("quorum_ack_latency", "From a proposal to a quorum of its acks, ms");
    this.#ages = sum("propagation_latency", "From a proposal to its being applied here, ms");
    this.#lookings = count("looking_count", "Times this server looked for a leader");
    this.#snaps = count("snap_count", "Learners brought up to date by a snapshot");
    this.#diffs = count("diff_count", "Learners brought up to date by a part of the log");
    this.#proposals = count("proposal_count", "Transactions proposed as leader");
    this.#commits = count("commit_count", "Transactions committed as leader");
    this.#received = count("learner_proposal_received_count", "Proposals taken as learner");
    this.#receivedCommits = count("learner_commit_received_count", "Commits taken as learner");
  }

  /** What an operator may ask of the server now. */
  read(
    core: ZabMachine,
    { initLimit, syncLimit }: ZabOptions,
    quorum: Pick<QuorumPort, "link">,
  ): EnsembleFigures {
    const { leader, pendingSyncs } = core;
    const learners = core.learners.map(({ link, ...learner }) => {
      return { ...learner, traffic: quorum.link(link)?.traffic };
    });
    const uptimeMs = this.#clock.now() - this.#servesSinceMs;
    const proposalSizes = this.#sizes;
    const isLeader = core.status.role === "leader";
    return {
      leaderId: core.isLooking ? -1 : leader,
      voterCount: Membership.parse(core.membership).voters.length,
      initLimit,
      syncLimit,
      leading: isLeader ? { uptimeMs, learners, pendingSyncs, proposalSizes } : undefined,
    };
  }

  /** Told after each step whether this server looks for a leader. */
  sawStep(isLooking: boolean): void {
    if (isLooking === this.#isLooking) return;
    this.#isLooking = isLooking;
    const now = this.#clock.now();
    if (isLooking) {
      this.#lookings.value += 1;
      this.#lookingSinceMs = now;
    } else {
      this.#elections.observe(now - this.#lookingSinceMs);
      this.#electedAtMs = now;
    }
  }

  /** Told of each effect before it is performed. */
  see(effect: Effect): void {
    switch (effect.kind) {
      case "append":
        return this.#appended(effect.batch);
      case "deliver":
        return this.#delivered(effect.batch);
      case "send": {
        // Both are a part of the log, and Apache counts them as one.
        const { kind } = effect.packet;
        if (kind === "diff" || kind === "trunc") this.#diffs.value += 1;
        return;
      }
      case "send-snapshot":
        this.#snaps.value += 1;
        return;
      case "status":
        return this.#statusChanged(effect.status);
      default:
        return;
    }
  }

  #statusChanged({ role, serving }: ConsensusStatus): void {
    this.#role = serving === "read-write" ? role : "looking";
    this.#servesSinceMs = this.#clock.now();
    const tookMs = this.#servesSinceMs - this.#electedAtMs;
    if (this.#role === "leader") this.#outages.observe(tookMs);
    else if (this.#role === "follower") this.#followerSyncs.observe(tookMs);
    else if (this.#role === "observer") this.#observerSyncs.observe(tookMs);
  }

  /** What a learner gets before it serves is old, and tells nothing of the network. */
  #appended(batch: LogBatch): void {
    if (this.#role === "leader") return this.#proposed(batch);
    if (this.#role === "looking") return;
    this.#received.value += batch.count;
    this.#proposalAges.observe(this.#ageOf(batch), batch.count);
  }

  #proposed(batch: LogBatch): void {
    this.#proposals.value += batch.count;
    let { last, min, max } = this.#sizes;
    forEachTxn(batch, (_, start, end) => {
      last = end - start;
      if (min === -1 || last < min) min = last;
      if (last > max) max = last;
    });
    this.#sizes = { last, min, max };
  }

  #delivered(batch: LogBatch): void {
    if (this.#role === "looking") return;
    const age = this.#ageOf(batch);
    this.#ages.observe(age, batch.count);
    if (this.#role === "leader") {
      this.#commits.value += batch.count;
      this.#quorumAges.observe(age, batch.count);
    } else {
      this.#receivedCommits.value += batch.count;
    }
  }

  /** Since the leader took it, by both servers' wall clocks; 0 where they contradict. */
  #ageOf({ bytes }: LogBatch): number {
    const timeMs = getInt(bytes, TIME_OFFSET) * 2 ** 32 + (getInt(bytes, TIME_OFFSET + 4) >>> 0);
    return Math.max(0, this.#clock.wallTime() - timeMs);
  }
}
