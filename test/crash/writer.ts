import { type SessionTicket, ZkError, ZooKeeperClient } from "../../client/mod.ts";
import type { Logger } from "../../core/contracts/logger.ts";
import { FolderModel, type ModelNode, type Step, StepGenerator } from "./history.ts";

/** Requests that a writer has on their way at once. */
const IN_FLIGHT_MAX = 48;
const TIMEOUT_MS = 40_000;
const RECONNECT_MS_MAX = 30_000;

/**
 * One session that writes into a folder of its own. The server executes a session's requests in
 * order, so after any crash the folder must be as after some number of them: no fewer than were
 * acknowledged, no more than were sent.
 */
export class Writer {
  readonly folder: string;
  /** Acknowledged requests of the present run. */
  acknowledged = 0;
  /** The newest transaction that an acknowledgement or a look has shown. */
  lastZxid = 0;
  readonly #hosts: string;
  readonly #random: () => number;
  #client: ZooKeeperClient;
  #ticket: SessionTicket | undefined;
  /** As after all acknowledged requests. */
  #known: FolderModel;
  /** Sent, and neither acknowledged nor ruled out. */
  #pending: Step[] = [];
  #failure: Error | undefined;
  #generator: StepGenerator;

  private constructor(
    client: ZooKeeperClient,
    folder: string,
    options: { readonly hosts: string; readonly random: () => number },
  ) {
    this.#client = client;
    this.folder = folder;
    this.#hosts = options.hosts;
    this.#random = options.random;
    this.#known = new FolderModel(folder);
    this.#generator = new StepGenerator(this.#known.copy(), this.#random);
  }

  static async open(hosts: string, folder: string, random: () => number): Promise<Writer> {
    const client = await openClient(hosts);
    await client.create(folder);
    return new Writer(client, folder, { hosts, random });
  }

  get sessionId(): bigint {
    return this.#client.session.id;
  }

