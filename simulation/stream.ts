import type { ByteSink, Connection, Peer } from "../core/contracts/transport.ts";
import { kept } from "./kept.ts";
import type { EffectKind, Ending, Machine } from "./machine.ts";
import type { Route } from "./route.ts";
import type { Due } from "./scheduler.ts";

/** Bytes that the system takes from a process before `bufferedBytes` counts them. */
const SYSTEM_BUFFER_BYTES = 64 * 1024;
/** Buffered bytes above which the writer is told to wait. */
const HIGH_WATER_BYTES = 256 * 1024;

type Packet =
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  /** No more will come. */
  | { readonly kind: "end" }
  /** The other side is gone, but what it sent before is good. */
  | { readonly kind: "gone" }
  | { readonly kind: "reset" }
  /** The other side has taken the connection. */
  | { readonly kind: "accepted" };

/** Packets on their way in one direction: they keep their order, and wait where a route is shut. */
class Pipe {
  readonly #route: Route;
  readonly #machine: Machine;
  readonly #deliver: (packet: Packet) => void;
  #queue: { readonly packet: Packet; readonly readyMs: number }[] = [];
  #due: Due | undefined;

  constructor(route: Route, machine: Machine, deliver: (packet: Packet) => void) {
    this.#route = route;
    this.#machine = machine;
    this.#deliver = deliver;
  }

  /** Takes a copy of the bytes, as one packet or two. */
  write(bytes: Uint8Array): void {
    const cutAt = this.#route.cutAt(bytes.length);
    const copy = kept(bytes, 0, bytes.length);
    if (cutAt > 0) this.push({ kind: "data", bytes: copy.subarray(0, cutAt) });
    this.push({ kind: "data", bytes: cutAt > 0 ? copy.subarray(cutAt) : copy });
  }

  push(packet: Packet): void {
    const readyMs = this.#machine.scheduler.nowMs + this.#route.delayMs();
    this.#queue.push({ packet, readyMs });
    if (this.#queue.length === 1) this.#arm();
  }

  /** Forgets what is still on its way, except what left already when nothing is sent again. */
  clear(): void {
    this.#queue = [];
    this.#due?.cancel();
  }

  /** Drops data beyond what the system had taken. */
  dropBeyond(sizeBytes: number): void {
    let left = sizeBytes;
    this.#queue = this.#queue.filter(({ packet }) => {
      left -= packet.kind === "data" ? packet.bytes.length : 0;
      return left >= 0;
    });
  }

  #arm(): void {
    const first = this.#queue[0];
    if (first === undefined) return;
    const { scheduler } = this.#machine;
    this.#due = scheduler.put(first.readyMs - scheduler.nowMs, this.#arrive);
  }

  /** One for all packets: there are many. */
  readonly #arrive = (): void => {
    if (this.#route.isBlocked) {
      this.#route.waiting.add(() => this.#reopened());
      return;
    }
    const first = this.#queue.shift();
    if (first === undefined) return;
    this.#deliver(first.packet);
    this.#arm();
  };

  #reopened(): void {
    const { scheduler } = this.#machine;
    const delayMs = this.#route.delayMs();
    this.#due = scheduler.put(delayMs, this.#arrive);
  }
}

/** One end of a simulated TCP connection. */
export class StreamEnd implements Connection {
  readonly peer: Peer;
  readonly machine: Machine;
  readonly #life: number;
  readonly #effect: EffectKind;
  readonly #forget: (end: StreamEnd) => void;
  #other: StreamEnd | undefined;
  #pipe: Pipe | undefined;
  #sink: ByteSink | undefined;
  #onAccepted: (() => void) | undefined;
  #inbox: Packet[] = [];
  /** Bytes written that the other process has not taken. */
  #underWay = 0;
  #isPaused = false;
  #hasEnded = false;
  #otherHasEnded = false;
  #isGone = false;
  #isClosedTold = false;
  #writerWaits = false;
  #isDraining = false;

  constructor(
    machine: Machine,
    parts: {
      readonly peer: Peer;
      readonly effect: EffectKind;
      readonly forget: (end: StreamEnd) => void;
    },
  ) {
    this.machine = machine;
    this.#life = machine.life;
    this.peer = parts.peer;
    this.#effect = parts.effect;
    this.#forget = parts.forget;
  }

  /** Joins two ends by two routes. */
  static join(near: StreamEnd, far: StreamEnd, routes: readonly [out: Route, back: Route]): void {
    near.#other = far;
    far.#other = near;
    near.#pipe = new Pipe(routes[0], far.machine, (packet) => far.#arrived(packet));
    far.#pipe = new Pipe(routes[1], near.machine, (packet) => near.#arrived(packet));
  }

