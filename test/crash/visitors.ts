import { ZkError, type ZooKeeperClient } from "../../client/mod.ts";
import { openClient } from "./writer.ts";

const TIMEOUT_MS = 8_000;

/** A session that leaves two ephemerals, made by one multi. */
interface Visit {
  readonly client: ZooKeeperClient;
  readonly path: string;
  state: "opening" | "open" | "closing" | "closed";
}

/** Sessions that come and go: some are closed, some are left to their time-out by a crash. */
export class Visitors {
  readonly folder: string;
  readonly #hosts: string;
  readonly #random: () => number;
  #visits: Visit[] = [];
  #count = 0;
  #isDown = false;
  #down = new AbortController();

  constructor(hosts: string, folder: string, random: () => number) {
    this.#hosts = hosts;
    this.folder = folder;
    this.#random = random;
  }

  /** Comes and goes until the server is killed. */
  async run(): Promise<void> {
    this.#isDown = false;
    this.#down = new AbortController();
    while (!this.#isDown) await this.#visit();
  }

  /** To be called before the server is killed: what is confirmed later proves nothing. */
  serverGoesDown(): void {
    this.#isDown = true;
    this.#down.abort();
  }

  /** Compares the folder with what is known, and leaves the sessions of this round alone. */
  async verify(client: ZooKeeperClient): Promise<string[]> {
    const wrong: string[] = [];
    const { children } = await client.getChildren(this.folder);
    const seen = new Set(children.map((name) => `${this.folder}/${name}`));
    for (const { path, state } of this.#visits) {
      const found = [`${path}a`, `${path}b`].filter((one) => seen.has(one)).length;
      if (found === 1) wrong.push(`${path}: one of two ephemerals, ${state}`);
      if (state === "open" && found === 0) wrong.push(`${path}: the session lives, not its znodes`);
      if (state === "closed" && found > 0) wrong.push(`${path}: closed, the znodes are there`);
    }
    this.#visits = [];
    return wrong;
  }

  async #visit(): Promise<void> {
    let visit: Visit | undefined;
    try {
      const limit = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), this.#down.signal]);
      const client = await openClient(this.#hosts, undefined, { timeoutMs: TIMEOUT_MS, limit });
      this.#count += 1;
      visit = { client, path: `${this.folder}/v${this.#count}`, state: "opening" };
      this.#visits.push(visit);
      await client.multi([
        { type: "create", path: `${visit.path}a`, mode: "ephemeral" },
        { type: "create", path: `${visit.path}b`, mode: "ephemeral" },
      ]);
      if (!this.#isDown) visit.state = "open";
    } catch (error) {
      const isLost = error instanceof ZkError && error.kind === "ConnectionLoss";
      if (!this.#isDown && !isLost) throw error;
    }
    if (visit === undefined || this.#isDown || this.#random() < 0.3) return;
    visit.state = "closing";
    await visit.client.close();
    if (!this.#isDown) visit.state = "closed";
  }

  /** Ends the clients, whose server is gone: their sessions end by time-out. */
  async leave(): Promise<void> {
    await Promise.all(this.#visits.map(({ client }) => client.close()));
  }
}
