import { ZkError, ZooKeeperClient } from "../../../client/mod.ts";
import type { Zxid } from "../../../core/wire/zxid.ts";

const LOCKS = "/locks";
/** Written by whoever has the lock, and by nobody else. */
const GUARD = "/guarded";
/** Short, so that the lock of a client that is gone is free soon. */
const TIMEOUT_MS = 4_000;
/** Writes of one holder. */
const WRITES = 3;

/** A write under the lock. */
interface Held {
  readonly zxid: Zxid;
  /** The number of the holder's znode. */
  readonly number: number;
}

/**
 * Clients that take turns with a lock, the usual way: each makes an ephemeral sequential znode,
 * waits for the one before it to go, and has the lock while its own is the first.
 */
export class Lockers {
  /** What is wrong, in words. */
  readonly findings: string[] = [];
  /** Turns that came to their end. */
  turns = 0;
  readonly #servers: string;
  readonly #held: Held[] = [];
  readonly #working: Promise<void>[] = [];
  readonly #wakes = new Set<() => void>();
  readonly #clients = new Set<ZooKeeperClient>();
  #isOver = false;

  private constructor(servers: string) {
    this.#servers = servers;
  }

  static async begin(servers: string, count: number): Promise<Lockers> {
    const lockers = new Lockers(servers);
    await using client = new ZooKeeperClient({ servers });
    await client.connect();
    await client.create(LOCKS, "");
    await client.create(GUARD, "");
    for (let i = 0; i < count; i++) lockers.#working.push(lockers.#work());
    return lockers;
  }

  /** Ends all; the servers serve. Then the lock can be had once more, and nothing is left of it. */
  async end(): Promise<void> {
    this.#isOver = true;
    for (const wake of this.#wakes) wake();
    await Promise.all(this.#working);
    this.#isOver = false;
    const turns = this.turns;
    while (this.turns === turns) await this.#session();
    this.#judge();
  }

  /** Stops all at once, whatever the servers do; nothing is judged. */
  abandon(): void {
    this.#isOver = true;
    for (const client of this.#clients) void client.close();
  }

  async #work(): Promise<void> {
    while (!this.#isOver) await this.#session();
  }

  /** Takes turns until the session is lost, or in doubt: then its znode goes with it. */
  async #session(): Promise<void> {
    const client = new ZooKeeperClient({ servers: this.#servers, timeoutMs: TIMEOUT_MS });
    this.#clients.add(client);
    try {
      await client.connect();
      const wanted = this.turns + 5;
      while (!this.#isOver && this.turns < wanted) await this.#turn(client);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
    }
    this.#clients.delete(client);
    await client.close().catch(() => {});
  }

  async #turn(client: ZooKeeperClient): Promise<void> {
    const { path } = await client.create(`${LOCKS}/n-`, "", { mode: "ephemeral-sequential" });
    const number = Number(path.slice(-10));
    for (;;) {
      const before = await this.#before(client, path);
      if (before === undefined) break;
      await this.#gone(client, before);
      if (this.#isOver) return;
    }
    for (let i = 0; i < WRITES; i++) {
      const stat = await client.setData(GUARD, `${number}`);
      this.#held.push({ zxid: stat.mzxid, number });
    }
    if ((await client.exists(path)) === null) {
      await client.sync(LOCKS); // A session that has ended is told so here.
      this.findings.push(`${path} is gone, and its session lives`);
    }
    await client.delete(path);
    this.turns += 1;
  }

  /** The znode before the own one; undefined when that is the first. */
  async #before(client: ZooKeeperClient, path: string): Promise<string | undefined> {
    const { children } = await client.getChildren(LOCKS);
    const paths = children.map((name) => `${LOCKS}/${name}`).sort();
    return paths[paths.indexOf(path) - 1];
  }

  /** Resolves when a znode has gone, the session has ended, or the end has come. */
  async #gone(client: ZooKeeperClient, path: string): Promise<void> {
    let wake = (): void => {};
    const woken = new Promise<void>((resolve) => (wake = resolve));
    this.#wakes.add(wake);
    const watching = client.state$.subscribe(({ status }) => {
      if (status === "expired" || status === "closed") wake();
    });
    try {
      const stat = await client.exists(path, { watch: wake });
      if (stat !== null && !this.#isOver) await woken;
    } finally {
      watching.unsubscribe();
      this.#wakes.delete(wake);
    }
  }

  /** In the order of transactions, nobody writes between the writes of another, or out of turn. */
  #judge(): void {
    const held = this.#held.sort((a, b) => a.zxid - b.zxid);
    for (const [i, { number, zxid }] of held.entries()) {
      const former = held[i - 1];
      if (former === undefined || former.number <= number) continue;
      const who = `${number} has the lock at ${zxid.toString(16)}`;
      this.findings.push(`${who}, ${former.number} had it at ${former.zxid.toString(16)}`);
    }
  }
}

/** What is left of the locks once all have ended. */
export async function locksLeft(servers: string): Promise<readonly string[]> {
  await using client = new ZooKeeperClient({ servers });
  await client.connect();
  await client.sync(LOCKS);
  return (await client.getChildren(LOCKS)).children;
}
