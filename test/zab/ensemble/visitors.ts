import { ZkError, ZooKeeperClient } from "../../../client/mod.ts";
import { registerCalls } from "../../../simulation/checkers/check_history.ts";
import type { Call, Operation, Outcome } from "../../../simulation/checkers/history.ts";
import { History } from "../../../simulation/checkers/history.ts";
import { Random } from "../../../simulation/random.ts";

/** Codes that say nothing of whether a request was carried out. */
const OPEN = new Set(["ConnectionLoss", "SessionExpired", "SessionMoved", "OperationTimeout"]);
/** Longest pause of a client between two turns, ms. */
const PAUSE_MS_MAX = 40;
const TIMEOUT_MS = 10_000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Clients that read and write a few znodes all the time, and write down what they are told. */
export class Visitors {
  readonly history: History = new History();
  readonly paths: readonly string[];
  readonly #servers: string;
  readonly #turns: Promise<void>[] = [];
  readonly #visiting = new Set<Visitor>();
  #isOver = false;
  #written = 0;

  private constructor(servers: string, paths: readonly string[]) {
    this.#servers = servers;
    this.paths = paths;
  }

  /** Makes the znodes, and lets so many clients begin. */
  static async begin(servers: string, paths: readonly string[], count: number): Promise<Visitors> {
    const visitors = new Visitors(servers, paths);
    const first = new Visitor(visitors.history, servers);
    for (const path of paths) await first.perform({ kind: "create", path, data: `made ${path}` });
    for (let seed = 1; seed <= count; seed++) visitors.#turns.push(visitors.#visit(seed));
    await first.close();
    return visitors;
  }

  /** Calls that count for the least visited of the znodes. */
  get callsOfEach(): number {
    const { calls } = this.history;
    return Math.min(...this.paths.map((path) => registerCalls(calls, path).length));
  }

  /** Lets what is under way come to its end. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#turns);
  }

  /** Stops all at once, whatever the servers do. */
  abandon(): void {
    this.#isOver = true;
    for (const visitor of this.#visiting) void visitor.close();
  }

  async #visit(seed: number): Promise<void> {
    const random = new Random(seed);
    let visitor = this.#newcomer();
    while (!this.#isOver) {
      await this.#turn(visitor, random);
      if (visitor.isOver) {
        this.#visiting.delete(visitor);
        visitor = this.#newcomer();
      }
      await new Promise((resolve) => setTimeout(resolve, random.below(PAUSE_MS_MAX)));
    }
    await visitor.close();
  }

  #newcomer(): Visitor {
    const visitor = new Visitor(this.history, this.#servers);
    this.#visiting.add(visitor);
    return visitor;
  }

  /** One request, or two that do not wait for one another. */
  async #turn(visitor: Visitor, random: Random): Promise<void> {
    const path = random.pick(this.paths);
    const read: Operation = { kind: "get", path };
    const dice = random.below(10);
    this.#written += 1;
    const write: Operation = { kind: "set", path, data: `w${this.#written}`, version: -1 };
    if (dice < 4) {
      await Promise.all([visitor.perform({ kind: "sync", path }), visitor.perform(read)]);
    } else if (dice < 5) {
      await Promise.all([visitor.perform(write), visitor.perform(read)]);
    } else if (dice < 8) {
      await visitor.perform(write);
    } else {
      const seen = await visitor.perform(read);
      const version = seen.kind === "data" ? seen.stat.version : 0;
      await visitor.perform({ ...write, version });
    }
  }
}

/** One session, and another client of the history with each. */
class Visitor {
  readonly #history: History;
  readonly #client: ZooKeeperClient;
  readonly #number: number;

  constructor(history: History, servers: string) {
    this.#history = history;
    this.#number = history.nextClient();
    this.#client = new ZooKeeperClient({ servers, timeoutMs: TIMEOUT_MS });
    this.#client.connect().catch(() => {}); // Its state tells.
  }

  get isOver(): boolean {
    const { status } = this.#client.state;
    return status === "expired" || status === "closed";
  }

  /** Asks for something. Resolves when the outcome is known, or known to be open. */
  async perform(operation: Operation): Promise<Outcome> {
    const call: Mutable<Call> = {
      client: this.#number,
      session: 0n,
      operation,
      calledAt: this.#history.tick(),
      returnedAt: Number.POSITIVE_INFINITY,
      outcome: { kind: "unknown" },
    };
    this.#history.calls.push(call);
    try {
      call.outcome = await this.#send(operation);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      if (!OPEN.has(error.kind)) call.outcome = { kind: "refused", error: error.kind };
    }
    if (call.outcome.kind !== "unknown") call.returnedAt = this.#history.tick();
    return call.outcome;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #send(operation: Operation): Promise<Outcome> {
    const client = this.#client;
    switch (operation.kind) {
      case "get": {
        const { data, stat, zxid } = await client.getData(operation.path);
        return { kind: "data", data: new TextDecoder().decode(data ?? undefined), stat, zxid };
      }
      case "set": {
        const { path, data, version } = operation;
        return { kind: "done", stats: [await client.setData(path, data, { version })], paths: [] };
      }
      case "create": {
        const { path, stat } = await client.create(operation.path, operation.data);
        return { kind: "done", stats: [stat], paths: [path] };
      }
      case "sync":
        await client.sync(operation.path);
        return { kind: "done", stats: [], paths: [] };
      default:
        throw new RangeError(`no visitor asks for ${operation.kind}`);
    }
  }
}
