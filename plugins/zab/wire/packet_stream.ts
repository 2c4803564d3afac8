import { JuteReader, putPart } from "../../../core/wire/jute.ts";
import { packetEnd, type RawPacket, readPacket } from "./packet.ts";

/**
 * Cuts the bytes of a quorum connection into packets. Those that lie whole in a chunk are handed on
 * in place. Holds at most one packet and what one chunk brought, except while it is stopped: its
 * user then pauses the connection.
 */
export class PacketStream {
  readonly #take: (packet: RawPacket) => void;
  readonly #partBytesMax: number;
  readonly #reader = new JuteReader(NOTHING);
  #kept: Uint8Array = NOTHING;
  #start = 0;
  #end = 0;
  #isStopped = false;

  /**
   * @param take is called with each packet; what it throws comes out of {@link push}.
   * @param partBytesMax the longest data of a packet.
   */
  constructor(take: (packet: RawPacket) => void, partBytesMax: number) {
    this.#take = take;
    this.#partBytesMax = partBytesMax;
  }

  /**
   * Takes a chunk, which stays the caller's.
   *
   * @throws {PeerProtocolError} when the bytes are no packets; no further call is of use.
   */
  push(chunk: Uint8Array): void {
    if (this.#isStopped || this.#start < this.#end) {
      this.#append(chunk, 0);
      if (!this.#isStopped) this.#recut();
      return;
    }
    const from = this.#cut(chunk, 0, chunk.length);
    if (from < chunk.length) this.#append(chunk, from);
  }

  /** From within `take`: what follows is no packet (a snapshot), and is kept for {@link rest}. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Takes out the bytes that were kept since {@link stop}; the caller's for good. */
  rest(): Uint8Array {
    const rest = this.#kept.slice(this.#start, this.#end);
    this.#kept = NOTHING;
    this.#start = this.#end = 0;
    return rest;
  }

  /** Goes on with packets after {@link stop}. @throws {PeerProtocolError} as {@link push}. */
  resume(): void {
    this.#isStopped = false;
    this.#recut();
  }

  #recut(): void {
    this.#start = this.#cut(this.#kept, this.#start, this.#end);
    if (this.#start < this.#end) return;
    this.#kept = NOTHING;
    this.#start = this.#end = 0;
  }

  /** @returns the offset up to which `bytes` were used. */
  #cut(bytes: Uint8Array, start: number, bytesEnd: number): number {
    let at = start;
    while (!this.#isStopped) {
      const end = packetEnd(bytes, at, bytesEnd, this.#partBytesMax);
      if (end === -1) break;
      this.#reader.reset(bytes, at, end);
      this.#take(readPacket(this.#reader));
      at = end;
    }
    return at;
  }

  /** Grows by doubling as bytes come, never by what a length announces. */
  #append(chunk: Uint8Array, from: number): void {
    const keptBytes = this.#end - this.#start;
    const addedBytes = chunk.length - from;
    if (this.#end + addedBytes > this.#kept.length) {
      const neededBytes = keptBytes + addedBytes;
      const grown = new Uint8Array(keptBytes === 0 ? neededBytes : neededBytes * 2);
      putPart(grown, 0, this.#kept, this.#start, this.#end);
      this.#kept = grown;
      this.#start = 0;
      this.#end = keptBytes;
    }
    putPart(this.#kept, this.#end, chunk, from, chunk.length);
    this.#end += addedBytes;
  }
}

const NOTHING = new Uint8Array(0);