  get other(): StreamEnd {
    return this.#other as StreamEnd;
  }

  get #isDead(): boolean {
    return !this.machine.isAlive || this.machine.life !== this.#life;
  }

  get isGone(): boolean {
    return this.#isGone || this.#isDead;
  }

  /** Gives the end its user; what came before waits for it. */
  attach(sink: ByteSink): void {
    this.#sink = sink;
    this.#wake();
  }

  /** Tells the dialling side that it is connected. */
  accept(): void {
    this.#pipe?.push({ kind: "accepted" });
  }

  /** What to do when the other side has taken the connection. */
  set accepted(task: () => void) {
    this.#onAccepted = task;
  }

  get bufferedBytes(): number {
    return this.#isGone ? 0 : Math.max(0, this.#underWay - SYSTEM_BUFFER_BYTES);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isGone || this.#hasEnded || this.#isDead) return true;
    if (bytes.length > 0) {
      if (!this.machine.effect(this.#effect)) return true;
      this.#underWay += bytes.length;
      this.#pipe?.write(bytes);
    }
    if (this.bufferedBytes <= HIGH_WATER_BYTES) return true;
    this.#writerWaits = true;
    return false;
  }

  end(): void {
    if (this.#hasEnded || this.#isGone || this.#isDead) return;
    this.#hasEnded = true;
    this.#pipe?.push({ kind: "end" });
    this.#closeIfBothEnded();
  }

  destroy(): void {
    if (this.#isGone || this.#isDead) return;
    const isReset = this.#inbox.some(({ kind }) => kind === "data");
    this.#pipe?.dropBeyond(SYSTEM_BUFFER_BYTES);
    this.#leave();
    this.#pipe?.push({ kind: isReset ? "reset" : "gone" });
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#wake();
  }

  /** The process of this end has died. */
  died(ending: Ending): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#forget(this);
    if (ending === "power-lost") this.#pipe?.clear();
    else this.#pipe?.push({ kind: this.#inbox.length > 0 ? "reset" : "gone" });
    this.#inbox = [];
  }

  /** Ends this side as if a reset had come; the other side hears of it when it sends. */
  lose(): void {
    if (this.isGone) return;
    this.#pipe?.clear();
    this.#leave();
  }

  #leave(): void {
    this.#isGone = true;
    this.#inbox = [];
    this.#forget(this);
    this.machine.later(0, () => {
      if (this.#isClosedTold) return;
      this.#isClosedTold = true;
      this.#sink?.closed();
    });
  }

  #arrived(packet: Packet): void {
    const { scheduler } = this.machine;
    const { trace } = scheduler;
    trace.number(scheduler.nowMs);
    trace.text(packet.kind);
    if (packet.kind === "data") trace.bytes(packet.bytes);
    if (this.isGone) {
      // A machine that lives knows of no such connection, and says so.
      const isAnswered = this.machine.isAlive && packet.kind !== "reset";
      if (isAnswered) this.#pipe?.push({ kind: "reset" });
      return;
    }
    if (packet.kind === "accepted") {
      const accepted = this.#onAccepted;
      this.#onAccepted = undefined;
      if (accepted !== undefined) this.machine.later(0, accepted);
      return;
    }
    if (packet.kind === "reset") return this.#leave();
    this.#inbox.push(packet);
    if (this.machine.isPaused) this.#wake();
    else this.#drain();
  }

  #wake(): void {
    if (this.#inbox.length === 0 || this.#isDraining) return;
    this.#isDraining = true;
    this.machine.later(0, () => {
      this.#isDraining = false;
      this.#drain();
    });
  }

  #drain(): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    while (!this.#isPaused && !this.isGone) {
      const packet = this.#inbox.shift();
      if (packet === undefined) return;
      if (packet.kind === "data") {
        sink.chunk(packet.bytes);
        this.other.#taken(packet.bytes.length);
      } else if (!this.#otherHasEnded) {
        this.#otherHasEnded = true;
        sink.ended();
      }
      if (packet.kind === "gone") this.#hasEnded = true;
      this.#closeIfBothEnded();
    }
  }

  #taken(sizeBytes: number): void {
    this.#underWay -= sizeBytes;
    if (!this.#writerWaits || this.bufferedBytes > 0) return;
    this.#writerWaits = false;
    this.machine.later(0, () => {
      if (!this.isGone) this.#sink?.writable();
    });
  }

  #closeIfBothEnded(): void {
    if (this.#hasEnded && this.#otherHasEnded && !this.#isGone) this.#leave();
  }
}
