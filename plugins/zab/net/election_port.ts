import type { Clock } from "../../../core/contracts/clock.ts";
import type { Logger } from "../../../core/contracts/logger.ts";
import type {
  PeerAddress,
  PeerListener,
  PeerNetwork,
} from "../../../core/contracts/peer_network.ts";
import type { ByteSink, Connection } from "../../../core/contracts/transport.ts";
import type { Notification, ServerId } from "../messages.ts";
import { encodeElectionHello } from "../wire/election_hello.ts";
import { encodeNotification } from "../wire/notification.ts";
import { ElectionLink } from "./election_link.ts";

/** Longest time for one attempt to connect, ms (`zookeeper.cnxTimeout`). */
const DIAL_MS_MAX = 5_000;
/** Time in which whoever connects must say who it is, ms. */
const HELLO_MS_MAX = 10_000;
/** Connections that have not said who they are, and servers that no membership names. */
const STRANGERS_MAX = 64;
/** What a Java observer of old calls itself: it gets a number of its own. */
const OBSERVER_ID = Number.MAX_SAFE_INTEGER;

/** What an election port needs. */
export interface ElectionPortParts {
  readonly network: PeerNetwork;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly serverId: ServerId;
  readonly received: (from: ServerId, vote: Notification) => void;
}

/** Another server, as long as this one knows of it. */
interface Peer {
  /** Tried in turn. */
  addresses: readonly PeerAddress[];
  isMember: boolean;
  link: ElectionLink | undefined;
  isDialing: boolean;
  attempts: number;
  /** The newest vote; sent again on a new connection. */
  latest: Uint8Array | undefined;
}

/**
 * Votes between servers: one connection for each pair, which the server with the larger id opens
 * (`QuorumCnxManager`, PP 3.1). Whoever has the smaller id connects too, says its name and is
 * called back. A server that nobody knows is answered as well: it may be about to join.
 */
export class ElectionPort {
  readonly #parts: ElectionPortParts;
  readonly #peers = new Map<ServerId, Peer>();
  readonly #unnamed = new Set<Connection>();
  #ownAddress: PeerAddress = { host: "", port: 0 };
  #listener: PeerListener | undefined;
  #lastObserver = 0;
  #isStopped = false;

  constructor(parts: ElectionPortParts) {
    this.#parts = parts;
  }

