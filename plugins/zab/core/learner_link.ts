import type { LearnerFigures } from "../../../core/contracts/consensus.ts";
import { counterOf, epochOf, type Zxid } from "../../../core/wire/zxid.ts";
import type { QuorumPacket, ServerId } from "../messages.ts";
import type { LinkId } from "./input.ts";
import type { Peer } from "./peer.ts";
import { RequestWindow } from "./request_window.ts";

/** Owner of the sessions whose clients are connected to the leader itself. */
export const LOCAL: LinkId = 0;

/**
 * Bytes of requests that a voter may have under way: twice what servers keep to among themselves
 * (`OutstandingLimit`), since the acknowledgements behind them must be read.
 */
const VOTER_WINDOW_BYTES = 256 * 1024 * 1024;
/** The same for whoever has no vote, which anybody may claim to be. */
const OTHER_WINDOW_BYTES = 4 * 1024 * 1024;

/** Least time between two warnings that it asks for too much, ms. */
const WARNING_MS = 60_000;

/** What tells a follower of commits. */
export type CommitPacket = QuorumPacket & { readonly kind: "commits" | "commit-and-activate" };

/** What operators may know of a learner, with the link that it is on. */
export interface LinkedLearner extends LearnerFigures {
  readonly link: LinkId;
}

/** One learner, as its leader sees it. */
export class LearnerLink {
  readonly id: LinkId;
  readonly sid: ServerId;
  /** Gets INFORM instead of PROPOSAL and COMMIT. */
  readonly isObserver: boolean;
  readonly acceptedEpoch: number;
  /**
   * `connected`: waits for the epoch. `informed`: LEADERINFO is sent. `waiting`: ACKEPOCH is in.
   * `examined`: the stored log is looked at. `syncing`: all up to NEWLEADER is sent. `synced`:
   * NEWLEADER is acknowledged. `serving`: UPTODATE is sent.
   */
  stage: "connected" | "informed" | "waiting" | "examined" | "syncing" | "synced" | "serving" =
    "connected";
  /** End of its log, from ACKEPOCH. */
  lastZxid: Zxid = 0;
  /** It has this and all before on disk. */
  acked: Zxid = 0;
  heardMs: number;
  readonly openedMs: number;
  /** An older link of the same server, while it is not clear which of the two is it. */
  rival: LearnerLink | undefined;
  /** Newest round of pings that it has answered; see {@link ping}. */
  answered = 0;
  /** It has asked for so much that it is not read for now. */
  isHeld = false;
  /** When it was read again after that. */
  releasedMs = 0;
  readonly #window = new RequestWindow();
  #warnAtMs = 0;
  /** When it was seen last that what it has asked for gets done, while it is held. */
  #doneMs = 0;
  /** Rounds of the pings that it has not answered yet, oldest first. */
  readonly #pings: number[] = [];
  /** A proposal that it has been sent, and when that was seen to be unacknowledged. */
  #mark: { readonly zxid: Zxid; readonly atMs: number } = { zxid: 0, atMs: 0 };
  #exempt: Zxid = 0;
  /** Waits for {@link serve}. */
  #commits: CommitPacket[] = [];
  readonly #peer: Peer;

  constructor(
    peer: Peer,
    id: LinkId,
    who: { readonly sid: ServerId; readonly isObserver: boolean; readonly acceptedEpoch: number },
  ) {
    this.#peer = peer;
    this.id = id;
    this.sid = who.sid;
    this.isObserver = who.isObserver;
    this.acceptedEpoch = who.acceptedEpoch;
    this.heardMs = peer.nowMs;
    this.openedMs = peer.nowMs;
  }

  /** From the choice how it catches up, everything new is sent to it as well. */
  get isForwarding(): boolean {
    return this.stage === "syncing" || this.stage === "synced" || this.stage === "serving";
  }

  /** Its vote counts. */
  get isVoting(): boolean {
    return !this.isObserver && this.#peer.isVoter(this.sid);
  }

  send(packet: QuorumPacket): void {
    this.#peer.emit({ kind: "send", link: this.id, packet });
  }

  /**
   * Tells a follower what is committed, in order. Before UPTODATE it waits: a server of Apache's
   * that is told between NEWLEADER and UPTODATE of a commit of what came before NEWLEADER drops the
   * link, and its clients with it (ZOOKEEPER-4394).
   */
  commit(packet: CommitPacket): void {
    if (this.stage === "serving") return this.send(packet);
    const last = this.#commits.at(-1);
    if (last?.kind !== "commits" || packet.kind !== "commits") this.#commits.push(packet);
    else this.#commits.splice(-1, 1, { ...packet, first: last.first });
  }

