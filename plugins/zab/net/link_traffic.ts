import type { Zxid } from "../../../core/wire/zxid.ts";
import type { QuorumPacket } from "../messages.ts";

/** What a link has carried, counted in packets of the wire as Apache counts them. */
export class LinkTraffic {
  /** When it was made, wall clock, ms. */
  readonly establishedMs: number;
  received = 0;
  /** Of these, those of clients. */
  requests = 0;
  /** Without those of a stream, which are not looked at. */
  sent = 0;
  /** The last one sent that has a zxid; -1 before the first. */
  lastZxid: Zxid = -1;
  /** {@link sent} when the socket had taken all of it last. */
  #taken = 0;

  constructor(establishedMs: number) {
    this.establishedMs = establishedMs;
  }

  noteSent(packet: QuorumPacket): void {
    switch (packet.kind) {
      case "proposals":
      case "informs":
        return this.#sent(packet.batch.count, packet.batch.lastZxid);
      case "history":
        return this.#sent(2 * packet.batch.count, packet.batch.lastZxid);
      case "acks":
      case "commits":
        return this.#sent(packet.last - packet.first + 1, packet.last);
      default:
        return this.#sent(1, "zxid" in packet ? packet.zxid : -1);
    }
  }

  /** Counts packets anew; what waits goes on waiting. */
  reset(): void {
    this.#taken -= this.sent;
    this.sent = 0;
    this.received = 0;
    this.requests = 0;
  }

  /** Nothing that was sent waits any more. */
  noteTaken(): void {
    this.#taken = this.sent;
  }

  /** Packets sent since nothing waited last: those that wait, and perhaps some before them. */
  get queued(): number {
    return this.sent - this.#taken;
  }

  #sent(count: number, zxid: Zxid): void {
    this.sent += count;
    if (zxid > 0) this.lastZxid = zxid;
  }
}
