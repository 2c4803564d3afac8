/**
 * Stands between the peer ports of servers: shows every packet of a quorum connection, and cuts or
 * stalls what it is told to.
 *
 * ```ts
 * const members = await Members.plan(plans, { isTapped: true });
 * members.tap.stall(3, 1); // What 3 sends to 1 waits.
 * members.tap.cut(1, 2); // No connection between the two, in either direction.
 * members.tap.heal();
 * const packet = await members.tap.next(({ type, to }) => type === "trunc" && to === 3);
 * ```
 *
 * Each server is told another port for each other one, so that the route tells who has dialled. The
 * address in the greeting of an election connection is made a wildcard: servers then call back by
 * their own configuration, and stay on their route.
 *
 * @module
 */
import { once } from "node:events";
import {
  type AddressInfo,
  createServer,
  connect as dial,
  type Server,
  type Socket,
} from "node:net";
import { JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/wire/zxid.ts";
import { decodeElectionHello } from "../../plugins/zab/wire/election_hello.ts";
import { PACKET_TYPES, packetEnd, readPacket } from "../../plugins/zab/wire/packet.ts";

/** Names as in the code: `proposal`, `newLeader`. */
export type PacketName = keyof typeof PACKET_TYPES;

/** A packet as it passed, or waits in front of a {@link Wiretap.stallAt}. */
export interface Captured {
  readonly from: number;
  readonly to: number;
  /** The one of the two that has dialled. */
  readonly learner: number;
  readonly type: PacketName;
  readonly zxid: Zxid;
  readonly dataBytes: number;
}

/** Where a server listens for others. */
export interface PeerPorts {
  readonly quorum: number;
  readonly election: number;
}

/** Packets that are kept; older ones are forgotten. */
const PACKETS_MAX = 100_000;
const PART_BYTES_MAX = 16 << 20;
/** How long a leader may take until it listens, as `DIALS_MAX * DIAL_PAUSE_MS`. */
const DIALS_MAX = 20;
const DIAL_PAUSE_MS = 50;
/** What Apache's servers and ours write behind the tree of a SNAP. */
const SNAPSHOT_END = Buffer.from("\0\0\0\x01/\0\0\0\x0aBenWasHere", "latin1");
const NAMES = new Map(
  Object.entries(PACKET_TYPES).map(([name, type]) => [type as number, name as PacketName]),
);

/** One direction between two servers. */
type Way = string;

interface Listener {
  readonly server: Server;
  readonly port: number;
}

/** Routes between servers on loopback; one for each ordered pair and port. */
export class Wiretap {
  /** In the order in which they passed; the newest last. */
  readonly packets: Captured[] = [];
  readonly #listeners = new Map<string, Listener>();
  readonly #wires = new Set<Wire>();
  readonly #cut = new Set<Way>();
  readonly #stalled = new Set<Way>();
  readonly #traps = new Map<Way, PacketName>();
  readonly #waiting = new Set<(packet: Captured) => void>();

  private constructor() {}

  /** Opens the routes between servers that listen, or will, on these ports of loopback. */
  static async open(servers: ReadonlyMap<number, PeerPorts>): Promise<Wiretap> {
    const tap = new Wiretap();
    for (const from of servers.keys()) {
      for (const [to, ports] of servers) {
        if (from === to) continue;
        await tap.#listen(from, to, "quorum", ports.quorum);
        await tap.#listen(from, to, "election", ports.election);
      }
    }
    return tap;
  }

  /** The ports at which `from` reaches `to` through here. */
  ports(from: number, to: number): PeerPorts {
    const portOf = (kind: keyof PeerPorts): number =>
      this.#listeners.get(`${from} ${to} ${kind}`)?.port ?? 0;
    return { quorum: portOf("quorum"), election: portOf("election") };
  }

  /** Ends all connections between two servers, and refuses new ones until {@link heal}. */
  cut(one: number, other: number): void {
    for (const way of [wayOf(one, other), wayOf(other, one)]) this.#cut.add(way);
    for (const wire of this.#wires) if (this.#cut.has(wire.way)) wire.destroy();
  }

  /** Lets wait what `from` sends to `to`, on both ports, until {@link heal}; nobody is told. */
  stall(from: number, to: number): void {
    this.#stalled.add(wayOf(from, to));
  }

  /** Stalls a way in front of the next packet of this type, which the stall then holds. */
  stallAt(from: number, to: number, type: PacketName): void {
    this.#traps.set(wayOf(from, to), type);
  }

  /** Undoes every cut and stall; what waited goes on. */
  heal(): void {
    this.#cut.clear();
    this.#stalled.clear();
    this.#traps.clear();
    for (const wire of this.#wires) wire.goOn();
  }

  /** The next packet, from now on, that passes or is stopped in its way, and fits. */
  next(isIt: (packet: Captured) => boolean): Promise<Captured> {
    return new Promise((resolve) => {
      const look = (packet: Captured): void => {
        if (!isIt(packet)) return;
        this.#waiting.delete(look);
        resolve(packet);
      };
      this.#waiting.add(look);
    });
  }

  /** How a learner was last brought up to date, and to or from which zxid. */
  lastSync(learner: number): Captured | undefined {
    return this.packets.findLast(({ type, to }) => to === learner && SYNCS.includes(type));
  }

  async close(): Promise<void> {
    for (const wire of this.#wires) wire.destroy();
    for (const { server } of this.#listeners.values()) {
      server.close();
      await once(server, "close");
    }
  }

  /** For a flow: whether what goes this way has to wait. */
  isStalled(way: Way): boolean {
    return this.#stalled.has(way);
  }

  /** For a flow: takes down a packet. @returns whether it may pass. */
  saw(packet: Captured): boolean {
    const way = wayOf(packet.from, packet.to);
    const isTrapped = this.#traps.get(way) === packet.type;
    if (isTrapped) {
      this.#traps.delete(way);
      this.#stalled.add(way);
    } else {
      this.packets.push(packet);
      if (this.packets.length > PACKETS_MAX) this.packets.splice(0, PACKETS_MAX / 10);
    }
    for (const look of [...this.#waiting]) look(packet);
    return !isTrapped;
  }

  async #listen(from: number, to: number, kind: keyof PeerPorts, target: number): Promise<void> {
    const server = createServer({ noDelay: true, pauseOnConnect: true }, (near) => {
      near.on("error", () => {}); // "close" follows.
      this.#connect({ from, to, kind }, near, { port: target, attempts: 0 });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    this.#listeners.set(`${from} ${to} ${kind}`, { server, port });
  }

  /**
   * Whoever has dialled a leader that does not listen yet would have been refused and have tried
   * again; here it is connected already, so this tries again for it.
   */
  #connect(route: Route, near: Socket, { port, attempts }: Target): void {
    if (near.destroyed) return;
    if (this.#cut.has(wayOf(route.from, route.to))) return void near.destroy();
    const far = dial({ host: "127.0.0.1", port, noDelay: true });
    const refused = (): void => {
      if (route.kind === "election" || attempts === DIALS_MAX) return void near.destroy();
      setTimeout(() => this.#connect(route, near, { port, attempts: attempts + 1 }), DIAL_PAUSE_MS);
    };
    far.once("error", refused);
    far.once("connect", () => {
      far.off("error", refused);
      const wire = new Wire(this, route, [near, far]);
      this.#wires.add(wire);
      wire.closed = () => this.#wires.delete(wire);
      wire.goOn();
    });
  }
}

/** Where a route leads, and how often that was tried. */
interface Target {
  readonly port: number;
  readonly attempts: number;
}

const SYNCS: readonly PacketName[] = ["diff", "trunc", "snap"];

interface Route {
  readonly from: number;
  readonly to: number;
  readonly kind: keyof PeerPorts;
}

/** One connection through a route. */
class Wire {
  readonly way: Way;
  closed = (): void => {};
  readonly #sockets: readonly Socket[];
  readonly #flows: readonly Flow[];

  constructor(tap: Wiretap, { from, to, kind }: Route, [near, far]: readonly [Socket, Socket]) {
    this.way = wayOf(from, to);
    this.#sockets = [near, far];
    const cutter = (a: number, b: number): Cutter => {
      return kind === "quorum" ? new Packets(tap, { from: a, to: b, learner: from }) : WHOLE;
    };
    const there = kind === "quorum" ? cutter(from, to) : new Greeting();
    this.#flows = [
      new Flow(tap, { way: this.way, source: near, target: far, cutter: there }),
      new Flow(tap, { way: wayOf(to, from), source: far, target: near, cutter: cutter(to, from) }),
    ];
    for (const socket of this.#sockets) {
      socket.on("error", () => {}); // "close" follows.
      socket.on("close", () => this.destroy());
    }
  }

  goOn(): void {
    for (const flow of this.#flows) flow.goOn();
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.closed();
  }
}

/** Says how much of what has come may pass. */
interface Cutter {
  /** @returns the bytes to send on, those that stay, and whether something holds the rest up. */
  cut(bytes: Buffer): { readonly pass: Uint8Array; readonly rest: Buffer };
}

interface FlowParts {
  readonly way: Way;
  readonly source: Socket;
  readonly target: Socket;
  readonly cutter: Cutter;
}

/** The bytes of one direction of a connection. */
class Flow {
  readonly #tap: Wiretap;
  readonly #parts: FlowParts;
  #waiting: Buffer = Buffer.alloc(0);
  #isEnded = false;

  constructor(tap: Wiretap, parts: FlowParts) {
    this.#tap = tap;
    this.#parts = parts;
    const { source, target } = parts;
    source.on("data", (chunk: Buffer) => {
      this.#waiting = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk]);
      this.goOn();
    });
    source.on("end", () => {
      this.#isEnded = true;
      this.goOn();
    });
    target.on("drain", () => source.resume());
  }

  goOn(): void {
    const { way, source, target, cutter } = this.#parts;
    if (!this.#tap.isStalled(way)) {
      const { pass, rest } = cutter.cut(this.#waiting);
      this.#waiting = rest;
      if (pass.length > 0 && !target.write(pass)) source.pause();
    }
    if (this.#tap.isStalled(way)) source.pause();
    else if (this.#isEnded) target.end();
    else if (!target.writableNeedDrain) source.resume();
  }
}

/** Lets everything pass. */
const WHOLE: Cutter = {
  cut: (bytes) => ({ pass: bytes, rest: Buffer.alloc(0) }),
};

/** Lets everything pass behind a greeting, which it takes the address from. */
class Greeting implements Cutter {
  #isOver = false;

  cut(bytes: Buffer): { pass: Uint8Array; rest: Buffer } {
    if (this.#isOver) return WHOLE.cut(bytes);
    const found = decodeElectionHello(bytes);
    if (found === undefined) return { pass: new Uint8Array(0), rest: bytes };
    this.#isOver = true;
    const writer = new JuteWriter();
    writer.raw(bytes.subarray(0, 16));
    writer.string(`0.0.0.0:${found.hello.addresses[0]?.port ?? 1}`);
    writer.raw(bytes.subarray(found.end));
    return { pass: writer.copy(), rest: Buffer.alloc(0) };
  }
}

/** Lets whole packets pass, and takes each down; the stream of a snapshot as it comes. */
class Packets implements Cutter {
  readonly #tap: Wiretap;
  readonly #ends: Pick<Captured, "from" | "to" | "learner">;
  #isSnapshot = false;

  constructor(tap: Wiretap, ends: Pick<Captured, "from" | "to" | "learner">) {
    this.#tap = tap;
    this.#ends = ends;
  }

  cut(bytes: Buffer): { pass: Uint8Array; rest: Buffer } {
    let at = 0;
    for (;;) {
      const end = this.#isSnapshot ? this.#snapshotEnd(bytes, at) : this.#packetEnd(bytes, at);
      if (end === at) break;
      at = end;
    }
    return { pass: bytes.subarray(0, at), rest: bytes.subarray(at) };
  }

  /** All but as many bytes as may be the beginning of the end. */
  #snapshotEnd(bytes: Buffer, at: number): number {
    const found = bytes.indexOf(SNAPSHOT_END, at);
    if (found === -1) return Math.max(at, bytes.length - SNAPSHOT_END.length);
    this.#isSnapshot = false;
    return found + SNAPSHOT_END.length;
  }

  #packetEnd(bytes: Buffer, at: number): number {
    const end = packetEnd(bytes, at, bytes.length, PART_BYTES_MAX);
    if (end === -1) return at;
    const { type, zxid, data } = readPacket(new JuteReader(bytes, at, end));
    const name = NAMES.get(type);
    if (name === undefined) throw new Error(`a packet of type ${type} on the quorum port`);
    const packet = { ...this.#ends, type: name, zxid, dataBytes: data?.length ?? 0 };
    if (!this.#tap.saw(packet)) return at;
    this.#isSnapshot = name === "snap";
    return end;
  }
}

function wayOf(from: number, to: number): Way {
  return `${from} ${to}`;
}