  /** UPTODATE, and what was committed since NEWLEADER. */
  serve(): void {
    this.stage = "serving";
    this.heardMs = this.#peer.nowMs;
    this.send({ kind: "up-to-date" });
    for (const packet of this.#commits) this.send(packet);
    this.#commits = [];
  }

  /**
   * Whoever is served answers each PING, in their order; before UPTODATE nobody answers any. The
   * round says nothing to the learner: it tells the leader what it had asked for when it was sent.
   */
  ping(zxid: Zxid, round: number): void {
    if (this.stage === "serving") this.#pings.push(round);
    this.send({ kind: "ping", zxid, touched: undefined });
  }

  /** Transactions sent to it while it served and not acknowledged; 0 for observers. */
  get lag(): number {
    const { last } = this.#peer.log;
    const has = Math.max(this.acked, this.#exempt);
    if (this.isObserver || this.stage !== "serving" || has === 0 || has >= last) return 0;
    return epochOf(has) === epochOf(last) ? last - has : counterOf(last);
  }

  /** It has answered a PING. */
  ponged(): void {
    this.answered = this.#pings.shift() ?? this.answered;
  }

  /** It has asked for a write, which has this zxid and so many bytes. */
  wrote(zxid: Zxid, sizeBytes: number, committed: Zxid): void {
    this.#window.wrote(zxid, sizeBytes, committed);
    this.#holdIfFull(committed);
  }

  syncBegun(committed: Zxid): void {
    this.#window.syncBegun();
    this.#holdIfFull(committed);
  }

  /** One of its syncs is answered. */
  syncDone(committed: Zxid): void {
    this.#window.syncDone();
    this.progressed(committed);
  }

  /** More is committed, or answered. */
  progressed(committed: Zxid): void {
    if (!this.isHeld) return;
    this.#doneMs = this.#peer.nowMs;
    this.#holdIfFull(committed);
  }

  get #windowBytes(): number {
    return this.isVoting ? VOTER_WINDOW_BYTES : OTHER_WINDOW_BYTES;
  }

  #holdIfFull(committed: Zxid): void {
    const isFull = this.#window.isFull(this.#windowBytes, committed);
    if (isFull === this.isHeld) return;
    const { nowMs } = this.#peer;
    this.isHeld = isFull;
    this.#doneMs = nowMs;
    if (!isFull) {
      this.releasedMs = nowMs; // Its silence so far was this server's doing.
      this.heardMs = nowMs;
      this.#mark = { zxid: 0, atMs: nowMs };
    }
    this.#peer.emit({ kind: "hold", link: this.id, isHeld: isFull });
    if (!isFull || nowMs < this.#warnAtMs) return;
    this.#warnAtMs = nowMs + WARNING_MS;
    this.#peer.note("warn", "learner asks for more than may wait, and waits", { peer: this.sid });
  }

  /** Why it is to be given up now; undefined while it does what is asked of it in time. */
  complaint(): string | undefined {
    const { nowMs, options } = this.#peer;
    const silentMs = nowMs - this.heardMs;
    switch (this.stage) {
      case "informed":
      case "syncing":
        return silentMs >= this.#peer.ticks(options.initLimit)
          ? "synchronises too long"
          : undefined;
      case "serving":
        if (this.isHeld) return this.#heldComplaint();
        if (silentMs >= this.#peer.ticks(options.syncLimit)) return "was silent for too long";
        return this.#isBehind() ? "acknowledges nothing" : undefined;
      default:
        return undefined; // It is the learner that waits.
    }
  }

  /**
   * It can't be blamed for what is not read of it. But when nothing of what it wants gets done, its
   * acknowledgements may be missing for that, which stand behind requests that no server sends.
   */
  #heldComplaint(): string | undefined {
    const { nowMs, options } = this.#peer;
    const isStuck = nowMs - this.#doneMs >= this.#peer.ticks(options.syncLimit);
    return isStuck && this.isVoting
      ? "asks for more than may wait, and nothing of it gets done"
      : undefined;
  }

  /**
   * Looks at the age of what it owes, at each ping. What was proposed before it served is exempt:
   * learners of some versions never acknowledge that (PP 4.5).
   */
  #isBehind(): boolean {
    const { nowMs, log, options } = this.#peer;
    if (this.isObserver) return false;
    if (this.#exempt === 0) this.#exempt = log.last;
    const { zxid, atMs } = this.#mark;
    if (this.acked >= zxid || zxid <= this.#exempt) {
      this.#mark = { zxid: log.last, atMs: nowMs };
      return false;
    }
    return nowMs - atMs >= this.#peer.ticks(options.syncLimit);
  }
}
