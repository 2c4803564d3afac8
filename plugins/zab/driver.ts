import type { Cancel, Clock } from "../../core/contracts/clock.ts";
import type {
  Consensus,
  ConsensusStatus,
  EnsembleFigures,
  Replica,
  WriteRequest,
} from "../../core/contracts/consensus.ts";
import { forEachTxn } from "../../core/contracts/log_batch.ts";
import type { Logger } from "../../core/contracts/logger.ts";
import type { Metrics } from "../../core/contracts/metrics.ts";
import type { PeerNetwork } from "../../core/contracts/peer_network.ts";
import type { SessionTracker } from "../../core/contracts/sessions.ts";
import type { Storage } from "../../core/contracts/storage.ts";
import { invariant, unreachable } from "../../core/errors/invariant.ts";
import { type SessionId, SessionMap } from "../../core/wire/session_id.ts";
import type { Effect } from "./core/effect.ts";
import type { Input, LinkId } from "./core/input.ts";
import type { ZabOptions } from "./core/options.ts";
import { type DiskEffect, DiskEffects } from "./disk_effects.ts";
import { ZabFigures } from "./figures.ts";
import type { ZabMachine } from "./machine.ts";
import { Members } from "./members.ts";
import { copyOf, type ServerId } from "./messages.ts";
import { ElectionPort } from "./net/election_port.ts";
import { QuorumPort } from "./net/quorum_port.ts";
import { rebuild } from "./stored_log.ts";
import { logStream, snapshotStream } from "./streams.ts";
import { TickTimer } from "./tick_timer.ts";

/** Longest time that one attempt to reach a leader may take, ms. */
const DIAL_MS_MAX = 5_000;
/** Longest time that stopping waits for the disk, ms. */
const STOP_MS_MAX = 10_000;
const FLUSH: Input = { kind: "flush" };

/** What the driver works with. */
export interface ZabParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly network: PeerNetwork;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly core: ZabMachine;
}

/** Settings of the driver beside those of the core. */
export interface DriverOptions extends ZabOptions {
  /** Transactions between two checkpoints. */
  readonly snapCount: number;
  /** Time to append to the log above which a warning is due, ms; 0 is never. Default 1000. */
  readonly fsyncWarningMs?: number | undefined;
  /** Longest transaction, and longest node of a snapshot, bytes. */
  readonly partBytesMax: number;
  /** As in {@link ZabSettings}. */
  readonly keepMembership?: ((text: string, isCommitted: boolean) => void) | undefined;
}

/**
 * Consensus of an ensemble: does what the pure core wants done, and tells it what happens. Owns all
 * waiting. What comes in within one turn of the event loop leaves at its end: proposals of a turn
 * are one write for each learner, its acknowledgements one write, its commits one.
 */
export class ZabConsensus implements Consensus {
  readonly #parts: ZabParts;
  readonly #options: DriverOptions;
  readonly #core: ZabMachine;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #disk: DiskEffects;
  readonly #figures: ZabFigures;
  readonly #members: Members;
  readonly #elections: ElectionPort;
  readonly #quorum: QuorumPort;
  readonly #inbox: Input[] = [];
  readonly #syncs: (() => void)[] = [];
  readonly #tick: TickTimer;
  readonly #revalidations = new SessionMap<((alive: boolean) => void)[]>();
  #replica: Replica | undefined;
  #isStepping = false;
  #isTurnDue = false;
  #hasDelivered = false;
  /** Members came into force that `/zookeeper/config` need not show yet. */
  #isConfigStale = true;
  #isStopped = false;