  /** Begins to listen. @throws {TransportError} as `PeerNetwork.listen`. */
  async start(address: PeerAddress): Promise<void> {
    this.#ownAddress = address;
    this.#listener = await this.#parts.network.listen(address, (c) => this.#accept(c));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const peer of this.#peers.values()) peer.link?.close();
    for (const connection of this.#unnamed) connection.destroy();
    await this.#listener?.close();
  }

  /** Says where servers are; those left out lose their connection. */
  setMembers(members: ReadonlyMap<ServerId, readonly PeerAddress[]>): void {
    for (const [sid, addresses] of members) {
      if (sid === this.#parts.serverId) continue;
      const peer = this.#peer(sid, addresses);
      peer.addresses = addresses;
      peer.isMember = true;
    }
    for (const [sid, peer] of this.#peers) {
      if (!peer.isMember || members.has(sid)) continue;
      this.#peers.delete(sid);
      peer.link?.close();
    }
  }

  /** Sends a vote; a newer one replaces it while it waits. Unknown servers are left out. */
  notify(to: ServerId, vote: Notification): void {
    const peer = this.#peers.get(to);
    if (peer === undefined || this.#isStopped) return;
    peer.latest = encodeNotification(vote);
    if (peer.link !== undefined) peer.link.send(peer.latest);
    else this.#dial(to, peer);
  }

  #peer(sid: ServerId, addresses: readonly PeerAddress[]): Peer {
    let peer = this.#peers.get(sid);
    if (peer !== undefined) return peer;
    const blank = { isMember: false, isDialing: false, attempts: 0 };
    peer = { ...blank, addresses, link: undefined, latest: undefined };
    this.#peers.set(sid, peer);
    return peer;
  }

  #dial(sid: ServerId, peer: Peer): void {
    const address = peer.addresses[peer.attempts % peer.addresses.length];
    if (peer.isDialing || address === undefined || this.#isStopped) return;
    peer.isDialing = true;
    peer.attempts += 1;
    const { network, logger } = this.#parts;
    network
      .dial(address, DIAL_MS_MAX, (connection) => this.#dialed(sid, peer, connection))
      .catch((error) => {
        logger.debug("no election connection", { peer: sid, reason: String(error.message) });
      })
      .finally(() => {
        peer.isDialing = false;
      });
  }

  #dialed(sid: ServerId, peer: Peer, connection: Connection): ByteSink {
    connection.write(encodeElectionHello(this.#parts.serverId, this.#ownAddress));
    const isGone = this.#isStopped || this.#peers.get(sid) !== peer;
    if (isGone || sid > this.#parts.serverId) {
      // The other side knows now that it is to call back.
      connection.end();
      return new Ignored(connection);
    }
    return this.#adopt(sid, peer, connection);
  }

  #accept(connection: Connection): ByteSink | undefined {
    if (this.#isStopped || this.#unnamed.size >= STRANGERS_MAX) return undefined;
    this.#unnamed.add(connection);
    const cancel = this.#parts.clock.after(HELLO_MS_MAX, () => {
      if (this.#unnamed.has(connection)) connection.destroy();
    });
    const link: ElectionLink = new ElectionLink(connection, {
      hello: ({ serverId, addresses }) => {
        cancel();
        this.#unnamed.delete(connection);
        return this.#named(serverId, addresses, link);
      },
      refused: (reason) => {
        const { address } = connection.peer;
        this.#parts.logger.warn("election connection refused", { address, reason });
      },
      closed: () => {
        cancel();
        this.#unnamed.delete(connection);
      },
    });
    return link;
  }

  /** Somebody has said who it is. @returns whether the connection is kept. */
  #named(said: ServerId, addresses: readonly PeerAddress[], link: ElectionLink): boolean {
    const { serverId, logger } = this.#parts;
    if (said === serverId) {
      logger.warn("another server has the id of this one", { serverId, from: link.address });
      return false;
    }
    const sid = said === OBSERVER_ID ? --this.#lastObserver : said;
    if (!this.#peers.has(sid) && this.#strangerCount >= STRANGERS_MAX) return false;
    const peer = this.#peer(sid, []);
    const reachable = addresses.filter(({ host }) => !WILDCARDS.includes(host));
    if (reachable.length > 0 && (!peer.isMember || sid < serverId)) {
      // What it says of itself comes first, what the configuration says after that.
      const others = peer.isMember ? peer.addresses : [];
      peer.addresses = [...reachable, ...others.filter((other) => !isIn(reachable, other))];
      peer.attempts = 0;
    }
    if (sid < serverId && sid >= 0) {
      peer.link?.close();
      peer.link = undefined;
      this.#dial(sid, peer);
      return false;
    }
    this.#take(sid, peer, link);
    return true;
  }

  get #strangerCount(): number {
    let count = 0;
    for (const { isMember } of this.#peers.values()) if (!isMember) count += 1;
    return count;
  }

  #adopt(sid: ServerId, peer: Peer, connection: Connection): ByteSink {
    const link = new ElectionLink(connection, undefined);
    this.#take(sid, peer, link);
    return link;
  }

  #take(sid: ServerId, peer: Peer, link: ElectionLink): void {
    const former = peer.link;
    peer.link = link;
    former?.close();
    link.onVote = (vote) => this.#parts.received(sid, vote);
    link.onClosed = () => {
      if (peer.link === link) peer.link = undefined;
      if (!peer.isMember && peer.link === undefined) this.#peers.delete(sid);
    };
    if (peer.latest !== undefined) link.send(peer.latest);
  }
}

/** Says nothing about a server's place. */
const WILDCARDS: readonly string[] = ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"];

function isIn(addresses: readonly PeerAddress[], { host, port }: PeerAddress): boolean {
  return addresses.some((other) => other.host === host && other.port === port);
}

/** Lets a connection come to its end. */
class Ignored implements ByteSink {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  chunk(): void {}
  writable(): void {}
  ended(): void {
    this.#connection.destroy();
  }
  closed(): void {}
}
