import type { PeerAddress } from "../../core/contracts/peer_network.ts";
import { invariant } from "../../core/errors/invariant.ts";
import { Membership } from "./core/membership.ts";
import type { ServerId } from "./messages.ts";

/** One of the two ports that a server has for others. */
export type PeerPort = "electionPort" | "quorumPort";

/** Where the servers of the ensemble are, by the memberships in force and proposed. */
export class Members {
  readonly #own: ServerId;
  readonly #configured: Membership;
  #committed: Membership;
  #proposed: Membership | undefined;

  /** @param configured the text that the configuration gives; it names this server. */
  constructor(own: ServerId, configured: string) {
    this.#own = own;
    this.#configured = Membership.parse(configured);
    this.#committed = this.#configured;
  }

  get inForce(): Membership {
    return this.#committed;
  }

  /** Whether members are proposed: those that the tree shows may be these. */
  get arePending(): boolean {
    return this.#proposed !== undefined;
  }

  /** Takes a membership over; one that is committed ends what was proposed. */
  set(text: string, isCommitted: boolean): void {
    const membership = Membership.parse(text);
    this.#proposed = isCommitted ? undefined : membership;
    if (isCommitted) this.#committed = membership;
  }

  /** Addresses to try, by server. */
  addresses(port: PeerPort): Map<ServerId, readonly PeerAddress[]> {
    const found = new Map<ServerId, readonly PeerAddress[]>();
    for (const membership of [this.#committed, this.#proposed]) {
      for (const { sid, addresses } of membership?.members.values() ?? []) {
        found.set(
          sid,
          addresses.map((address) => ({ host: address.host, port: address[port] })),
        );
      }
    }
    return found;
  }

  /** Where this server listens: as its memberships say, or else its configuration. */
  ownAddress(port: PeerPort): PeerAddress {
    const known = this.addresses(port).get(this.#own)?.[0];
    if (known !== undefined) return known;
    const own = this.#configured.members.get(this.#own)?.addresses[0];
    invariant(own !== undefined, `server ${this.#own} is not in its own configuration`);
    return { host: own.host, port: own[port] };
  }
}
