import {
  type Accept,
  type ByteSink,
  type Connection,
  type Dialer,
  type Peer,
  type Transport,
  TransportError,
} from "../core/contracts/transport.ts";
import type { EffectKind, Ending, Machine } from "./machine.ts";
import type { Random } from "./random.ts";
import { type Delays, Route } from "./route.ts";
import type { Scheduler } from "./scheduler.ts";
import { StreamEnd } from "./stream.ts";

/** How often a caller that gets no answer tries again, ms. */
const RETRY_MS = 1_000;
/** Longest time that anybody waits for an answer, ms. */
const DIAL_MS_MAX = 60_000;

interface Host {
  readonly machine: Machine;
  readonly address: string;
  readonly listeners: Map<number, Accept>;
  /** Ends of this host's connections. */
  readonly ends: Set<StreamEnd>;
  /** False while the whole machine is without power. */
  hasPower: boolean;
  nextPort: number;
}

/** Where to connect to, and how. */
export interface DialTarget {
  readonly host: string;
  readonly port: number;
  /** What the bytes are, for crashes at an effect. */
  readonly effect: EffectKind;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Machines, and the routes between them. */
export class Network {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #hosts = new Map<string, Host>();
  readonly #routes = new Map<string, Route>();
  #delays: Delays = { minMs: 0.1, maxMs: 1, slowPart: 0 };

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random.fork("network");
  }

  /** Puts a machine on the network, under its name and an address. */
  add(machine: Machine): void {
    const host: Host = {
      machine,
      address: `10.0.${this.#hosts.size >> 8}.${(this.#hosts.size & 0xff) + 1}`,
      listeners: new Map(),
      ends: new Set(),
      hasPower: true,
      nextPort: 40_000,
    };
    this.#hosts.set(machine.name, host);
    machine.died.add((ending) => this.#died(host, ending));
  }

  /** Names of all machines. */
  get names(): readonly string[] {
    return [...this.#hosts.keys()];
  }

  /** From now on packets take so long on every route. */
  setDelays(delays: Delays): void {
    this.#delays = delays;
    for (const route of this.#routes.values()) route.delays = delays;
  }

  /** Opens every route and clears every clog. */
  heal(): void {
    for (const route of this.#routes.values()) {
      route.clog(0);
      route.open();
    }
  }

  /** The power is back; the process may not be. */
  powerOn(name: string): void {
    this.#host(name).hasPower = true;
  }

  /** The route from one machine to another. */
  route(from: string, to: string): Route {
    const key = `${from} ${to}`;
    let route = this.#routes.get(key);
    if (route === undefined) {
      route = new Route(this.#random.fork(key), this.#delays);
      this.#routes.set(key, route);
    }
    return route;
  }

  /**
   * A process that died within a step takes no port that its next life needs.
   *
   * @throws {TransportError} `address-in-use`.
   */
  listen(machine: Machine, port: number, accept: Accept): { port: number; close(): void } {
    if (!machine.isAlive) return { port, close: () => {} };
    const { listeners } = this.#host(machine.name);
    let chosen = port;
    while (port === 0 && (chosen === 0 || listeners.has(chosen))) chosen = 30_000 + listeners.size;
    if (listeners.has(chosen)) {
      throw new TransportError("address-in-use", `${machine.name}:${chosen}`);
    }
    listeners.set(chosen, accept);
    const { life } = machine;
    const close = (): void => {
      if (machine.life === life && listeners.get(chosen) === accept) listeners.delete(chosen);
    };
    return { port: chosen, close };
  }

  /**
   * Connects. `open` is called before the promise resolves.
   *
   * @throws {TransportError} `refused` or `unreachable`; the signal's reason.
   */
  dial(
    machine: Machine,
    target: DialTarget,
    open: (connection: Connection) => ByteSink,
  ): Promise<Connection> {
    const { signal } = target;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      let isOver = false;
      let near: StreamEnd | undefined;
      const end = (task: () => void): void => {
        if (isOver) return;
        isOver = true;
        cancel();
        signal?.removeEventListener("abort", aborted);
        task();
      };
      const fail = (error: unknown): void => {
        end(() => {
          near?.destroy();
          reject(error);
        });
      };
      const aborted = (): void => fail(signal?.reason);
      const name = `${target.host}:${target.port}`;
      const cancel = machine.later(target.timeoutMs ?? DIAL_MS_MAX, () => {
        fail(new TransportError("unreachable", `no answer from ${name}`));
      });
      signal?.addEventListener("abort", aborted, { once: true });
      this.#knock(machine, target, {
        isOver: () => isOver,
        refused: () => {
          machine.later(0, () => fail(new TransportError("refused", `nobody listens on ${name}`)));
        },
        joined: (joined) => {
          near = joined;
          joined.accepted = () => {
            end(() => {
              joined.attach(open(joined));
              resolve(joined);
            });
          };
        },
      });
    });
  }