  constructor(parts: ZabParts, options: DriverOptions) {
    const { storage, clock, network, metrics, core } = parts;
    this.#parts = parts;
    this.#options = options;
    this.#core = core;
    this.#clock = clock;
    this.#logger = parts.logger.child("zab");
    const logger = this.#logger;
    const { serverId, snapCount, fsyncWarningMs = 1000 } = options;
    this.#figures = new ZabFigures(metrics, clock);
    this.#tick = new TickTimer(clock, () => this.#input({ kind: "tick" }));
    this.#members = new Members(serverId, options.membership);
    this.#disk = new DiskEffects({
      ...{ storage, clock, logger, metrics, snapCount, fsyncWarningMs },
      input: (input) => this.#input(input),
      backlog: (isLong) => this.#backlog(isLong),
      failed: (error) => this.#fail(error),
      link: (id) => this.#quorum.link(id),
    });
    this.#elections = new ElectionPort({
      ...{ network, clock, logger, serverId },
      received: (from, vote) => this.#input({ kind: "notification", from, vote }),
    });
    this.#quorum = new QuorumPort({
      ...{ network, clock, logger, partBytesMax: options.partBytesMax },
      firstPacketMsMax: options.tickTimeMs * options.initLimit,
      user: {
        packet: (link, packet) => this.#input({ kind: "packet", link, packet }),
        progress: (link) => this.#input({ kind: "progress", link }),
        closed: (link, reason) => {
          this.#logger.info("link lost", { link, reason });
          this.#input({ kind: "closed", link });
        },
      },
    });
  }

  get status(): ConsensusStatus {
    return this.#core.status;
  }

  get tracker(): SessionTracker | undefined {
    return this.#core.tracker;
  }

  get membership(): string {
    return this.#core.membership;
  }

  get ensemble(): EnsembleFigures {
    return this.#figures.read(this.#core, this.#options, this.#quorum);
  }

  async start(replica: Replica): Promise<void> {
    this.#replica = replica;
    const { storage } = this.#parts;
    const epochs = await storage.open();
    await rebuild(storage, replica, {
      loaded: () => this.#step({ kind: "recalled", members: replica.shownMembers }),
      replayed: (batch) => {
        this.#disk.checkpoints.count(batch.count);
        this.#step({ kind: "replayed", batch });
      },
    });
    this.#elections.setMembers(this.#members.addresses("electionPort"));
    await this.#elections.start(this.#members.ownAddress("electionPort"));
    this.#input({ kind: "start", stored: { ...epochs, lastZxid: storage.lastZxid } });
  }

  async stop(): Promise<void> {
    this.#input({ kind: "stop" });
    this.#quorum.flush();
    this.#isStopped = true;
    this.#tick.stop();
    this.#quorum.stop();
    await this.#elections.stop();
    let cancel: Cancel | undefined;
    await Promise.race([
      this.#disk.stop(),
      new Promise<void>((resolve) => (cancel = this.#clock.after(STOP_MS_MAX, resolve))),
    ]);
    cancel?.();
    this.#replica?.unlead();
  }

  submit(request: WriteRequest): void {
    this.#input({ kind: "request", request: this.#isStepping ? copyOf(request) : request });
  }

  sync(session: SessionId, done: () => void): void {
    this.#syncs.push(done);
    this.#input({ kind: "sync", session });
  }

  touch(session: SessionId, timeoutMs: number): void {
    this.#core.touch(session, timeoutMs, this.#clock.now());
  }

  revalidate(session: SessionId, timeoutMs: number, done: (alive: boolean) => void): void {
    const waiting = this.#revalidations.get(session);
    if (waiting === undefined) this.#revalidations.set(session, [done]);
    else waiting.push(done);
    this.#input({ kind: "revalidate", session, timeoutMs });
  }

  /** Steps the core, now or, from within a step, after it. */
  #input(input: Input): void {
    if (this.#isStopped) return;
    this.#inbox.push(input);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      while (this.#inbox.length > 0) {
        this.#step(this.#inbox.shift() as Input);
        this.#configure();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isStepping = false;
    }
    this.#figures.sawStep(this.#core.isLooking);
    this.#scheduleTurn();
  }

  #step(input: Input): void {
    const effects = this.#core.step(input, this.#clock.now(), this.#clock.wallTime());
    for (const effect of effects) this.#perform(effect);
  }

  /** Has the own tree show the members in force, unless it may show newer ones. */
  #configure(): void {
    if (!this.#isConfigStale || this.#members.arePending || this.#core.isTreeForeign) return;
    this.#isConfigStale = false;
    const { inForce } = this.#members;
    this.#needReplica().configure(inForce.toString(), inForce.version);
  }

  #scheduleTurn(): void {
    if (this.#isTurnDue || this.#isStopped) return;
    this.#isTurnDue = true;
    this.#clock.defer(this.#endTurn);
  }

  /** Own clients first: for them nothing else is left to do. */
  readonly #endTurn = (): void => {
    this.#input(FLUSH);
    this.#isTurnDue = false;
    if (this.#isStopped) return;
    const replica = this.#replica;
    const hasDelivered = this.#hasDelivered;
    this.#hasDelivered = false;
    if (hasDelivered) replica?.flush();
    this.#quorum.flush();
    if (hasDelivered && replica !== undefined && this.status.serving === "read-write") {
      this.#disk.checkpoints.beginIfDue(replica);
    }
    this.#tick.set(this.#core.nextTickMs);
  };

  #perform(effect: Effect): void {
    this.#figures.see(effect);
    switch (effect.kind) {
      case "notify":
        return this.#elections.notify(effect.to, effect.vote);
      case "listen":
      case "unlisten":
      case "dial":
      case "send":
      case "send-snapshot":
      case "send-log":
      case "hold":
      case "close":
        return this.#performNet(effect);
      case "append":
      case "store-epoch":
      case "truncate":
      case "receive-snapshot":
      case "install":
      case "reload":
      case "examine-log":
        return this.#disk.perform(effect, this.#needReplica());
      default:
        return this.#performServer(effect);
    }
  }

  #performNet(effect: EffectOf<NetKind>): void {
    const quorum = this.#quorum;
    switch (effect.kind) {
      case "listen":
        void quorum.listen(this.#members.ownAddress("quorumPort")).then((ok) => {
          this.#input({ kind: "listening", ok });
        });
        return;
      case "unlisten":
        return quorum.unlisten();
      case "dial":
        return this.#dial(effect.sid);
      case "send":
        return quorum.send(effect.link, effect.packet);
      case "send-snapshot":
        return this.#sendSnapshot(effect.link);
      case "send-log": {
        const { link, after, through } = effect;
        quorum.link(link)?.sendStream(logStream(this.#parts.storage, after, through));
        return;
      }
      case "hold":
        return quorum.link(effect.link)?.hold(effect.isHeld);
      case "close":
        this.#logger.info("link closed", { link: effect.link, reason: effect.reason });
        return quorum.close(effect.link);
      default:
        return unreachable(effect);
    }
  }

  #dial(sid: ServerId): void {
    const address = this.#members.addresses("quorumPort").get(sid)?.[0];
    const timeoutMs = Math.min(DIAL_MS_MAX, this.#options.tickTimeMs * this.#options.initLimit);
    const dialled =
      address === undefined ? Promise.resolve(undefined) : this.#quorum.dial(address, timeoutMs);
    void dialled.then((link) => this.#input({ kind: "dialled", sid, link }));
  }

  #sendSnapshot(id: LinkId): void {
    const replica = this.#needReplica();
    const link = this.#quorum.link(id);
    if (link === undefined) return;
    this.#quorum.send(id, { kind: "snap", zxid: replica.lastApplied });
    link.sendStream(snapshotStream(replica));
  }

  #performServer(effect: Exclude<Effect, DiskEffect | EffectOf<NetKind | "notify">>): void {
    const replica = this.#needReplica();
    switch (effect.kind) {
      case "deliver":
        forEachTxn(effect.batch, (bytes, start, end) => replica.deliver(bytes, start, end));
        this.#disk.checkpoints.count(effect.batch.count);
        this.#hasDelivered = true;
        return;
      case "synced":
        for (const done of this.#syncs.splice(0, effect.count)) done();
        this.#hasDelivered = true;
        return;
      case "revalidated":
        return this.#revalidated(effect.session, effect.alive);
      case "lead": {
        const preparer = replica.lead();
        this.#inbox.unshift({ kind: "led", preparer, sessions: replica.sessions });
        return;
      }
      case "unlead":
        return replica.unlead();
      case "status":
        return this.#statusChanged(effect.status, replica);
      case "membership":
        this.#options.keepMembership?.(effect.text, effect.isCommitted);
        this.#members.set(effect.text, effect.isCommitted);
        this.#isConfigStale ||= effect.isCommitted;
        return this.#elections.setMembers(this.#members.addresses("electionPort"));
      case "note":
        return this.#logger[effect.level](effect.text, effect.fields);
      default:
        return unreachable(effect);
    }
  }

  #revalidated(session: SessionId, alive: boolean): void {
    const waiting = this.#revalidations.get(session);
    const done = waiting?.shift();
    if (waiting?.length === 0) this.#revalidations.delete(session);
    this.#hasDelivered = true;
    done?.(alive);
  }

  #statusChanged(status: ConsensusStatus, replica: Replica): void {
    if (status.serving !== "read-write") {
      if (this.#hasDelivered) replica.flush(); // Answers leave before clients are let go.
      this.#syncs.length = 0;
      this.#revalidations.clear();
    }
    this.#logger.info("role", { ...status });
    replica.statusChanged(status);
  }

  /** A learner takes no more from its leader then; a leader commits no more than it has on disk. */
  #backlog(isLong: boolean): void {
    this.#quorum.holdLeader(isLong);
    this.#input({ kind: "backlog", isLong });
  }

  #needReplica(): Replica {
    invariant(this.#replica !== undefined, "the core acts before the start");
    return this.#replica;
  }

  /** A bug or a broken disk: says nothing to anybody any more. */
  #fail(error: unknown): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#tick.stop();
    this.#quorum.stop();
    void this.#elections.stop();
    void this.#disk.stop();
    this.#replica?.statusChanged({ ...this.status, role: "looking", serving: "none" });
    this.#replica?.failed(error);
  }
}

type EffectOf<Kind extends Effect["kind"]> = Extract<Effect, { readonly kind: Kind }>;
type NetKind = DiallingKind | "send" | "send-snapshot" | "send-log" | "hold" | "close";
type DiallingKind = "listen" | "unlisten" | "dial";
