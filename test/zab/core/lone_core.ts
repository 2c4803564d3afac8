/** One core, whose peers and disk are the test itself. */

import type { Preparer } from "../../../core/contracts/consensus.ts";
import { makeZxid, type Zxid } from "../../../core/wire/zxid.ts";
import { BucketTracking } from "../../../plugins/sessions/mod.ts";
import type { Effect } from "../../../plugins/zab/core/effect.ts";
import type { Input } from "../../../plugins/zab/core/input.ts";
import type { ZabOptions } from "../../../plugins/zab/core/options.ts";
import { ZabCore } from "../../../plugins/zab/core/zab_core.ts";
import type { Notification, QuorumPacket } from "../../../plugins/zab/messages.ts";
import { batchOf, prepareToy, prepareToyReconfig, type Txn, txnsOf, writeRequest } from "./node.ts";

export const z: typeof makeZxid = makeZxid;
/** The one link of a learner, and the first of a leader. */
export const LINK = 7;
export const TICK_MS = 100;

/** A batch of the zxids given. */
export function batch(...zxids: Zxid[]): ReturnType<typeof batchOf> {
  return batchOf(zxids.map((zxid) => ({ zxid, cxid: 1 })));
}

/** Server 1 of 1, 2, 3, and 4 that observes; the log ends at 3:2, and so does the epoch. */
export class LoneCore {
  readonly core: ZabCore;
  /** Effects that were not looked at yet. */
  effects: Effect[] = [];
  nowMs = 0;
  /** Why requests were refused while it led; undefined for those that were not. */
  readonly refusals: (string | undefined)[] = [];

  constructor(
    changes: Partial<ZabOptions> = {},
    stored = { acceptedEpoch: 3, currentEpoch: 3 },
    more: readonly Txn[] = [],
  ) {
    const lines = [1, 2, 3].map((sid) => `server.${sid}=h:1:2:participant`);
    this.core = new ZabCore(
      {
        serverId: 1,
        membership: [...lines, "server.4=h:1:2:observer"].join("\n"),
        peerType: "participant",
        tickTimeMs: TICK_MS,
        initLimit: 10,
        syncLimit: 5,
        commitLogCount: 100,
        snapshotSizeFactor: 0.33,
        readOnlyMode: false,
        reconfigEnabled: false,
        standaloneEnabled: true,
        ...changes,
      },
      new BucketTracking(),
    );
    this.step({ kind: "replayed", batch: batch(z(3, 1), z(3, 2)) });
    if (more.length > 0) this.step({ kind: "replayed", batch: batchOf(more) });
    const lastZxid = more.at(-1)?.zxid ?? z(3, 2);
    this.step({ kind: "start", stored: { lastZxid, ...stored } });
  }

  step(input: Input): void {
    this.effects.push(...this.core.step(input, this.nowMs, this.nowMs));
  }

  packet(packet: QuorumPacket, link: number = LINK): void {
    this.step({ kind: "packet", link, packet });
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.step({ kind: "tick" });
  }

  /** Takes the effects of one kind; the others are kept. */
  take<Kind extends Effect["kind"]>(kind: Kind): (Effect & { kind: Kind })[] {
    const isIt = (effect: Effect): effect is Effect & { kind: Kind } => effect.kind === kind;
    const taken = this.effects.filter(isIt);
    this.effects = this.effects.filter((effect) => !isIt(effect));
    return taken;
  }

  /** Takes the packets sent on one link; those of others are kept. */
  sent(link: number = LINK): QuorumPacket[] {
    const isHere = (effect: Effect): boolean => effect.kind === "send" && effect.link === link;
    const packets = this.effects.flatMap((effect) =>
      effect.kind === "send" && effect.link === link ? [effect.packet] : [],
    );
    this.effects = this.effects.filter((effect) => !isHere(effect));
    return packets;
  }

  /** Kinds of the packets sent on one link. */
  kinds(link: number = LINK): string[] {
    return this.sent(link).map(({ kind }) => kind);
  }

  vote(from: number, leader: number, changes: Partial<Notification> = {}): void {
    const vote: Notification = {
      state: "looking",
      leader,
      zxid: z(3, 2),
      round: 1,
      peerEpoch: 3,
      version: 2,
      membership: undefined,
      isZookit: false,
      ...changes,
    };
    this.step({ kind: "notification", from, vote });
  }

  /** Everybody votes for server 3. */
  follow(): void {
    this.vote(2, 3);
    this.vote(3, 3);
    this.step({ kind: "dialled", sid: 3, link: LINK });
    this.effects = [];
  }

  /** As a follower: discovery of epoch 4, up to ACKEPOCH. */
  discover(): void {
    this.follow();
    this.packet({ kind: "leader-info", epoch: 4, protocolVersion: 0x10000 });
    this.step({ kind: "epoch-stored", which: "accepted", epoch: 4 });
    this.effects = [];
  }

  /** As a follower: an empty DIFF in epoch 4, up to serving. */
  serve(): void {
    this.discover();
    this.packet({ kind: "diff", zxid: z(3, 2) });
    this.packet({ kind: "new-leader", epoch: 4, membership: "" });
    this.step({ kind: "epoch-stored", which: "current", epoch: 4 });
    this.packet({ kind: "up-to-date" });
    this.effects = [];
  }

  /** Everybody votes for this server. */
  elect(): void {
    const best = { zxid: z(3, 2), peerEpoch: 3 };
    this.vote(2, 1, best);
    this.vote(3, 1, best);
    this.pass(200);
    this.step({ kind: "listening", ok: true });
  }

  /** A learner comes with its epoch. */
  join(link: number, serverId: number, acceptedEpoch = 3): void {
    const kind = serverId === 4 ? "observer-info" : "follower-info";
    const info = { acceptedEpoch, serverId, protocolVersion: 0x10000, membershipVersion: 0 };
    this.packet({ kind, ...info }, link);
  }

  /** As a leader: epoch 4 on disk and promised by server 2, which has the same log. */
  lead(): void {
    this.elect();
    this.join(LINK, 2);
    this.step({ kind: "epoch-stored", which: "accepted", epoch: 4 });
    this.packet({ kind: "ack-epoch", lastZxid: z(3, 2), currentEpoch: 3 });
    this.step({ kind: "epoch-stored", which: "current", epoch: 4 });
  }

  /** As a leader: serving, with server 2. */
  reign(): void {
    this.lead();
    this.packet({ kind: "acks", first: z(4, 0), last: z(4, 0) });
    this.step({
      kind: "led",
      preparer: this.#preparer,
      sessions: [],
    });
    this.effects = [];
  }

  get #preparer(): Preparer {
    return {
      prepare: (request, stamp, out, refusal) => {
        this.refusals.push(refusal);
        prepareToy(request, stamp, out, refusal);
      },
      prepareReconfig: prepareToyReconfig,
    };
  }

  /** A write of a client of this server, proposed. */
  write(cxid: number): void {
    this.step(writeRequest(cxid));
    this.step({ kind: "flush" });
  }

  delivered(): Txn[] {
    return this.take("deliver").flatMap(({ batch: delivered }) => txnsOf(delivered));
  }
}
