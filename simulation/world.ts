import { type ClientOptions, ZooKeeperClient } from "../client/mod.ts";
import type { Clock } from "../core/contracts/clock.ts";
import type { Plugin } from "../core/kernel/plugin.ts";
import type { ServerOptions } from "../core/server/options.ts";
import { standalone } from "../plugins/standalone/mod.ts";
import { type ZabSettings, zab } from "../plugins/zab/mod.ts";
import type { DiskHabits } from "./disk.ts";
import { Ledger } from "./ledger.ts";
import { type LogLine, SimulatedLogger } from "./logger.ts";
import { Machine } from "./machine.ts";
import { Network, simulatedDialer } from "./network.ts";
import { observed } from "./observed.ts";
import { CLIENT_PORT, simulatedEssentials } from "./plugins.ts";
import { Random } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import { SimulatedServer } from "./server.ts";

/** How a world is made. */
export interface WorldOptions {
  /** Servers of the ensemble, 1 or more. Default 3. */
  readonly servers?: number;
  /** How many of them, the last ones but joiners, are observers. Default 0. */
  readonly observers?: number;
  /** How many of them, the last ones, are no members until a `reconfig` names them. Default 0. */
  readonly joiners?: number;
  /** Basic unit of time of the servers, ms. Default 200. */
  readonly tickTimeMs?: number;
  /** Further settings of the servers. */
  readonly options?: Partial<ServerOptions>;
  /** Further settings of the ensemble's consensus, where there are several servers. */
  readonly ensemble?: Partial<Omit<ZabSettings, "serverId" | "membership">>;
  /** Changes what a server is composed of. */
  readonly plugins?: (plugins: readonly Plugin[], server: SimulatedServer) => readonly Plugin[];
}

/** Settings of a client of the world; where nothing is said, it knows all servers. */
export interface WorldClientOptions
  extends Partial<Omit<ClientOptions, "clock" | "entropy" | "logger" | "servers">> {
  /** Ids of the servers that it knows. */
  readonly servers?: readonly number[];
}

const TICK_MS = 200;
const POLL_MS = 20;
const WAIT_MS_MAX = 60_000;

/** Servers and clients on simulated machines, what may go wrong with them, and virtual time. */
export class World {
  readonly seed: number;
  /** Chance of the test's own; the same numbers for the same seed. */
  readonly random: Random;
  readonly servers: readonly SimulatedServer[];
  readonly network: Network;
  readonly scheduler: Scheduler = new Scheduler();
  /** What the ensemble has committed. */
  readonly ledger: Ledger;
  /** The machine of the test itself. */
  readonly machine: Machine;
  /** What was found wrong, oldest first: the first one ends the run. */
  readonly violations: string[] = [];
  /** Told every message of servers and clients. */
  readonly heard: Set<(line: LogLine) => void> = new Set();
  /** Changes that crashes kept from reaching a disk. */
  lostChanges = 0;
  readonly #seeded: Random;
  readonly #options: WorldOptions;
  #clients = 0;

