import type { History, Operation } from "../checkers/history.ts";
import type { Random } from "../random.ts";
import type { SimulatedServer } from "../server.ts";
import type { World } from "../world.ts";
import { Visitor } from "./visitor.ts";

/** Znodes that are written one by one, and checked as registers. */
export const REGISTERS: readonly string[] = ["/r0", "/r1", "/r2", "/r3"];
/** Znodes that come and go. */
const COMING: readonly string[] = ["/x0", "/x1"];
/** Znodes that change together. */
const TOGETHER: readonly string[] = ["/m0", "/m1", "/m2"];
const FOLDERS = ["/seq", "/eph"];
const SYNC: Operation = { kind: "sync", path: "/" };
/** Longest time that a guest waits to be connected, ms. */
const GUEST_MS_MAX = 1_000;
/** Written once more when the faults are over. */
export const LAST = "/last";

/** How a run's clients behave. */
export interface WorkloadOptions {
  readonly clients: number;
  /** Average pause of a client between two bursts, ms. */
  readonly pauseMs: number;
  readonly timeoutMs: number;
  /** Told when a session has come to another server. */
  readonly moved?: () => void;
}

/** Clients that read, write, watch and wander until told to stop. */
export class Workload {
  readonly visitors: Visitor[];
  readonly history: History;
  readonly #world: World;
  readonly #options: WorkloadOptions;
  readonly #random: Random;
  #running: Promise<void>[] = [];
  #isStopped = false;
  #written = 0;
  #guests = 0;

  constructor(world: World, history: History, options: WorkloadOptions) {
    this.#world = world;
    this.history = history;
    this.#options = options;
    this.#random = world.random.fork("workload");
    this.visitors = Array.from({ length: options.clients }, (_, index) => {
      const { timeoutMs, moved } = options;
      const parts = { history, timeoutMs, ...(moved && { moved }) };
      return new Visitor(world, world.addMachine(`visitor${index + 1}`), parts);
    });
  }

  /** Makes the znodes that every client expects, then lets all of them go. */
  async start(): Promise<void> {
    const founder = this.visitors[0] as Visitor;
    await founder.connected();
    for (const path of [...REGISTERS, ...TOGETHER, ...FOLDERS, LAST]) {
      await founder.perform({ kind: "create", path, data: `first ${path}` });
    }
    this.#running = this.visitors.map((visitor) => this.#visit(visitor));
  }

  /** Lets every client finish what it does, and look at everything once more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
    for (const visitor of this.visitors) {
      const reads: Operation[] = [...REGISTERS, ...COMING].map((path) => ({ kind: "get", path }));
      for (const path of FOLDERS) reads.push({ kind: "children", path });
      await Promise.all(reads.map((operation) => visitor.perform(operation)));
    }
  }

  /** One more client, of one server alone, connected if that takes no longer than usual. */
  async guest({ id }: SimulatedServer): Promise<Visitor> {
    this.#guests += 1;
    const machine = this.#world.addMachine(`guest${this.#guests}`);
    const { timeoutMs } = this.#options;
    const { history } = this;
    const guest = new Visitor(this.#world, machine, { history, timeoutMs, servers: [id] });
    await Promise.race([guest.connected(), this.#world.sleep(GUEST_MS_MAX)]);
    return guest;
  }

  /** For `ms`, every client asks for more and more without waiting for answers. */
  async rush(ms: number): Promise<void> {
    const random = this.#random.fork(`rush ${this.#world.nowMs}`);
    const untilMs = this.#world.nowMs + ms;
    await Promise.all(
      this.visitors.map(async (visitor) => {
        while (this.#world.nowMs < untilMs && !this.#isStopped) {
          if (visitor.hasSession) void visitor.perform(this.#hasty(random));
          await this.#world.sleep(random.between(20, 120));
        }
      }),
    );
  }

  /** Registers are read only: too many open writes to one would be too much to search through. */
  #hasty(random: Random): Operation {
    const dice = random.below(100);
    if (dice < 15) return { kind: "get", path: random.pick(REGISTERS) };
    if (dice < 30) return { kind: "get", path: random.pick(TOGETHER) };
    if (dice < 80) return this.set(random.pick(TOGETHER));
    const data = this.#data();
    if (dice < 90) return { kind: "create", path: "/seq/n", data, isSequential: true };
    return { kind: "create", path: "/eph/e", data, isSequential: true, isEphemeral: true };
  }

  async #visit(visitor: Visitor): Promise<void> {
    const random = this.#random.fork(visitor.machine.name);
    while (!this.#isStopped) {
      if (visitor.isOver) visitor.renew();
      await visitor.connected();
      const burst = random.chance(0.7) ? 1 : 2 + random.below(4);
      const calls: Promise<unknown>[] = [];
      for (let i = 0; i < burst; i++) calls.push(this.#perform(visitor, random));
      await Promise.all(calls);
      if (random.chance(0.01)) await visitor.close();
      const pauseMs = random.between(0, 2 * this.#options.pauseMs);
      await this.#world.sleep(pauseMs);
    }
    // A client that lost its session has nothing to say in the end.
    if (visitor.isOver) visitor.renew();
    await visitor.connected();
  }

  #perform(visitor: Visitor, random: Random): Promise<unknown> {
    const dice = random.below(100);
    if (dice < 8) {
      // Directly behind a write or sync of its session, a read shows all that was acknowledged.
      const isSync = random.chance(0.5);
      void visitor.perform(isSync ? SYNC : this.set(random.pick(TOGETHER)));
      return visitor.perform({ kind: "get", path: random.pick(REGISTERS) });
    }
    if (dice < 30) {
      const isWatched = random.chance(0.4);
      return visitor.perform({ kind: "get", path: this.#somewhere(random) }, isWatched);
    }
    if (dice < 36) {
      const path = random.pick(FOLDERS);
      return visitor.perform({ kind: "children", path }, random.chance(0.5));
    }
    return visitor.perform(dice < 44 ? SYNC : this.#write(random));
  }

  #write(random: Random): Operation {
    const dice = random.below(56);
    if (dice < 28) return this.set(random.pick(REGISTERS));
    if (dice < 34) return { ...this.set(random.pick(REGISTERS)), version: random.below(30) };
    if (dice < 38) return { kind: "create", path: random.pick(COMING), data: this.#data() };
    if (dice < 41) return { kind: "delete", path: random.pick(COMING), version: -1 };
    if (dice < 46) {
      const data = this.#data();
      return { kind: "create", path: "/seq/n", data, isSequential: true };
    }
    if (dice < 51) {
      const data = this.#data();
      return { kind: "create", path: "/eph/e", data, isSequential: true, isEphemeral: true };
    }
    const changes = TOGETHER.map((path) => this.set(path));
    if (dice < 53) changes.push({ ...this.set(random.pick(TOGETHER)), version: 9_999 });
    return { kind: "multi", changes };
  }

  #somewhere(random: Random): string {
    return random.chance(0.8) ? random.pick(REGISTERS) : random.pick(COMING);
  }

  /** A write of something that nobody has written before. */
  set(path: string): Extract<Operation, { kind: "set" }> {
    return { kind: "set", path, data: this.#data(), version: -1 };
  }

  #data(): string {
    this.#written += 1;
    return `w${this.#written}`;
  }
}
