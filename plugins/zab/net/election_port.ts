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
import { ElectionLink, type Greeting } from "./election_link.ts";

/** Longest time for one attempt to connect, ms (`zookeeper.cnxTimeout`). */
const DIAL_MS_MAX = 5_000;
/** Time in which whoever connects must say who it is, ms. */
const HELLO_MS_MAX = 10_000;
/** Connections that have not said who they are; above it the oldest is given up. */
const UNNAMED_MAX = 256;
/** Servers that no membership names. */
const STRANGERS_MAX = 64;
/** Connections of one server that are kept: who of them is that server, nothing tells. */
const LINKS_MAX = 3;
/** Least time between two calls to a server that is connected, and says that it is not, ms. */
const CALL_PAUSE_MS = 1_000;
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
  /** Where it is by the memberships. */
  configured: readonly PeerAddress[];
  /** Tried in turn: {@link configured}, then what it says of itself. */
  addresses: readonly PeerAddress[];
  isMember: boolean;
  /** The oldest first. */
  links: readonly ElectionLink[];
  isDialing: boolean;
  attempts: number;
  /** When it was called back last, monotonic ms. */
  calledMs: number;
  /** The newest vote; sent again on a new connection. */
  latest: Uint8Array | undefined;
}

/**
 * Votes between servers: one connection for each pair, which the server with the larger id opens
 * (`QuorumCnxManager`, PP 3.1). Whoever has the smaller id connects too, says its name and is
 * called back. A server that nobody knows is answered as well: it may be about to join.
 *
 * Anybody can claim to be a server, so nobody who is connected is given up for such a claim: both
 * are told of every vote, and it is the dead one that closes.
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
    for (const peer of this.#peers.values()) closeAll(peer);
    for (const connection of this.#unnamed) connection.destroy();
    await this.#listener?.close();
  }

  /** Says where servers are; those left out lose their connection. */
  setMembers(members: ReadonlyMap<ServerId, readonly PeerAddress[]>): void {
    for (const [sid, addresses] of members) {
      if (sid === this.#parts.serverId) continue;
      const peer = this.#peer(sid, addresses);
      peer.configured = addresses;
      peer.addresses = addresses;
      peer.isMember = true;
    }
    for (const [sid, peer] of this.#peers) {
      if (!peer.isMember || members.has(sid)) continue;
      this.#peers.delete(sid);
      closeAll(peer);
    }
  }

  /** Sends a vote; a newer one replaces it while it waits. Unknown servers are left out. */
  notify(to: ServerId, vote: Notification): void {
    const peer = this.#peers.get(to);
    if (peer === undefined || this.#isStopped) return;
    peer.latest = encodeNotification(vote);
    for (const link of peer.links) link.send(peer.latest);
    if (peer.links.length === 0) this.#dial(to, peer);
  }

  #peer(sid: ServerId, addresses: readonly PeerAddress[]): Peer {
    let peer = this.#peers.get(sid);
    if (peer !== undefined) return peer;
    const blank = { isMember: false, links: [], isDialing: false, attempts: 0, latest: undefined };
    peer = { ...blank, configured: addresses, addresses, calledMs: Number.NEGATIVE_INFINITY };
    this.#peers.set(sid, peer);
    return peer;
  }

  /** Waits for nobody: a server that does not answer holds no other up (ZOOKEEPER-2164). */
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
        this.#forgetStranger(sid, peer);
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
    const link = this.#makeLink(connection, undefined);
    this.#keep(sid, peer, link);
    // This one leads to where the server is known to be.
    for (const former of peer.links) if (former !== link) former.close();
    return link;
  }

  #accept(connection: Connection): ByteSink | undefined {
    if (this.#isStopped) return undefined;
    const [oldest] = this.#unnamed;
    if (oldest !== undefined && this.#unnamed.size >= UNNAMED_MAX) {
      this.#unnamed.delete(oldest);
      this.#refused(oldest.peer.address, "too many connections that do not say who they are");
      oldest.destroy();
    }
    this.#unnamed.add(connection);
    const { address } = connection.peer;
    const cancel = this.#parts.clock.after(HELLO_MS_MAX, () => {
      if (!this.#unnamed.has(connection)) return;
      this.#refused(address, "it does not say who it is");
      connection.destroy();
    });
    const link: ElectionLink = this.#makeLink(connection, {
      hello: ({ serverId, addresses }) => {
        cancel();
        this.#unnamed.delete(connection);
        return this.#named(serverId, addresses, link);
      },
      refused: (reason) => this.#refused(address, reason),
      closed: () => {
        cancel();
        this.#unnamed.delete(connection);
      },
    });
    return link;
  }

  /** Somebody has said who it is. @returns whether the connection is kept. */
  #named(said: ServerId, addresses: readonly PeerAddress[], link: ElectionLink): boolean {
    const { serverId } = this.#parts;
    if (said === serverId) {
      this.#refused(link.address, "it claims to be this server");
      return false;
    }
    const sid = said === OBSERVER_ID ? --this.#lastObserver : said;
    if (!this.#peers.has(sid) && this.#strangerCount >= STRANGERS_MAX) {
      this.#refused(link.address, "too many servers that no membership names");
      return false;
    }
    const peer = this.#peer(sid, []);
    const reachable = addresses.filter(({ host }) => !WILDCARDS.includes(host));
    if (!peer.isMember || sid < serverId) {
      // It may have moved; but what is known comes first, for anybody may say anything.
      const known = peer.isMember ? peer.configured : [];
      peer.addresses = [...known, ...reachable.filter((other) => !isIn(known, other))];
      if (peer.links.length === 0) peer.attempts = 0;
    }
    if (sid < serverId && sid >= 0) {
      this.#callBack(sid, peer);
      return false;
    }
    const { links } = peer;
    this.#keep(sid, peer, link);
    if (links.length >= LINKS_MAX) {
      this.#refused(link.address, `server ${sid} is connected more than once`);
      links.at(-1)?.close(); // Whoever was there first stays.
    }
    return true;
  }

  #callBack(sid: ServerId, peer: Peer): void {
    const now = this.#parts.clock.now();
    const isConnected = peer.links.length > 0;
    if (isConnected && now - peer.calledMs < CALL_PAUSE_MS) return;
    peer.calledMs = now;
    this.#dial(sid, peer);
    this.#forgetStranger(sid, peer);
  }

  get #strangerCount(): number {
    let count = 0;
    for (const { isMember } of this.#peers.values()) if (!isMember) count += 1;
    return count;
  }

  #makeLink(connection: Connection, greeting: Greeting | undefined): ElectionLink {
    return new ElectionLink(connection, greeting, () => this.#parts.clock.now());
  }

  #keep(sid: ServerId, peer: Peer, link: ElectionLink): void {
    peer.links = [...peer.links, link];
    link.onVote = (vote) => this.#parts.received(sid, vote);
    link.onRefused = (reason) => this.#refused(link.address, reason);
    link.onClosed = () => {
      peer.links = peer.links.filter((other) => other !== link);
      this.#forgetStranger(sid, peer);
    };
    if (peer.latest !== undefined) link.send(peer.latest);
  }

  /** Nothing is kept of a server that no membership names, once it is gone. */
  #forgetStranger(sid: ServerId, peer: Peer): void {
    if (peer.isMember || peer.isDialing || peer.links.length > 0) return;
    if (this.#peers.get(sid) === peer) this.#peers.delete(sid);
  }

  #refused(address: string, reason: string): void {
    this.#parts.logger.warn("election connection refused", { address, reason });
  }
}

function closeAll({ links }: Peer): void {
  for (const link of links) link.close();
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
