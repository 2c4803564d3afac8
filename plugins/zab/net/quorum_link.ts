import type { LearnerTraffic } from "../../../core/contracts/consensus.ts";
import type { ByteSink, Connection } from "../../../core/contracts/transport.ts";
import { ZkError } from "../../../core/errors/zk_error.ts";
import { JuteWriter } from "../../../core/wire/jute.ts";
import type { LinkId } from "../core/input.ts";
import type { QuorumPacket } from "../messages.ts";
import { PACKET_TYPES, PeerProtocolError } from "../wire/packet.ts";
import { PacketDecoder } from "../wire/packet_decoder.ts";
import type { PacketEncoder } from "../wire/packet_encoder.ts";
import { PacketStream } from "../wire/packet_stream.ts";
import { IncomingSnapshot } from "./incoming_snapshot.ts";
import type { LinkTraffic } from "./link_traffic.ts";

/** Bytes in the socket at which no more of a stream is asked for. */
const STREAM_AHEAD_BYTES = 256 * 1024;
/** Bytes waiting at which a learner that takes nothing is given up. */
const WAITING_BYTES_MAX = 256 * 1024 * 1024;
/** Longest data of the packet by which a learner introduces itself, bytes. */
const FIRST_BYTES_MAX = 1024;
/** A buffer that has grown beyond this is not kept. */
const BUFFER_BYTES_KEPT = 1024 * 1024;

/** A long run of bytes that is made as the socket takes it. */
export interface OutgoingStream {
  /** The next bytes, the caller's for good; undefined at the end. Not called again before that. */
  next(): Promise<Uint8Array | undefined> | Uint8Array | undefined;
  /** The link closed first; not called after the end. */
  close(): void;
}

/** Who uses a link. */
export interface LinkUser {
  packet(link: LinkId, packet: QuorumPacket): void;
  progress(link: LinkId): void;
  /** Once, however it ended; not after {@link QuorumLink.close}. */
  closed(link: LinkId, reason: string): void;
}

/** How much one link may hold, and how it writes. */
export interface LinkParts {
  readonly user: LinkUser;
  readonly encoder: PacketEncoder;
  /** Counts what it carries. */
  readonly traffic: LinkTraffic;
  /** Longest data of a packet, and longest node of a snapshot, bytes. */
  readonly partBytesMax: number;
  /** It ended before the other side said who it is; the user is not told. */
  readonly refused: (reason: string) => void;
  /** Its {@link QuorumLink.queuedBytes} have grown. */
  readonly queued: () => void;
  /** Whether the other side dialled. */
  readonly isAccepted: boolean;
  /** It is closed, whoever did it. */
  readonly over: () => void;
}

/**
 * A connection between a learner and its leader. Packets gather until {@link flush}, which sends
 * them in one write; streams stand among them in order.
 */
export class QuorumLink implements ByteSink {
  readonly id: LinkId;
  /** True once a packet has come. */
  hasSpoken = false;
  readonly #connection: Connection;
  readonly #parts: LinkParts;
  readonly #stream: PacketStream;
  readonly #decoder: PacketDecoder;
  /** What was not given to the socket yet, before {@link #out}. */
  #queue: (Uint8Array | OutgoingStream)[] = [];
  /** Bytes that wait for the socket to take others. */
  queuedBytes = 0;
  #out = new JuteWriter(4096);
  #incoming: IncomingSnapshot | undefined;
  /** From SNAP until packets come again: what is read then, the snapshot decides. */
  #isInSnapshot = false;
  #isHeld = false;
  /** For the socket to take what it was given. */
  #isWaiting = false;
  /** For the next bytes of a stream. */
  #isPulling = false;
  #isClosed = false;

