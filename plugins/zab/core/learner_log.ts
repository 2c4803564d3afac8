import { partOfBatch } from "../../../core/contracts/log_batch.ts";
import type { LogBatch } from "../../../core/contracts/storage.ts";
import { epochOf, makeZxid, type Zxid } from "../../../core/wire/zxid.ts";
import type { LearnerContext } from "./learner_discovery.ts";

/**
 * What a learner takes from its leader into the own log, and says of it: shared by synchronisation
 * and broadcast, because proposals arrive in both and must leave no gap between.
 */
export class LearnerLog {
  readonly #learner: LearnerContext;
  readonly #epoch: number;
  readonly #isVoting: boolean;
  /** Known to be committed, up to here. */
  #committed: Zxid = 0;
  #acked: Zxid;
  #mayAck = false;
  #mayDeliver = false;

  constructor(learner: LearnerContext, epoch: number) {
    this.#learner = learner;
    this.#epoch = epoch;
    this.#isVoting = !learner.isObserver;
    this.#acked = makeZxid(epoch, 0);
  }

  get committed(): Zxid {
    return this.#committed;
  }

  /** Puts proposals into the log; what is there already is sent twice and skipped. */
  propose(batch: LogBatch): void {
    const { log } = this.#learner.peer;
    const fresh = this.follow(batch, log.last);
    if (fresh === undefined) return;
    // Zxids that were never used are never acknowledged.
    if (fresh.firstZxid !== log.last + 1) {
      this.#acked = Math.max(this.#acked, fresh.firstZxid - 1);
    }
    this.#learner.peer.append(fresh);
  }

  /**
   * The part of a batch above `last`. A gap within an epoch means that something was lost: the only
   * remedy is to synchronise again (ZOOKEEPER-558).
   */
  follow(batch: LogBatch, last: Zxid): LogBatch | undefined {
    const fresh = partOfBatch(batch, last, Number.MAX_SAFE_INTEGER);
    if (fresh === undefined) return undefined;
    const { firstZxid } = fresh;
    const isNext = firstZxid === last + 1 || epochOf(firstZxid) > epochOf(last);
    if (isNext && epochOf(fresh.lastZxid) <= this.#epoch) return fresh;
    this.#learner.end(`proposal ${firstZxid.toString(16)} does not follow ${last.toString(16)}`);
    return undefined;
  }

  /** Everything up to here is committed. Only what is in the log can be. */
  commit(zxid: Zxid): void {
    const { peer } = this.#learner;
    if (zxid > peer.log.last) {
      return this.#learner.end(`commit of ${zxid.toString(16)}, which is not in the log`);
    }
    this.#committed = Math.max(this.#committed, zxid);
    if (this.#mayDeliver) peer.deliver(this.#committed);
  }

  /** NEWLEADER has been acknowledged: from now on proposals may be too (ZOOKEEPER-4685). */
  beginAcks(): void {
    this.#mayAck = true;
    this.#acked = Math.max(this.#acked, Math.min(this.#committed, this.#learner.peer.durable));
    this.acknowledge();
  }

  /** UPTODATE: a quorum has the leader's history, so what it called committed is. */
  beginDelivery(): void {
    this.#mayDeliver = true;
    this.#learner.peer.deliver(this.#committed);
  }

  /** Tells the leader what is on disk by now, in order, nothing before it is. */
  acknowledge(): void {
    const { durable } = this.#learner.peer;
    if (!this.#mayAck || !this.#isVoting || durable <= this.#acked) return;
    this.#learner.send({ kind: "acks", first: this.#acked + 1, last: durable });
    this.#acked = durable;
  }
}
