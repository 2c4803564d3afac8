import type { Cancel, Clock } from "../../../core/contracts/clock.ts";
import type { Logger } from "../../../core/contracts/logger.ts";
import type {
  PeerAddress,
  PeerListener,
  PeerNetwork,
} from "../../../core/contracts/peer_network.ts";
import type { ByteSink, Connection } from "../../../core/contracts/transport.ts";
import type { LinkId } from "../core/input.ts";
import type { QuorumPacket } from "../messages.ts";
import { PacketEncoder } from "../wire/packet_encoder.ts";
import { LinkTraffic } from "./link_traffic.ts";
import { type LinkUser, QuorumLink } from "./quorum_link.ts";

/** Connections that have not said who they are; above it the oldest is given up. */
const UNNAMED_MAX = 256;
/** Longest data of a packet from a learner: a request, or what its clients did lately. */
const LEARNER_BYTES_MAX = 4 * 1024 * 1024;
/** Bytes that wait on all links together; above it the longest queue is given up. */
const WAITING_BYTES_MAX = 512 * 1024 * 1024;
/** Least time between two words of progress about one link, ms. */
const PROGRESS_MS = 250;

/** What a quorum port needs. */
export interface QuorumPortParts {
  readonly network: PeerNetwork;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly user: LinkUser;
  /** Longest data of a packet, bytes. */
  readonly partBytesMax: number;
  /** Time in which whoever connects must send its first packet, ms. */
  readonly firstPacketMsMax: number;
}

/** The connections between learners and leaders: those that this server dials and accepts. */
export class QuorumPort implements LinkUser {
  readonly #parts: QuorumPortParts;
  readonly #encoder = new PacketEncoder();
  readonly #links = new Map<LinkId, QuorumLink>();
  /** Links that others have dialled and said nothing on, the oldest first. */
  readonly #unnamed = new Map<LinkId, Cancel>();
  /** Links with something to send. */
  readonly #unflushed = new Set<QuorumLink>();
  readonly #progressAt = new Map<LinkId, number>();
  #lastId: LinkId = 0;
  #listener: PeerListener | undefined;
  /** Counts listening and ceasing to, so that what comes late is known to be late. */
  #generation = 0;

  constructor(parts: QuorumPortParts) {
    this.#parts = parts;
  }

  link(id: LinkId): QuorumLink | undefined {
    return this.#links.get(id);
  }

  /** Accepts learners. @returns false when the address cannot be had; the log says why. */
  async listen(address: PeerAddress): Promise<boolean> {
    this.unlisten();
    const generation = this.#generation;
    try {
      const listener = await this.#parts.network.listen(address, (connection) => {
        return generation === this.#generation ? this.#accept(connection) : undefined;
      });
      if (generation === this.#generation) this.#listener = listener;
      else await listener.close();
      return true;
    } catch (error) {
      this.#parts.logger.error("cannot listen for learners", { error });
      return false;
    }
  }

  /** Accepts no more; links that never said anything are closed. */
  unlisten(): void {
    this.#generation += 1;
    void this.#listener?.close();
    this.#listener = undefined;
    for (const id of [...this.#unnamed.keys()]) this.#links.get(id)?.close();
  }

  /** Connects to a leader. @returns undefined when it cannot be reached. */
  async dial(address: PeerAddress, timeoutMs: number): Promise<LinkId | undefined> {
    let link: QuorumLink | undefined;
    try {
      await this.#parts.network.dial(address, timeoutMs, (connection) => {
        link = this.#add(connection, false);
        return link;
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#parts.logger.debug("leader not reached", { reason });
    }
    return link?.id;
  }

  /** Adds to what a link sends at the next {@link flush}. */
  send(id: LinkId, packet: QuorumPacket): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    link.send(packet);
    this.#unflushed.add(link);
  }

  /** Sends what has gathered, one write for each link. */
  flush(): void {
    for (const link of this.#unflushed) link.flush();
    this.#unflushed.clear();
  }

  /** Reads nothing more from leaders that this server has dialled, or goes on. */
  holdLeader(isHeld: boolean): void {
    for (const link of this.#links.values()) if (!link.isAccepted) link.hold(isHeld);
  }

  /** Closes a link, once what was sent on it has left if the socket takes it. */
  close(id: LinkId): void {
    const link = this.#links.get(id);
    link?.flush();
    link?.close();
  }

  /** Closes everything. */
  stop(): void {
    this.unlisten();
    for (const link of this.#links.values()) link.close();
  }

  packet(id: LinkId, packet: QuorumPacket): void {
    this.#named(id);
    this.#parts.user.packet(id, packet);
  }

  progress(id: LinkId): void {
    const now = this.#parts.clock.now();
    if (now - (this.#progressAt.get(id) ?? Number.NEGATIVE_INFINITY) < PROGRESS_MS) return;
    this.#progressAt.set(id, now);
    this.#parts.user.progress(id);
  }

  closed(id: LinkId, reason: string): void {
    this.#parts.user.closed(id, reason);
  }

  /** It has said something; by what, the leader decides whether it stays. */
  #named(id: LinkId): void {
    this.#unnamed.get(id)?.();
    this.#unnamed.delete(id);
  }

  #accept(connection: Connection): ByteSink {
    const [oldest] = this.#unnamed.keys();
    if (oldest !== undefined && this.#unnamed.size >= UNNAMED_MAX) {
      this.#links.get(oldest)?.fail("too many connections that do not say who they are");
    }
    const link = this.#add(connection, true);
    const { clock, firstPacketMsMax } = this.#parts;
    const late = (): void => link.fail("it does not say who it is");
    this.#unnamed.set(link.id, clock.after(firstPacketMsMax, late));
    return link;
  }

  #add(connection: Connection, isAccepted: boolean): QuorumLink {
    const id = ++this.#lastId;
    const { partBytesMax, clock } = this.#parts;
    const link = new QuorumLink(id, connection, {
      user: this,
      encoder: this.#encoder,
      traffic: new LinkTraffic(clock.wallTime()),
      partBytesMax: isAccepted ? Math.min(partBytesMax, LEARNER_BYTES_MAX) : partBytesMax,
      isAccepted,
      refused: (reason) => {
        const { address } = connection.peer;
        this.#parts.logger.warn("learner connection refused", { address, reason });
      },
      queued: () => this.#limitQueues(),
      over: () => {
        this.#named(id);
        this.#links.delete(id);
        this.#progressAt.delete(id);
      },
    });
    this.#links.set(id, link);
    return link;
  }

  #limitQueues(): void {
    let total = 0;
    let longest: QuorumLink | undefined;
    for (const link of this.#links.values()) {
      total += link.queuedBytes;
      if (link.queuedBytes > (longest?.queuedBytes ?? 0)) longest = link;
    }
    if (total > WAITING_BYTES_MAX) longest?.fail("it takes nothing, and too much waits for others");
  }
}