  constructor(id: LinkId, connection: Connection, parts: LinkParts) {
    this.id = id;
    this.#connection = connection;
    this.#parts = parts;
    this.#decoder = new PacketDecoder((packet) => this.#take(packet));
    const firstBytesMax = parts.isAccepted ? FIRST_BYTES_MAX : parts.partBytesMax;
    this.#stream = new PacketStream((raw) => {
      parts.traffic.received += 1;
      if (raw.type === PACKET_TYPES.request) parts.traffic.requests += 1;
      this.#decoder.packet(raw);
    }, firstBytesMax);
  }

  /** Where the other side is, for messages. */
  get address(): string {
    return this.#connection.peer.address;
  }

  /** What it has carried so far. */
  get traffic(): LearnerTraffic {
    const { traffic } = this.#parts;
    const { establishedMs, received, sent, requests, lastZxid } = traffic;
    const queuedBytes = this.queuedBytes + this.#connection.bufferedBytes + this.#out.length;
    const queuedPackets = queuedBytes === 0 ? 0 : traffic.queued;
    const { peer } = this.#connection;
    const carried = { received, sent, requests, lastZxid };
    const reset = (): void => traffic.reset();
    return { peer, establishedMs, queuedPackets, queuedBytes, ...carried, reset };
  }

  get isAccepted(): boolean {
    return this.#parts.isAccepted;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Adds a packet to what the next {@link flush} sends; its bytes are copied. */
  send(packet: QuorumPacket): void {
    if (this.#isClosed) return;
    const { encoder, traffic } = this.#parts;
    encoder.encode(this.#out, packet);
    traffic.noteSent(packet);
  }

  /** Puts a stream behind what was sent so far; what is sent later comes after its end. */
  sendStream(stream: OutgoingStream): void {
    if (this.#isClosed) return stream.close();
    this.#enqueueOut();
    if (this.#isClosed) return stream.close(); // Too much waited on it.
    this.#queue.push(stream);
    this.#pump();
  }

  /** Hands to the socket what has gathered, unless a stream is under way. */
  flush(): void {
    if (this.#isClosed || this.#out.length === 0) return;
    if (this.#queue.length > 0 || this.#isWaiting) {
      this.#enqueueOut();
      const isStuck = this.queuedBytes + this.#connection.bufferedBytes > WAITING_BYTES_MAX;
      return isStuck ? this.fail("it takes nothing") : this.#pump();
    }
    const isWelcome = this.#connection.write(this.#out.view());
    if (this.#connection.bufferedBytes === 0) this.#parts.traffic.noteTaken();
    // The socket has taken all of it, mostly: then the buffer serves again.
    if (this.#connection.bufferedBytes > 0) this.#out.detach(4096);
    else if (this.#out.bytes.length > BUFFER_BYTES_KEPT) this.#out.detach(4096);
    else this.#out.clear();
    this.#isWaiting = !isWelcome && this.#connection.bufferedBytes > STREAM_AHEAD_BYTES;
  }

  /**
   * The snapshot that follows SNAP; packets come again when it is over and {@link resume} was
   * called.
   */
  receiveSnapshot(): IncomingSnapshot {
    const incoming = new IncomingSnapshot(this.#parts.partBytesMax, {
      pause: () => this.#connection.pause(),
      resume: () => this.#connection.resume(),
      progress: () => this.#parts.user.progress(this.id),
    });
    this.#incoming = incoming;
    incoming.push(this.#stream.rest());
    if (this.#isClosed) incoming.closed();
    else this.#connection.resume();
    return incoming;
  }

  /** Reads nothing more, or goes on; a snapshot under way is read to its end. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (this.#isInSnapshot || this.#isClosed) return;
    if (isHeld) this.#connection.pause();
    else this.#connection.resume();
  }

  /** Goes on with packets after a snapshot. */
  resume(): void {
    const rest = this.#incoming?.rest();
    this.#incoming = undefined;
    this.#isInSnapshot = false;
    if (this.#isClosed) return;
    if (!this.#isHeld) this.#connection.resume();
    this.#guard(() => {
      if (rest !== undefined) this.#stream.push(rest);
      this.#stream.resume();
      this.#decoder.flush();
    });
  }

  /** Closes it and tells the user why. */
  fail(reason: string): void {
    if (this.#isClosed) return;
    this.close();
    if (this.isAccepted && !this.hasSpoken) this.#parts.refused(reason);
    else this.#parts.user.closed(this.id, reason);
  }

  /** Closes at once; the user is not told. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.destroy();
    this.#release();
  }

  chunk(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#incoming !== undefined) return this.#incoming.push(bytes);
    this.#guard(() => {
      this.#stream.push(bytes);
      this.#decoder.flush();
    });
  }

  writable(): void {
    this.#isWaiting = false;
    this.#pump();
  }

  ended(): void {
    this.fail("the other side has closed it");
  }

  closed(): void {
    this.fail("connection lost");
  }

  #take(packet: QuorumPacket): void {
    this.hasSpoken = true;
    this.#stream.partBytesMax = this.#parts.partBytesMax;
    if (packet.kind === "snap") {
      this.#isInSnapshot = true;
      this.#stream.stop();
      this.#connection.pause();
    }
    if (!this.#isClosed) this.#parts.user.packet(this.id, packet);
  }

  #guard(task: () => void): void {
    try {
      task();
    } catch (error) {
      if (!(error instanceof PeerProtocolError || error instanceof ZkError)) throw error;
      this.fail(`what it sends is not the protocol: ${error.message}`);
    }
  }

  #enqueueOut(): void {
    if (this.#out.length === 0) return;
    this.#queue.push(this.#out.copy());
    this.queuedBytes += this.#out.length;
    this.#out.clear();
    this.#parts.queued();
  }

  /** Gives the socket what waits, as far as it takes it. */
  #pump(): void {
    while (!this.#isWaiting && !this.#isPulling && !this.#isClosed) {
      const head = this.#queue[0];
      if (head === undefined) return;
      if (head instanceof Uint8Array) {
        this.#queue.shift();
        this.queuedBytes -= head.length;
        this.#write(head);
        continue;
      }
      const next = head.next();
      if (next instanceof Promise) {
        this.#isPulling = true;
        next.then(
          (bytes) => this.#streamed(bytes),
          (error) => this.fail(`what it is to get cannot be read: ${String(error)}`),
        );
        return;
      }
      this.#streamedNow(next);
    }
  }

  #streamed(bytes: Uint8Array | undefined): void {
    this.#isPulling = false;
    if (this.#isClosed) return;
    this.#streamedNow(bytes);
    this.#pump();
  }

  #streamedNow(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) {
      this.#queue.shift();
      return;
    }
    this.#write(bytes);
    this.#parts.user.progress(this.id);
  }

  #write(bytes: Uint8Array): void {
    const isWelcome = this.#connection.write(bytes);
    this.#isWaiting = !isWelcome;
  }

  #release(): void {
    for (const item of this.#queue) if (!(item instanceof Uint8Array)) item.close();
    this.#queue = [];
    this.queuedBytes = 0;
    this.#out.detach(0);
    this.#incoming?.closed();
    this.#parts.over();
  }
}
