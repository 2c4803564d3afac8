import type { ConsensusStatus } from "../../../core/contracts/consensus.ts";
import type { LogBatch } from "../../../core/contracts/storage.ts";
import { counterOf, type Zxid } from "../../../core/wire/zxid.ts";
import type { ElectionState, Notification, ServerId } from "../messages.ts";
import type { Effect } from "./effect.ts";
import type { EpochName, Input } from "./input.ts";
import { LogTail } from "./log_tail.ts";
import { Membership } from "./membership.ts";
import type { ZabOptions } from "./options.ts";
import { reconfigsIn } from "./reconfig.ts";
import type { Vote } from "./vote.ts";

/**
 * What a server is whatever its role: epochs, log, members, vote, the time of the present step, and
 * the effects gathered in it. Also the rules of the disk, which outlast roles.
 */
export class Peer {
  readonly options: ZabOptions;
  readonly log: LogTail;
  /** Members in force: the newest that are known to be committed (ADR 0016). */
  membership: Membership;
  /** Newer ones, proposed and not known to be committed; undefined when there are none. */
  pending: Membership | undefined;
  /** Whether their transaction is in the own history, and not only known by hearsay. */
  #isPendingLogged = false;
  /** Who leads next by the word of the last leader, so that no election is needed. */
  designated: ServerId | undefined;
  /** Highest epoch promised, on disk. */
  acceptedEpoch = 0;
  /** Last epoch whose leader's history is here, on disk. */
  currentEpoch = 0;
  /** What other servers are told while they look for a leader. */
  state: ElectionState = "looking";
  vote: Vote;
  /** Highest epoch that a voter was heard to have promised; the next one led here is above it. */
  epochSeen = 0;
  /** Last round of election that this server took part in. */
  round = 0;
  nowMs = 0;
  wallMs = 0;
  status: ConsensusStatus;
  /** Everything up to here survives a crash. */
  durable: Zxid = 0;
  /** More waits for the own disk than should: see `backlog` of {@link Input}. */
  hasBacklog = false;
  /** The log could not be cut where a leader said; kept as it is until a snapshot replaces it. */
  needsSnapshot = false;
  /** Servers whose last notification said that they run this program. */
  readonly zookits: Set<ServerId> = new Set();
  #effects: Effect[] = [];
  #storing = 0;
  #busyTree: "no" | "truncating" | "receiving" | "installing" | "reloading" = "no";
  #cutAt: Zxid = 0;
  #installing: { readonly epoch: number; readonly zxid: Zxid } = { epoch: 0, zxid: 0 };
  #isTreeForeign = false;

  constructor(options: ZabOptions) {
    this.options = options;
    this.log = new LogTail(options.commitLogCount);
    this.membership = Membership.parse(options.membership);
    this.vote = { leader: options.serverId, zxid: 0, peerEpoch: 0, round: 0 };
    this.status = { role: "looking", serving: "none", serverId: options.serverId, epoch: 0 };
  }

  get sid(): ServerId {
    return this.options.serverId;
  }

  /** Voters of the members in force and of those proposed. */
  isVoter(sid: ServerId): boolean {
    return this.membership.isVoter(sid) || this.pending?.isVoter(sid) === true;
  }

  /**
   * Whoever counts in a quorum of either: while both are needed nobody else can lead when such a
   * server has more of the history, or clings to its own vote.
   */
  mayLead(sid: ServerId): boolean {
    return this.membership.mayLead(sid) || this.pending?.mayLead(sid) === true;
  }

  isMember(sid: ServerId): boolean {
    return this.membership.members.has(sid) || this.pending?.members.has(sid) === true;
  }

  /**
   * Whether it follows rather than observes. Who will vote does so already, and so does, as with
   * Apache, who is no member: new members are taken only when a quorum of them follows.
   */
  get isParticipant(): boolean {
    if (this.isVoter(this.sid)) return true;
    const { membership, options } = this;
    if (membership.version === 0 && !membership.members.has(this.sid)) {
      return options.peerType === "participant";
    }
    return !membership.members.has(this.sid);
  }

  /** Every voter once, ascending. */
  get voters(): readonly ServerId[] {
    const { pending } = this;
    if (pending === undefined) return this.membership.voters;
    const all = new Set([...this.membership.voters, ...pending.voters]);
    return [...all].sort((a, b) => a - b);
  }

  /** While a reconfiguration is under way, the old and the new members must both agree (PP 7.3). */
  hasQuorum(has: (sid: ServerId) => boolean): boolean {
    return this.membership.hasQuorum(has) && this.pending?.hasQuorum(has) !== false;
  }

  /** Whether one of the two agrees: enough to believe a leader, which itself needs both. */
  hasEitherQuorum(has: (sid: ServerId) => boolean): boolean {
    return this.membership.hasQuorum(has) || this.pending?.hasQuorum(has) === true;
  }

