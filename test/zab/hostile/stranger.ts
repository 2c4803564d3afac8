import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { JuteWriter } from "../../../core/wire/jute.ts";
import { PROTOCOL_VERSION, type QuorumPacket } from "../../../plugins/zab/messages.ts";
import { encodeElectionHello } from "../../../plugins/zab/wire/election_hello.ts";
import { encodeNotification } from "../../../plugins/zab/wire/notification.ts";
import { PacketEncoder } from "../../../plugins/zab/wire/packet_encoder.ts";

const HOST = "127.0.0.1";
const encoder = new PacketEncoder();

/** A connection to a peer port by somebody who does not belong there. */
export class Stranger {
  readonly socket: Socket;
  receivedBytes = 0;
  #isClosed = false;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {}); // It is to be thrown out.
    socket.on("data", (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
      this.#wake();
    });
    socket.on("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  static async dial(port: number): Promise<Stranger> {
    const socket = connect(port, HOST);
    const stranger = new Stranger(socket);
    await once(socket, "connect");
    return stranger;
  }

  /** Dials and sends; resolves once the server has closed the connection. */
  static async thrownOut(port: number, ...parts: readonly Uint8Array[]): Promise<void> {
    const stranger = await Stranger.dial(port);
    for (const part of parts) stranger.socket.write(part);
    await stranger.closed();
  }

  /** Resolves once so much has come in all, or nothing more will. */
  async bytes(count: number): Promise<void> {
    while (this.receivedBytes < count && !this.#isClosed) await this.#news();
  }

  async closed(): Promise<void> {
    while (!this.#isClosed) await this.#news();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Packets of the quorum port as bytes. */
export function packets(...list: readonly QuorumPacket[]): Uint8Array {
  const writer = new JuteWriter(256);
  for (const packet of list) encoder.encode(writer, packet);
  return writer.copy();
}

/** The first packet of a learner. */
export function introduction(
  serverId: number,
  acceptedEpoch: number,
  kind: "follower-info" | "observer-info" = "follower-info",
): Uint8Array {
  const rest = { protocolVersion: PROTOCOL_VERSION, membershipVersion: 0 };
  return packets({ kind, serverId, acceptedEpoch, ...rest });
}

/** What whoever dials an election port says first. */
export function hello(serverId: number, port = 1): Uint8Array {
  return encodeElectionHello(serverId, { host: HOST, port });
}

/** A framed vote for `leader`, who is said to have seen this epoch. */
export function vote(leader: number, epoch: number): Uint8Array {
  const payload = encodeNotification({
    state: "looking",
    leader,
    zxid: 0,
    round: epoch,
    peerEpoch: epoch,
    version: 2,
    membership: `server.${leader}=${HOST}:1:2:participant`,
    isZookit: true,
  });
  const writer = new JuteWriter(256);
  writer.int(payload.length);
  writer.raw(payload);
  return writer.copy();
}
