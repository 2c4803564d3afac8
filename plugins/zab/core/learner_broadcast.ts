import type { Zxid } from "../../../core/wire/zxid.ts";
import type { QuorumPacket, ServerId } from "../messages.ts";
import type { Input } from "./input.ts";
import type { LearnerContext, LearnerPhase } from "./learner_discovery.ts";
import type { LearnerLog } from "./learner_log.ts";
import type { TouchedSessions } from "./touched_sessions.ts";

/** Phase 3 of a learner: logs, acknowledges and applies what the leader decides (PP 5.2). */
export class LearnerBroadcast implements LearnerPhase {
  readonly nextTickMs: number = Number.POSITIVE_INFINITY;
  readonly #learner: LearnerContext;
  readonly #log: LearnerLog;
  readonly #touched: TouchedSessions;

  constructor(learner: LearnerContext, log: LearnerLog, touched: TouchedSessions) {
    this.#learner = learner;
    this.#log = log;
    this.#touched = touched;
  }

  tick(): void {}

  packet(packet: QuorumPacket): void {
    const { peer } = this.#learner;
    switch (packet.kind) {
      case "proposals":
        return this.#log.propose(packet.batch);
      case "commits":
        return this.#log.commit(packet.last);
      case "informs":
        this.#log.propose(packet.batch);
        return this.#log.commit(packet.batch.lastZxid);
      case "commit-and-activate":
        return this.#activate(packet.zxid, packet.leader);
      case "inform-and-activate":
        this.#log.propose(packet.batch);
        return this.#activate(packet.batch.lastZxid, packet.leader);
      case "ping":
        return this.#learner.send({ ...packet, touched: this.#touched.take() });
      case "revalidated":
        return peer.emit(packet);
      case "sync":
        // It stands behind the commits that it waits for, and those are delivered.
        return peer.emit({ kind: "synced", count: 1 });
      default:
        return;
    }
  }

  disk(input: Input): void {
    if (input.kind === "durable") this.#log.acknowledge();
  }

  /** Kept before it is applied: no client hears of members that this server could forget. */
  #activate(zxid: Zxid, leader: ServerId): void {
    this.#learner.peer.activateMembership(zxid);
    this.#log.commit(zxid);
    this.#learner.activated(leader);
  }
}
