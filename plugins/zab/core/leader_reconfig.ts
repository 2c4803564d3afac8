import type { WriteRequest } from "../../../core/contracts/consensus.ts";
import type { ErrorName } from "../../../core/errors/zk_error.ts";
import type { Zxid } from "../../../core/wire/zxid.ts";
import type { ServerId } from "../messages.ts";
import type { LinkId } from "./input.ts";
import type { LearnerLink } from "./learner_link.ts";
import type { Membership } from "./membership.ts";
import type { Peer } from "./peer.ts";
import { membersAfter, readReconfig, refusalOf } from "./reconfig.ts";

/** A leader's decisions about new members (PP 7.3). */
export class LeaderReconfig {
  readonly #peer: Peer;
  readonly #links: ReadonlyMap<LinkId, LearnerLink>;
  /** The last reconfiguration that was prepared here; 0 for none. */
  #last: Zxid = 0;

  constructor(peer: Peer, links: ReadonlyMap<LinkId, LearnerLink>) {
    this.#peer = peer;
    this.#links = links;
  }

  /** The members that a request leads to, or why it is refused; checks in Apache's order. */
  decide({ bytes, bodyStart, bodyEnd }: WriteRequest, version: Zxid): Membership | ErrorName {
    const { membership, pending, options } = this.#peer;
    // Prepared but not proposed yet counts too.
    if (pending !== undefined || this.#last > membership.version) return "ReconfigInProgress";
    const votersMin = options.standaloneEnabled ? 2 : 1;
    try {
      const request = readReconfig(bytes, bodyStart, bodyEnd);
      const next = membersAfter(membership, request, { version, votersMin });
      return next.hasQuorum((sid) => this.#isSynced(sid)) ? next : "NewConfigNoQuorum";
    } catch (error) {
      return refusalOf(error);
    }
  }

  /** A decision has become a transaction. */
  prepared(zxid: Zxid): void {
    this.#last = zxid;
  }

  /** Who leads once `next` is in force: this server if it can, else who has the most of the log. */
  heirTo(next: Membership): ServerId {
    const { sid: self, membership } = this.#peer;
    if (next.isSameVoter(self, membership)) return self;
    let heir: LearnerLink | undefined;
    for (const link of this.#links.values()) {
      const isCandidate = !link.isObserver && link.isForwarding && next.isVoter(link.sid);
      if (isCandidate && (heir === undefined || link.acked > heir.acked)) heir = link;
    }
    return heir?.sid ?? self;
  }

  #isSynced(sid: ServerId): boolean {
    if (sid === this.#peer.sid) return true;
    for (const link of this.#links.values()) {
      if (link.sid === sid && link.stage === "serving" && !link.isObserver) return true;
    }
    return false;
  }
}