  /** Writes until the connection breaks. @throws when an answer is not what it must be. */
  async run(onAcknowledged: () => void): Promise<void> {
    this.acknowledged = 0;
    const lanes = Array.from({ length: IN_FLIGHT_MAX }, async () => {
      while (this.#failure === undefined && (await this.#sendNext())) onAcknowledged();
    });
    await Promise.all(lanes);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Gives up the client while the server is down; another will take the session over. */
  async leave(): Promise<void> {
    this.#ticket = this.#client.session;
    await this.#client.close();
  }

  /** Comes back after a crash, with the session it had. */
  async reconnect(): Promise<void> {
    if (this.#ticket === undefined) return reconnect(this.#client);
    this.#client = await openClient(this.#hosts, this.#ticket);
    this.#ticket = undefined;
  }

  /** Compares the folder with every state that it may have, and goes on from the one it has. */
  async verify(): Promise<string[]> {
    const seen = await this.#look();
    const model = this.#known.copy();
    const first = model.differences(seen);
    let best = first;
    for (let count = 0; best.length > 0 && count < this.#pending.length; count++) {
      model.apply(this.#pending[count] as Step);
      best = model.differences(seen);
    }
    if (best.length > 0) {
      const states = this.#pending.length + 1;
      return [`${this.folder} is like none of ${states} possible states; the first:`, ...first];
    }
    this.#known = model;
    this.#pending = [];
    this.#generator = new StepGenerator(model.copy(), this.#random, this.#generator.count);
    return [];
  }

  /** Ends the session. @returns what is wrong with the folder afterwards, seen by `other`. */
  async close(other: ZooKeeperClient): Promise<string[]> {
    await this.#client.close();
    this.#known.endSession();
    this.#client = other;
    return this.#known.differences(await this.#look());
  }

  async #sendNext(): Promise<boolean> {
    const { paths, ...step } = this.#generator.next();
    this.#pending.push(step);
    try {
      const answer = await send(this.#client, step);
      if (step.fails) throw new Error(`${this.folder}: a multi that must fail was done`);
      this.#check(answer, paths);
    } catch (error) {
      if (error instanceof ZkError && error.kind === "ConnectionLoss") return false;
      if (!step.fails || !(error instanceof ZkError) || error.kind !== "BadVersion") {
        this.#failure ??= error as Error;
        return false;
      }
    }
    this.acknowledged += 1;
    this.#known.apply(this.#pending.shift() as Step);
    return true;
  }

  #check({ zxids, paths }: Answer, expected: readonly string[]): void {
    if (paths.join() !== expected.join()) {
      throw new Error(`${this.folder}: created ${paths.join()}, expected ${expected.join()}`);
    }
    for (const zxid of zxids) {
      if (zxid <= this.lastZxid) throw new Error(`zxid ${zxid} came after ${this.lastZxid}`);
    }
    this.lastZxid = Math.max(this.lastZxid, ...zxids);
  }

  async #look(): Promise<Map<string, ModelNode>> {
    const { children } = await this.#client.getChildren(this.folder);
    const seen = new Map<string, ModelNode>();
    const read = async (name: string): Promise<void> => {
      const path = `${this.folder}/${name}`;
      const { data, stat } = await this.#client.getData(path);
      const isEphemeral = stat.ephemeralOwner === this.sessionId;
      if (!isEphemeral && stat.ephemeralOwner !== 0n) throw new Error(`${path} is another's`);
      this.lastZxid = Math.max(this.lastZxid, stat.czxid, stat.mzxid);
      seen.set(path, {
        data: new TextDecoder().decode(data ?? NOTHING),
        version: stat.version,
        isEphemeral,
      });
    };
    await Promise.all(children.map(read));
    return seen;
  }
}

/** A client for the tests of crashes: patient with its session, impatient with its requests. */
export async function openClient(
  hosts: string,
  session?: SessionTicket,
  { timeoutMs = TIMEOUT_MS, limit }: { timeoutMs?: number; limit?: AbortSignal } = {},
): Promise<ZooKeeperClient> {
  const client = new ZooKeeperClient({
    servers: hosts,
    timeoutMs,
    whileDisconnected: "fail",
    reconnectDelayMaxMs: 100,
    logger: QUIET,
    ...(session === undefined ? {} : { session }),
  });
  CLIENTS.add(client);
  await client.connect({ signal: limit ?? AbortSignal.timeout(RECONNECT_MS_MAX) });
  return client;
}

/** Waits until a client is back; a server that has forgotten what it answered lets nobody in. */
export function reconnect(client: ZooKeeperClient): Promise<void> {
  return client.connect({ signal: AbortSignal.timeout(RECONNECT_MS_MAX) });
}

/** Ends every client that was ever opened; a failed test would not end otherwise. */
export async function closeClients(): Promise<void> {
  await Promise.all([...CLIENTS].map((client) => client.close()));
}

const CLIENTS = new Set<ZooKeeperClient>();

const QUIET: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => QUIET,
};

interface Answer {
  /** Transactions that the answer names, in its order. */
  readonly zxids: readonly number[];
  /** What was created. */
  readonly paths: readonly string[];
}

async function send(client: ZooKeeperClient, step: Step): Promise<Answer> {
  if (step.isMulti) {
    const results = await client.multi(step.operations);
    const stats = results.flatMap((result) =>
      "stat" in result && result.stat ? [result.stat] : [],
    );
    const created = results.flatMap((result) => (result.type === "create" ? [result.path] : []));
    return { zxids: stats.map(({ mzxid }) => mzxid), paths: created };
  }
  const operation = step.operations[0];
  if (operation?.type === "create") {
    const { path, data, mode } = operation;
    const made = await client.create(path, data, mode === undefined ? {} : { mode });
    return { zxids: [made.stat.mzxid], paths: [made.path] };
  }
  if (operation?.type === "setData") {
    const stat = await client.setData(operation.path, operation.data);
    return { zxids: [stat.mzxid], paths: [] };
  }
  if (operation?.type === "delete") await client.delete(operation.path);
  return { zxids: [], paths: [] };
}

const NOTHING = new Uint8Array(0);
