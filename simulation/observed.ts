import {
  CONSENSUS,
  type Consensus,
  type ConsensusStatus,
  type EnsembleFigures,
  type Preparer,
  type Replica,
  type SliceSource,
  type WriteRequest,
} from "../core/contracts/consensus.ts";
import type { SessionTracker } from "../core/contracts/sessions.ts";
import type { Snapshot } from "../core/contracts/storage.ts";
import type { Plugin } from "../core/kernel/plugin.ts";
import type { SessionId } from "../core/wire/session_id.ts";
import type { Zxid } from "../core/wire/zxid.ts";
import type { Ledger } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import { replaced } from "./replaced.ts";

/** Whom to observe, and who is told. */
export interface Observed {
  readonly machine: Machine;
  readonly ledger: Ledger;
  readonly server: number;
}

// Classes and not objects with methods: those would be of a new shape in each life of each server,
// and the runtime would optimise the same code for each of them.

/** A replica that tells the ledger what consensus does with it, as long as its process lives. */
class ObservedReplica implements Replica {
  readonly #replica: Replica;
  readonly #observed: Observed;
  readonly #life: number;

  constructor(replica: Replica, observed: Observed) {
    this.#replica = replica;
    this.#observed = observed;
    this.#life = observed.machine.life;
  }

  get lastApplied(): Zxid {
    return this.#replica.lastApplied;
  }

  get snapshotBytes(): number {
    return this.#replica.snapshotBytes;
  }

  get shownMembers(): string {
    return this.#replica.shownMembers;
  }

  get sessions(): Replica["sessions"] {
    return this.#replica.sessions;
  }

  lead(): Preparer {
    const preparer = this.#replica.lead();
    return {
      prepare: (request, stamp, out, refusal) => {
        this.#proposed(stamp.zxid);
        preparer.prepare(request, stamp, out, refusal);
      },
      prepareReconfig: (request, stamp, out, membership) => {
        this.#proposed(stamp.zxid);
        return preparer.prepareReconfig(request, stamp, out, membership);
      },
    };
  }

  unlead(): void {
    this.#replica.unlead();
  }

  deliver(bytes: Uint8Array, start: number, end: number): void {
    const { ledger, server } = this.#observed;
    if (this.#isAlive) ledger.delivered(server, bytes, start, end);
    this.#replica.deliver(bytes, start, end);
  }

  configure(membership: string, version: Zxid): void {
    this.#replica.configure(membership, version);
  }

  flush(): void {
    this.#replica.flush();
  }

  async replace(snapshot: Snapshot): Promise<void> {
    const { ledger, server } = this.#observed;
    await this.#replica.replace(snapshot);
    if (this.#isAlive) ledger.replaced(server, snapshot.zxid);
  }

  changes(whole: boolean): SliceSource {
    return this.#replica.changes(whole);
  }

  statusChanged(status: ConsensusStatus): void {
    if (this.#isAlive) this.#tell(status);
    this.#replica.statusChanged(status);
  }

  failed(error: unknown): void {
    this.#replica.failed(error);
  }

  get #isAlive(): boolean {
    const { machine } = this.#observed;
    return machine.isAlive && machine.life === this.#life;
  }

  #proposed(zxid: Zxid): void {
    const { ledger, server } = this.#observed;
    if (this.#isAlive) ledger.proposed(server, zxid);
  }

  #tell({ role, serving, epoch }: ConsensusStatus): void {
    const { machine, ledger, server } = this.#observed;
    const isServing = serving === "read-write";
    ledger.serves(server, isServing);
    if (isServing && role !== "follower" && role !== "observer") ledger.leads(server, epoch);
    machine.scheduler.note(`${machine.name} is ${role}, serves ${serving}, epoch ${epoch}`);
  }
}

/** Consensus whose replica is observed. */
class ObservedConsensus implements Consensus {
  readonly #consensus: Consensus;
  readonly #observed: Observed;

  constructor(consensus: Consensus, observed: Observed) {
    this.#consensus = consensus;
    this.#observed = observed;
  }

  get status(): ConsensusStatus {
    return this.#consensus.status;
  }

  get tracker(): SessionTracker | undefined {
    return this.#consensus.tracker;
  }

  get membership(): string {
    return this.#consensus.membership;
  }

  get ensemble(): EnsembleFigures | undefined {
    return this.#consensus.ensemble;
  }

  start(replica: Replica): Promise<void> {
    return this.#consensus.start(new ObservedReplica(replica, this.#observed));
  }

  stop(): Promise<void> {
    return this.#consensus.stop();
  }

  submit(request: WriteRequest): void {
    this.#consensus.submit(request);
  }

  sync(session: SessionId, done: () => void): void {
    this.#consensus.sync(session, done);
  }

  touch(session: SessionId, timeoutMs: number): void {
    this.#consensus.touch(session, timeoutMs);
  }

  revalidate(session: SessionId, timeoutMs: number, done: (alive: boolean) => void): void {
    this.#consensus.revalidate(session, timeoutMs, done);
  }
}

/** The same consensus plugin, seen by a ledger. */
export function observed(plugin: Plugin, target: Observed): Plugin {
  return replaced(plugin, CONSENSUS, (consensus) => new ObservedConsensus(consensus, target));
}
