import { type WriteOperation, ZkError, type ZooKeeperClient } from "../../client/mod.ts";
import type { Call, Change, History, Notified, Operation, Outcome } from "../checkers/history.ts";
import type { Machine } from "../machine.ts";
import type { World } from "../world.ts";

const TEXT = new TextDecoder();
/** Codes that say nothing of whether a request was carried out. */
const OPEN = new Set(["ConnectionLoss", "SessionExpired", "SessionMoved", "OperationTimeout"]);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What a visitor needs to know. */
export interface VisitorParts {
  readonly history: History;
  readonly timeoutMs: number;
  /** Ids of the servers that it knows; all of them unless given. */
  readonly servers?: readonly number[];
  /** Told when its session has come to another server. */
  readonly moved?: () => void;
}

/** A client that writes down all that it asks for, and what it is told. */
export class Visitor {
  readonly machine: Machine;
  readonly #world: World;
  readonly #history: History;
  readonly #timeoutMs: number;
  readonly #servers: readonly number[] | undefined;
  readonly #moved: () => void;
  #client: ZooKeeperClient;
  #number: number;
  /** Ends what waits in a process that died. */
  readonly #waiting = new Set<() => void>();

  constructor(world: World, machine: Machine, parts: VisitorParts) {
    this.#world = world;
    this.machine = machine;
    this.#history = parts.history;
    this.#timeoutMs = parts.timeoutMs;
    this.#servers = parts.servers;
    this.#moved = parts.moved ?? (() => {});
    this.#client = this.#begin();
    this.#number = parts.history.nextClient();
    machine.died.add(() => {
      for (const end of this.#waiting) end();
      this.#waiting.clear();
    });
  }

  /** Its number now: another one with each session. */
  get number(): number {
    return this.#number;
  }

  /** Whether its session is over, or its process. */
  get isOver(): boolean {
    const { status } = this.#client.state;
    return !this.machine.isAlive || status === "expired" || status === "closed";
  }

  /** Whether it may ask for something: a call belongs to the session in which it is made. */
  get hasSession(): boolean {
    return !this.isOver && this.session !== 0n;
  }

  /** Resolves when there is a session, or there will be none. */
  connected(): Promise<void> {
    return this.#whileAlive(this.#client.connect().catch(() => {}));
  }

  /** Begins another session, after a crash too; what was asked for before stays as it is. */
  renew(): void {
    if (!this.machine.isAlive) this.machine.start();
    this.#client = this.#begin();
    this.#number = this.#history.nextClient();
  }

  /** Ends the session as an application does. */
  close(): Promise<void> {
    return this.#whileAlive(this.#client.close());
  }

  /** Asks for something. Resolves when the outcome is known, or known to be open. */
  async perform(operation: Operation, isWatched = false): Promise<Outcome> {
    const watch: { notified: Notified | undefined } = { notified: undefined };
    const call: Mutable<Call> = {
      client: this.#number,
      session: this.session,
      operation,
      calledAt: this.#history.tick(),
      returnedAt: Number.POSITIVE_INFINITY,
      outcome: { kind: "unknown" },
      ...(isWatched && { watch }),
    };
    this.#history.calls.push(call);
    await this.#whileAlive(this.#perform(call));
    return call.outcome;
  }

  /** The id of its session, 0 without one. */
  get session(): bigint {
    return this.#client.session.id;
  }

  /** Resolves with `done`, or when the process dies. */
  #whileAlive(done: Promise<void>): Promise<void> {
    if (!this.machine.isAlive) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.add(resolve);
      done.then(() => {
        this.#waiting.delete(resolve);
        resolve();
      }, reject);
    });
  }

  async #perform(call: Mutable<Call>): Promise<void> {
    try {
      call.outcome = await this.#send(this.#client, call.operation, call.watch);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      const isOpen = OPEN.has(error.kind);
      if (!isOpen) call.outcome = { kind: "refused", error: error.kind };
    }
    if (call.outcome.kind !== "unknown") call.returnedAt = this.#history.tick();
  }

  #begin(): ZooKeeperClient {
    const client = this.#world.client(this.machine, {
      timeoutMs: this.#timeoutMs,
      reconnectDelayMaxMs: 500,
      ...(this.#servers && { servers: this.#servers }),
    });
    let server: string | undefined;
    client.state$.subscribe(({ status, server: now }) => {
      if (status !== "connected") return;
      if (server !== undefined && server !== now) this.#moved();
      server = now;
    });
    client.connect().catch(() => {}); // Its state tells; whoever waits asks again.
    return client;
  }

  async #send(
    client: ZooKeeperClient,
    operation: Operation,
    watch: { notified: Notified | undefined } | undefined,
  ): Promise<Outcome> {
    const listener = watch && {
      watch: ({ type }: { readonly type: Notified["type"] }) => {
        watch.notified = { at: this.#history.tick(), type };
      },
    };
    switch (operation.kind) {
      case "get": {
        const { data, stat, zxid } = await client.getData(operation.path, listener);
        return { kind: "data", data: TEXT.decode(data ?? undefined), stat, zxid };
      }
      case "children": {
        const { children, zxid } = await client.getChildren(operation.path, listener);
        return { kind: "children", children, zxid };
      }
      case "sync":
        await client.sync(operation.path);
        return { kind: "done", stats: [], paths: [] };
      case "create": {
        const { path, data } = operation;
        const made = await client.create(path, data, { mode: modeOf(operation) });
        return { kind: "done", stats: [made.stat], paths: [made.path] };
      }
      case "set": {
        const { path, data, version } = operation;
        return { kind: "done", stats: [await client.setData(path, data, { version })], paths: [] };
      }
      case "delete":
        await client.delete(operation.path, { version: operation.version });
        return { kind: "done", stats: [], paths: [] };
      case "reconfig": {
        const { members, version } = await client.reconfig(operation);
        return { kind: "members", members, version };
      }
      case "config": {
        const { members, version } = await client.getConfig();
        return { kind: "members", members, version };
      }
      case "multi": {
        const results = await client.multi(operation.changes.map(writeOf));
        const stats = results.map((result) => ("stat" in result ? result.stat : undefined));
        return { kind: "done", stats, paths: [] };
      }
    }
  }
}

function modeOf(change: Extract<Change, { kind: "create" }>) {
  const lasting = change.isEphemeral === true ? "ephemeral" : "persistent";
  return change.isSequential === true ? (`${lasting}-sequential` as const) : lasting;
}

function writeOf(change: Change): WriteOperation {
  const { path } = change;
  switch (change.kind) {
    case "create":
      return { type: "create", path, data: change.data, mode: modeOf(change) };
    case "set":
      return { type: "setData", path, data: change.data, version: change.version };
    case "delete":
      return { type: "delete", path, version: change.version };
  }
}
