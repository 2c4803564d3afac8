import { JuteReader } from "../../../core/wire/jute.ts";
import { KeptBytes } from "../../../core/wire/kept_bytes.ts";
import { packetEnd, type RawPacket, readPacket } from "./packet.ts";

/** Bytes of a chunk that are looked at, at first, for the end of a packet begun before. */
const PIECE_BYTES_MIN = 512;

/**
 * Cuts the bytes of a quorum connection into packets. Those that lie whole in a chunk are handed on
 * in place. Holds at most one packet and what one chunk brought, except while it is stopped: its
 * user then pauses the connection.
 */
export class PacketStream {
  readonly #take: (packet: RawPacket) => void;
  /** Longest data of a packet, bytes; may be changed between packets. */
  partBytesMax: number;
  readonly #reader = new JuteReader(NOTHING);
  readonly #kept = new KeptBytes();
  #isStopped = false;

  /**
   * @param take is called with each packet; what it throws comes out of {@link push}.
   * @param partBytesMax the longest data of a packet.
   */
  constructor(take: (packet: RawPacket) => void, partBytesMax: number) {
    this.#take = take;
    this.partBytesMax = partBytesMax;
  }

  /**
   * Takes a chunk, which stays the caller's.
   *
   * @throws {PeerProtocolError} when the bytes are no packets; no further call is of use.
   */
  push(chunk: Uint8Array): void {
    const from = this.#complete(chunk);
    if (this.#isStopped || this.#kept.length > 0) {
      if (from < chunk.length) this.#kept.append(chunk, from);
      return;
    }
    const used = this.#cut(chunk, from, chunk.length);
    if (used < chunk.length) this.#kept.append(chunk, used);
  }

  /**
   * Ends the packet that an earlier chunk began, with no more of this one copied than that takes.
   *
   * @returns the offset up to which the chunk was used.
   */
  #complete(chunk: Uint8Array): number {
    const kept = this.#kept;
    let from = 0;
    while (!this.#isStopped && kept.length > 0 && from < chunk.length) {
      const before = kept.length;
      const to = Math.min(chunk.length, from + Math.max(PIECE_BYTES_MIN, before));
      kept.append(chunk.subarray(from, to), 0);
      const { bytes, start, end } = kept;
      const used = this.#cut(bytes, start, end) - start;
      if (used === 0) {
        from = to;
        continue;
      }
      kept.clear(); // What was not used of it stands in the chunk.
      return from + used - before;
    }
    return from;
  }

  /** From within `take`: what follows is no packet (a snapshot), and is kept for {@link rest}. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Takes out the bytes that were kept since {@link stop}; the caller's for good. */
  rest(): Uint8Array {
    const { bytes, start, end } = this.#kept;
    this.#kept.clear();
    return bytes.slice(start, end);
  }

  /** Goes on with packets after {@link stop}. @throws {PeerProtocolError} as {@link push}. */
  resume(): void {
    this.#isStopped = false;
    this.#recut();
  }

  #recut(): void {
    const { bytes, start, end } = this.#kept;
    this.#kept.dropTo(this.#cut(bytes, start, end));
  }

  /** @returns the offset up to which `bytes` were used. */
  #cut(bytes: Uint8Array, start: number, bytesEnd: number): number {
    let at = start;
    while (!this.#isStopped) {
      const end = packetEnd(bytes, at, bytesEnd, this.partBytesMax);
      if (end === -1) break;
      this.#reader.reset(bytes, at, end);
      this.#take(readPacket(this.#reader));
      at = end;
    }
    return at;
  }
}

const NOTHING = new Uint8Array(0);
