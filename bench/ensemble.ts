/** Starts and stops ensembles of servers, each a process of its own. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../tools/free_ports.ts";
import type { Generator, Target } from "./generator.ts";
import { type Product, type RunningServer, startAt } from "./servers.ts";

const SERVE_MS_MAX = 60_000;
const ASK_MS_MAX = 2_000;
const LOOK_PAUSE_MS = 20;

/** How many servers an ensemble has. */
export interface Shape {
  readonly voters: number;
  readonly observers: number;
}

/** `"3"` is three voters, `"3+2"` has two observers beside them. */
export function parseShape(text: string): Shape {
  const [, voters = "0", observers = "0"] = /^(\d)(?:\+(\d))?$/.exec(text) ?? [];
  if (Number(voters) < 2) throw new Error(`${text} is no shape such as 3, 5 or 3+2`);
  return { voters: Number(voters), observers: Number(observers) };
}

/** An ensemble of one product. Stop it before its folder goes. */
export class Ensemble implements Target {
  readonly name: "apache" | "zookit";
  readonly isConstant = false;
  readonly #product: Product;
  readonly #directory: string;
  readonly #settings: readonly string[];
  readonly #ports: readonly number[];
  readonly #voterCount: number;
  #servers: RunningServer[] = [];

  private constructor(product: Product, directory: string, shape: Shape, ports: readonly number[]) {
    this.name = product.name;
    this.#product = product;
    this.#directory = join(directory, product.name);
    this.#voterCount = shape.voters;
    const count = shape.voters + shape.observers;
    this.#ports = ports.slice(0, count);
    const members = this.#ports.map((_, i) => {
      const role = i < shape.voters ? "participant" : "observer";
      const [quorum = 0, election = 0] = ports.slice(count + 2 * i);
      return `server.${i + 1}=127.0.0.1:${quorum}:${election}:${role}`;
    });
    this.#settings = ["initLimit=10", "syncLimit=5", ...members];
  }

  /** Starts all servers of an ensemble, observers last in number, and waits until they serve. */
  static async start(product: Product, directory: string, shape: Shape): Promise<Ensemble> {
    const ports = await freePorts(3 * (shape.voters + shape.observers));
    const ensemble = new Ensemble(product, directory, shape, ports);
    ensemble.#servers = ensemble.#ports.map((_, index) => ensemble.#startOne(index));
    try {
      await ensemble.serving();
    } catch (error) {
      await ensemble.stop();
      throw error;
    }
    return ensemble;
  }

  get ports(): readonly number[] {
    return this.#ports;
  }

  get pids(): readonly number[] {
    return this.#servers.map(({ pid }) => pid);
  }

  /** One of the servers, to be loaded alone. CPU time is still that of all. */
  async only(role: "leader" | "follower"): Promise<Target> {
    const index = (await this.#modes()).indexOf(role);
    return { ports: [this.#ports[index] ?? 0], pids: this.pids, isConstant: false };
  }

  /** Resolves with the index of the leader once every server has a role. */
  async serving(): Promise<number> {
    const deadline = performance.now() + SERVE_MS_MAX;
    for (;;) {
      const modes = await this.#modes();
      if (!modes.includes(undefined) && modes.includes("leader")) return modes.indexOf("leader");
      if (performance.now() > deadline) break;
      await sleep(LOOK_PAUSE_MS);
    }
    const log = readFileSync(join(this.#directory, "1", "server.log"), "utf8");
    throw new Error(`${this.name} does not serve: ${log.slice(-2000)}`);
  }

  /** Kills the leader under a lonely writer and starts it again. @returns ms without a write. */
  async failOver(generator: Generator): Promise<number> {
    const leader = await this.serving();
    const victim = this.#servers[leader] as RunningServer;
    const survivors = this.#ports.filter((_, index) => index !== leader);
    const ms = await generator.failoverMs(victim.pid, survivors);
    await victim.exited();
    this.#servers[leader] = this.#startOne(leader);
    await this.serving();
    return ms;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
  }

  #startOne(index: number): RunningServer {
    const home = join(this.#directory, String(index + 1));
    mkdirSync(join(home, "data"), { recursive: true });
    writeFileSync(join(home, "data", "myid"), String(index + 1));
    const port = this.#ports[index] ?? 0;
    const role = index < this.#voterCount ? [] : ["peerType=observer"];
    return startAt(this.#product, home, { port, settings: [...this.#settings, ...role] });
  }

  async #modes(): Promise<(string | undefined)[]> {
    const answers = await Promise.all(this.#ports.map((port) => ask(port, "srvr")));
    return answers.map((answer) => /^Mode: (\w+)$/m.exec(answer)?.[1]);
  }
}

/** The answer to a four-letter word; empty when nobody answers. */
function ask(port: number, word: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(word));
    let text = "";
    socket.setTimeout(ASK_MS_MAX, () => socket.destroy());
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}