  /** Resets every connection between two machines. */
  cut(a: string, b: string): number {
    let count = 0;
    for (const end of [...this.#host(a).ends]) {
      if (end.other.machine.name !== b) continue;
      const { other } = end;
      end.lose();
      other.lose();
      count += 1;
    }
    return count;
  }

  /** Ends connections between two machines at the side of `a` alone; `b` is not told. */
  halfOpen(a: string, b: string): void {
    for (const end of [...this.#host(a).ends]) if (end.other.machine.name === b) end.lose();
  }

  /** The first packet of a connection: answered, refused, or tried again. */
  #knock(
    machine: Machine,
    target: DialTarget,
    caller: { isOver(): boolean; refused(): void; joined(near: StreamEnd): void },
  ): void {
    const host = this.#find(target.host);
    const from = machine.name;
    if (host === undefined) return; // No such machine: nobody answers.
    const to = host.machine.name;
    const out = this.route(from, to);
    const back = this.route(to, from);
    const { life } = machine;
    const attempt = (): void => {
      this.#scheduler.after(out.delayMs(), () => {
        if (caller.isOver() || !machine.isAlive || machine.life !== life) return;
        if (out.isBlocked || back.isBlocked || !host.hasPower) {
          this.#scheduler.after(RETRY_MS, attempt);
          return;
        }
        const accept = host.machine.isAlive ? host.listeners.get(target.port) : undefined;
        if (accept === undefined) {
          this.#scheduler.after(back.delayMs(), () => caller.refused());
          return;
        }
        caller.joined(this.#join(machine, host, { target, accept, routes: [out, back] }));
      });
    };
    attempt();
  }

  #join(
    machine: Machine,
    host: Host,
    {
      target,
      accept,
      routes,
    }: { target: DialTarget; accept: Accept; routes: readonly [Route, Route] },
  ): StreamEnd {
    const caller = this.#host(machine.name);
    const { effect } = target;
    const near = new StreamEnd(machine, {
      peer: peerAt(host.address, target.port),
      effect,
      forget: (end) => caller.ends.delete(end),
    });
    caller.nextPort += 1;
    const far = new StreamEnd(host.machine, {
      peer: peerAt(caller.address, caller.nextPort),
      effect,
      forget: (end) => host.ends.delete(end),
    });
    caller.ends.add(near);
    host.ends.add(far);
    StreamEnd.join(near, far, routes);
    // The system answers at once; the process takes the connection when it can.
    far.accept();
    host.machine.later(0, () => {
      const sink = far.isGone ? undefined : accept(far);
      if (sink === undefined) far.destroy();
      else far.attach(sink);
    });
    return near;
  }

  #died(host: Host, ending: Ending): void {
    host.listeners.clear();
    if (ending === "power-lost") host.hasPower = false;
    for (const end of [...host.ends]) end.died(ending);
  }

  #find(nameOrAddress: string): Host | undefined {
    const named = this.#hosts.get(nameOrAddress);
    if (named !== undefined) return named;
    return [...this.#hosts.values()].find(({ address }) => address === nameOrAddress);
  }

  #host(name: string): Host {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new RangeError(`there is no machine ${name}`);
    return host;
  }
}

/** The port of a machine as a {@link Transport}. */
export class SimulatedTransport implements Transport {
  readonly name = "simulated";
  readonly #network: Network;
  readonly #machine: Machine;
  readonly #wantedPort: number;
  #port = 0;
  #close: () => void = () => {};

  constructor(network: Network, machine: Machine, port: number) {
    this.#network = network;
    this.#machine = machine;
    this.#wantedPort = port;
  }

  get address(): string {
    return this.#port === 0 ? "" : `${this.#machine.name}:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  async listen(accept: Accept): Promise<void> {
    const { port, close } = this.#network.listen(this.#machine, this.#wantedPort, accept);
    this.#port = port;
    this.#close = close;
  }

  async close(): Promise<void> {
    this.#close();
  }
}

/** Connects a machine's process to a port. */
export function simulatedDialer(
  network: Network,
  machine: Machine,
  { host, port }: { readonly host: string; readonly port: number },
): Dialer {
  return {
    dial: (open, signal) =>
      network.dial(machine, { host, port, effect: "client-send", signal }, open),
  };
}

function peerAt(address: string, port: number): Peer {
  return { address, port, secure: false, certificateSubject: undefined };
}
