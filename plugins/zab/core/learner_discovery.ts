import { EPOCH_MAX } from "../../../core/wire/zxid.ts";
import { PROTOCOL_VERSION, type QuorumPacket, type ServerId } from "../messages.ts";
import type { Input, LinkId } from "./input.ts";
import type { Peer } from "./peer.ts";

/** Waits between attempts to connect to a leader that may not listen yet, ms. */
const REDIAL_MS_MIN = 10;
const REDIAL_MS_MAX = 100;
/** Attempts in a row before somebody else is looked for. */
const DIALS_MAX = 10;

/** What a phase of a learner is told, and what it says. */
export interface LearnerPhase {
  packet(packet: QuorumPacket): void;
  /** An answer of the disk. */
  disk(input: Input): void;
  tick(): void;
  /** When `tick` is due, monotonic ms; `Infinity` for never. */
  readonly nextTickMs: number;
}

/** What a phase needs of the learner that it is part of. */
export interface LearnerContext {
  readonly peer: Peer;
  readonly leader: ServerId;
  /** As what it has come to the leader. */
  readonly isObserver: boolean;
  /** Sends to the leader. */
  send(packet: QuorumPacket): void;
  /** Gives this leader up. */
  end(reason: string): void;
  /** New members are in force; by their word, or that of the leader, another may have to lead. */
  activated(leader: ServerId): void;
}

/**
 * Phase 1 of a learner: connects to the leader, learns the new epoch, and promises on disk to
 * listen to no earlier one before it says so (PP 4.3).
 */
export class LearnerDiscovery implements LearnerPhase {
  readonly #learner: LearnerContext;
  readonly #linked: (link: LinkId) => void;
  readonly #done: (epoch: number) => void;
  #epoch = 0;
  #redialAtMs = Number.POSITIVE_INFINITY;
  #redialMs = REDIAL_MS_MIN;
  #dials = 0;

  constructor(
    learner: LearnerContext,
    linked: (link: LinkId) => void,
    done: (epoch: number) => void,
  ) {
    this.#learner = learner;
    this.#linked = linked;
    this.#done = done;
    this.#dial();
  }

  get nextTickMs(): number {
    return this.#redialAtMs;
  }

  tick(): void {
    if (this.#learner.peer.nowMs >= this.#redialAtMs) this.#dial();
  }

  dialled(link: LinkId | undefined): void {
    const { peer } = this.#learner;
    if (link === undefined) {
      if (this.#dials >= DIALS_MAX) return this.#learner.end("the leader cannot be reached");
      this.#redialAtMs = peer.nowMs + this.#redialMs;
      this.#redialMs = Math.min(2 * this.#redialMs, REDIAL_MS_MAX);
      return;
    }
    this.#linked(link);
    this.#learner.send({
      kind: this.#learner.isObserver ? "observer-info" : "follower-info",
      acceptedEpoch: peer.acceptedEpoch,
      serverId: peer.sid,
      protocolVersion: PROTOCOL_VERSION,
      membershipVersion: peer.membership.version,
    });
  }

  packet(packet: QuorumPacket): void {
    const { peer } = this.#learner;
    if (packet.kind !== "leader-info" || this.#epoch !== 0) {
      return this.#learner.end(`the leader sent ${packet.kind} during discovery`);
    }
    const { epoch } = packet;
    if (epoch < peer.acceptedEpoch || epoch >= EPOCH_MAX) {
      return this.#learner.end(`the leader's epoch ${epoch} is refused`);
    }
    this.#epoch = epoch;
    if (epoch === peer.acceptedEpoch) return this.#acknowledge(-1);
    peer.storeEpoch("accepted", epoch);
  }

  disk(input: Input): void {
    if (input.kind !== "epoch-stored" || input.which !== "accepted") return;
    this.#acknowledge(this.#learner.peer.currentEpoch);
  }

  #dial(): void {
    this.#redialAtMs = Number.POSITIVE_INFINITY;
    this.#dials += 1;
    this.#learner.peer.emit({ kind: "dial", sid: this.#learner.leader });
  }

  /** The log's end, or 0 to be sent a snapshot when the log could not be cut (ADR 0013). */
  #acknowledge(currentEpoch: number): void {
    const { peer } = this.#learner;
    const lastZxid = peer.needsSnapshot ? 0 : peer.log.last;
    this.#learner.send({ kind: "ack-epoch", lastZxid, currentEpoch });
    this.#done(this.#epoch);
  }
}