  constructor(seed: number, options: WorldOptions) {
    this.seed = seed;
    this.#options = options;
    this.#seeded = new Random(seed);
    this.random = this.#seeded.fork("test");
    this.network = new Network(this.scheduler, this.#seeded);
    this.ledger = new Ledger((problem) => this.violated(problem));
    this.machine = this.addMachine("test");
    const count = options.servers ?? 3;
    this.servers = Array.from({ length: count }, (_, index) => this.#addServer(index + 1));
  }

  /** Virtual ms since the beginning. */
  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  /** The clock of the test's machine. */
  get clock(): Clock {
    return this.machine.clock;
  }

  /** Server `id`, from 1. */
  server(id: number): SimulatedServer {
    const server = this.servers[id - 1];
    if (server === undefined) throw new RangeError(`there is no server ${id}`);
    return server;
  }

  /** Puts another machine on the network. */
  addMachine(name: string): Machine {
    const machine = new Machine(name, this.scheduler, this.#seeded);
    this.network.add(machine);
    return machine;
  }

  /** Starts all servers, and waits until they serve. */
  async start(): Promise<void> {
    for (const server of this.servers) void server.start();
    await this.untilServing();
  }

  /** Lets virtual time pass. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.scheduler.after(ms, resolve));
  }

  /**
   * Waits until something holds, asking again and again.
   *
   * @throws when it does not within `withinMs`; the message names `what`.
   */
  async until(
    what: string,
    holds: () => boolean | Promise<boolean>,
    withinMs: number = WAIT_MS_MAX,
  ): Promise<void> {
    const fromMs = this.nowMs;
    while (!(await holds())) {
      if (this.nowMs - fromMs > withinMs) throw new Error(`${what}: not within ${withinMs} ms`);
      await this.sleep(POLL_MS);
    }
  }

  /** Waits until every server whose process runs serves reads and writes, and one does. */
  untilServing(withinMs: number = WAIT_MS_MAX): Promise<void> {
    return this.until(
      "servers serve",
      () => {
        const running = this.servers.filter((server) => server.isRunning);
        return running.length > 0 && running.every((server) => this.isServing(server.id));
      },
      withinMs,
    );
  }

  /** Whether a server takes reads and writes now. */
  isServing(id: number): boolean {
    return this.ledger.isServing(id);
  }

  /** The server that leads the newest epoch and serves, if there is one. */
  get leader(): SimulatedServer | undefined {
    const id = this.ledger.leader;
    return id === undefined ? undefined : this.server(id);
  }

  /** A client on a machine of its own that is connected; yours to close. */
  async connect(options: WorldClientOptions = {}): Promise<ZooKeeperClient> {
    this.#clients += 1;
    const client = this.client(this.addMachine(`client${this.#clients}`), options);
    await client.connect();
    return client;
  }

  /** A client on a given machine that has not begun to connect. */
  client(machine: Machine, options: WorldClientOptions = {}): ZooKeeperClient {
    const { servers: ids = this.servers.map(({ id }) => id), ...others } = options;
    return new ZooKeeperClient({
      timeoutMs: 10_000,
      ...others,
      servers: ids.map((id) =>
        simulatedDialer(this.network, machine, { host: this.server(id).name, port: CLIENT_PORT }),
      ),
      clock: machine.clock,
      entropy: machine.entropy,
      logger: new SimulatedLogger(machine, (line) => this.#heardLine(line)),
    });
  }

  /** Servers of different groups do not reach each other any more; clients reach all. */
  partition(...groups: readonly (readonly number[])[]): void {
    this.scheduler.note(`partition ${groups.map((group) => group.join("+")).join(" | ")}`);
    for (const [index, group] of groups.entries()) {
      const others = groups.filter((_, other) => other !== index).flat();
      for (const from of group) for (const to of others) this.block(from, to);
    }
  }

  /** Nothing passes from one server to another; the way back stays open. */
  block(from: number, to: number): void {
    this.network.route(this.server(from).name, this.server(to).name).block();
  }

  /** Neither servers nor clients reach a server, nor does it reach them. */
  isolate(id: number): void {
    const { name } = this.server(id);
    this.scheduler.note(`${name} isolated`);
    for (const other of this.network.names) {
      if (other === name) continue;
      this.network.route(name, other).block();
      this.network.route(other, name).block();
    }
  }

  /** Opens every route and clears every clog. Crashed servers stay down. */
  heal(): void {
    this.scheduler.note("network healed");
    this.network.heal();
  }

  /** Ends the run with a finding: something is wrong with the servers. */
  violated(problem: string): void {
    this.scheduler.note(`VIOLATION ${problem}`);
    this.violations.push(problem);
  }

  #addServer(id: number): SimulatedServer {
    const habits: DiskHabits = { syncMs: [0.5, 5], readMs: 0.1, stallMs: 0, failsNext: undefined };
    const { tickTimeMs = TICK_MS, options } = this.#options;
    return new SimulatedServer(id, this.addMachine(`server${id}`), habits, {
      network: this.network,
      ledger: this.ledger,
      options: { tickTimeMs, maxClientCnxns: 0, ...options },
      compose: (server) => this.#compose(server),
    });
  }

  #compose(server: SimulatedServer): Plugin[] {
    const { machine, id } = server;
    const base = simulatedEssentials(server, {
      network: this.network,
      random: this.#seeded.fork(`disk ${id} ${machine.life}`),
      logger: new SimulatedLogger(machine, (line) => this.#heardLine(line)),
      lost: (changes) => {
        this.lostChanges += changes;
      },
    });
    const { ledger } = this;
    const all = [...base, this.#consensus(server)];
    const chosen = this.#options.plugins?.(all, server) ?? all;
    return chosen.map((plugin) => observed(plugin, { machine, ledger, server: id }));
  }

  #consensus({ id, machine, medium }: SimulatedServer): Plugin {
    if (this.servers.length === 1) return standalone();
    return zab({
      // As `zookit serve` keeps them: members that do not name this server are not kept.
      keepMembership: (text, isInForce) => {
        const isKept = isInForce && text.includes(`server.${id}=`) && !/^version=0$/m.test(text);
        if (isKept && machine.effect("members")) medium.membership = text;
      },
      ...this.#options.ensemble,
      serverId: id,
      membership: medium.membership ?? this.#configured(id),
    });
  }

  /** The members that a server's configuration names at first: a joiner's names it too. */
  #configured(id: number): string {
    const { observers = 0, joiners = 0 } = this.#options;
    const founders = this.servers.length - joiners;
    const lines = this.servers
      .filter((server) => server.id <= founders || server.id === id)
      .map((server) => {
        const role = server.id <= founders - observers ? "participant" : "observer";
        return `server.${server.id}=${server.name}:2888:3888:${role}`;
      });
    return lines.join("\n");
  }

  #heardLine(line: LogLine): void {
    if (line.message.startsWith("tree digest is not")) {
      this.violated(`${line.machine}: ${line.message}`);
    }
    for (const listener of [...this.heard]) listener(line);
  }
}