  /**
   * Members that are proposed; what is not newer than those in force is no news. Without
   * reconfiguration the own files say who is a member, whatever a snapshot holds (ZOOKEEPER-2819,
   * 3829).
   */
  proposeMembership(members: Membership | undefined): void {
    if (!this.options.reconfigEnabled || members === undefined) return;
    const { version } = members;
    if (version <= this.membership.version || version === this.pending?.version) return;
    this.pending = members;
    this.#isPendingLogged = false;
    this.emit({ kind: "membership", text: members.toString(), isCommitted: false });
  }

  /**
   * Members that the own tree shows, whose transaction need not be in any log any more. Who is none
   * of them has no file that names them, and must not count by older ones for that.
   */
  recallMembership(text: string): void {
    const members = text === "" ? undefined : Membership.read(text);
    if (!this.options.reconfigEnabled || members === undefined) return;
    const { pending } = this;
    if (pending === undefined || members.version >= pending.version) this.#logMembership(members);
    else if (members.version > this.membership.version) this.#enforce(members);
  }

  #logMembership(members: Membership): void {
    this.#endFormer(members);
    this.proposeMembership(members);
    this.#isPendingLogged = this.pending?.version === members.version;
  }

  /** No leader proposes members before the former ones are in force: so those are by now. */
  #endFormer(next: Membership): void {
    const { pending } = this;
    if (pending === undefined || !this.#isPendingLogged) return;
    if (pending.version < next.version) this.activateMembership(pending.version);
  }

  /** Members that are in force by the word of another; newer ones stay proposed. */
  #enforce(members: Membership): void {
    const { pending } = this;
    const isLogged = this.#isPendingLogged;
    this.membership = members;
    this.pending = undefined;
    this.#keepMembership();
    this.proposeMembership(pending);
    this.#isPendingLogged = isLogged;
  }

  /**
   * The newest members that a leader has seen, by NEWLEADER; it has seen all that is to be, so that
   * none is lost by halves (ZOOKEEPER-1324).
   */
  learnMembership(text: string): void {
    const seen = text === "" ? undefined : Membership.read(text);
    if (seen === undefined) return;
    if (seen.version <= this.membership.version) return this.#forgetPending();
    this.#endFormer(seen);
    this.proposeMembership(seen);
  }

  /** What is committed `through` a zxid puts the pending members into force, if they are in it. */
  activateMembership(through: Zxid): void {
    if (this.pending === undefined || this.pending.version > through) return;
    this.membership = this.pending;
    this.pending = undefined;
    this.#keepMembership();
  }

  /**
   * Members that another server tells while this one looks for a leader: those in force there are
   * in force; those pending there tell who may be elected and where that server is. To know of
   * more members never harms: both must agree. @returns whether there was news.
   */
  hearMembership({ membership, pending }: Notification): boolean {
    if (!this.options.reconfigEnabled || membership === undefined) return false;
    const told = pending === undefined ? undefined : Membership.read(pending);
    const theirs = Membership.read(membership);
    const known = this.#newestVersion;
    const isNews = theirs !== undefined && theirs.version > this.membership.version;
    if (isNews) this.#enforce(theirs);
    // What is in the own history is not given up for what may be in none.
    const isOpen = this.pending === undefined || !this.#isPendingLogged;
    const isNewest = told !== undefined && told.version > this.#newestVersion;
    if (isOpen && isNewest) this.proposeMembership(told);
    return isNews || this.#newestVersion > known;
  }

  get #newestVersion(): Zxid {
    return (this.pending ?? this.membership).version;
  }

  /** Members whose transaction is not in the log, any more or at all, cannot be completed here. */
  forgetUnlogged(): void {
    const { pending } = this;
    if (pending === undefined || counterOf(pending.version) === 0) return;
    if (!this.#isPendingLogged || pending.version > this.log.last) this.#forgetPending();
  }

  #forgetPending(): void {
    if (this.pending === undefined) return;
    this.pending = undefined;
    this.#keepMembership();
  }

  #keepMembership(): void {
    this.emit({ kind: "membership", text: this.membership.toString(), isCommitted: true });
  }

  /** Milliseconds of so many ticks. */
  ticks(count: number): number {
    return count * this.options.tickTimeMs;
  }

  emit(effect: Effect): void {
    this.#effects.push(effect);
  }

  /** The effects gathered since the last call. */
  takeEffects(): readonly Effect[] {
    if (this.#effects.length === 0) return NONE;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  note(
    level: "info" | "warn",
    text: string,
    fields: Readonly<Record<string, string | number | boolean>> = {},
  ): void {
    this.emit({ kind: "note", level, text, fields });
  }

  setStatus(role: ConsensusStatus["role"], serving: ConsensusStatus["serving"]): void {
    const { sid, currentEpoch: epoch } = this;
    const old = this.status;
    if (old.role === role && old.serving === serving && old.epoch === epoch) return;
    this.status = { role, serving, serverId: sid, epoch };
    this.emit({ kind: "status", status: this.status });
  }

  // The disk.

  /** Puts transactions into the log; `durable` tells when they are on disk. */
  append(batch: LogBatch): void {
    this.#noteReconfig(batch);
    this.log.add(batch);
    this.emit({ kind: "append", batch });
  }

  /** A batch of the own log, which the tree has applied, before the start. */
  replayed(batch: LogBatch): void {
    if (this.log.last === 0) this.log.reset(batch.firstZxid - 1);
    this.#noteReconfig(batch);
    this.log.add(batch);
    this.log.markApplied(batch.lastZxid);
  }

  /** Members are pending from the step in which their transaction comes into the log. */
  #noteReconfig(batch: LogBatch): void {
    if (!this.options.reconfigEnabled) return;
    for (const members of reconfigsIn(batch)) this.#logMembership(members);
  }

  /** Applies what is logged up to `through`. */
  deliver(through: Zxid): void {
    const { log } = this;
    if (through <= log.applied) return;
    for (const batch of log.between(log.applied, through)) this.emit({ kind: "deliver", batch });
    log.markApplied(through);
  }

  storeEpoch(which: EpochName, epoch: number): void {
    this.#storing += 1;
    this.emit({ kind: "store-epoch", which, epoch });
  }

  truncate(through: Zxid): void {
    this.#busyTree = "truncating";
    this.#cutAt = through;
    this.emit({ kind: "truncate", through, reload: this.log.applied > through });
  }

  /** From here on the tree is not that of the own log, until it is installed or built anew. */
  receiveSnapshot(link: number, zxid: Zxid): void {
    this.#busyTree = "receiving";
    this.#isTreeForeign = true;
    this.emit({ kind: "receive-snapshot", link, zxid });
  }

  /** Makes the tree as it is, which holds everything up to `zxid`, the stored one. */
  install(epoch: number, zxid: Zxid): void {
    this.#busyTree = "installing";
    this.#installing = { epoch, zxid };
    this.emit({ kind: "install", epoch });
  }

  /** Whether the tree may be another server's, as far as that has sent it. */
  get isTreeForeign(): boolean {
    return this.#isTreeForeign;
  }

  /** Whether the disk is busy with something that nobody else can hasten. */
  get isDiskAtWork(): boolean {
    return this.#busyTree === "truncating" || this.#busyTree === "installing";
  }

  /** Takes note of an answer of the disk, before any role hears of it. */
  diskAnswered(input: Input): void {
    switch (input.kind) {
      case "durable":
        this.durable = Math.max(this.durable, input.zxid);
        return;
      case "backlog":
        this.hasBacklog = input.isLong;
        return;
      case "epoch-stored":
        // The number in memory follows the one on disk (ZOOKEEPER-2307).
        this.#storing -= 1;
        if (input.which === "accepted") this.acceptedEpoch = input.epoch;
        else this.currentEpoch = input.epoch;
        return;
      case "installed":
        this.#treeIs(this.#installing.zxid);
        // Those of the former log may never have come into force, whatever came after them.
        this.#forgetPending();
        this.recallMembership(input.members);
        this.currentEpoch = this.#installing.epoch;
        this.needsSnapshot = false;
        return;
      case "reloaded":
        this.#isTreeForeign = false;
        this.#busyTree = "no";
        return this.log.markApplied(this.log.last);
      case "truncated":
        this.#busyTree = "no";
        // The checkpoint may be beyond the place, or the log not have it (ZOOKEEPER-1549).
        if (!input.ok) this.needsSnapshot = true;
        else this.#cut(this.#cutAt);
        return;
      case "snapshot-received":
        this.#busyTree = "no";
        return;
      default:
        return;
    }
  }

  #treeIs(zxid: Zxid): void {
    this.#isTreeForeign = false;
    this.#busyTree = "no";
    this.log.reset(zxid);
    this.durable = zxid;
  }

  #cut(through: Zxid): void {
    this.log.cut(through);
    this.durable = through;
    this.forgetUnlogged();
  }

  /**
   * Nothing of a former role is under way any more, and log, memory and tree agree: only then may
   * this server vote (ZOOKEEPER-2845, 4541, 4712).
   */
  get isSettled(): boolean {
    const isWritten = this.durable >= this.log.last && this.#storing === 0;
    return isWritten && this.#busyTree === "no" && !this.#isTreeForeign;
  }

  /** What a snapshot that never became whole left in the tree is thrown away (ZOOKEEPER-3642). */
  repairTree(): void {
    if (!this.#isTreeForeign || this.#busyTree !== "no") return;
    this.#busyTree = "reloading";
    this.emit({ kind: "reload" });
  }
}

const NONE: readonly Effect[] = [];
