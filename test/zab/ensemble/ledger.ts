import * as assert from "uvu/assert";
import { connect, type ZooKeeperClient } from "../../../client/mod.ts";

/** A client that creates numbered znodes one after the other, and knows which were acknowledged. */
export class Ledger {
  readonly acknowledged: string[] = [];
  readonly #client: ZooKeeperClient;
  readonly #root: string;
  #next = 0;
  #isClosed = false;

  private constructor(client: ZooKeeperClient, root: string) {
    this.#client = client;
    this.#root = root;
  }

  /** Opens a session at the servers and makes the parent of its znodes. */
  static async open(servers: string, root: string): Promise<Ledger> {
    const client = await connect({ servers, timeoutMs: 10_000 });
    await patiently(async () => {
      if ((await client.exists(root)) === null) await client.create(root, "");
    });
    return new Ledger(client, root);
  }

  /**
   * Creates until `count` more are acknowledged, or it is closed; what fails on the way may or may
   * not be there.
   */
  async write(count: number): Promise<void> {
    const target = this.acknowledged.length + count;
    while (this.acknowledged.length < target && !this.#isClosed) {
      const name = `n${this.#next++}`;
      try {
        await this.#client.create(`${this.#root}/${name}`, name);
        this.acknowledged.push(name);
      } catch (error) {
        if ((error as { kind?: string }).kind !== "ConnectionLoss") throw error;
      }
    }
  }

  /** Reads at one server, after a sync, that nothing acknowledged is missing. */
  async check(server: string): Promise<void> {
    await using client = await connect({ servers: server, timeoutMs: 10_000 });
    const there = await patiently(async () => {
      await client.sync(this.#root);
      return new Set((await client.getChildren(this.#root)).children);
    });
    const lost = this.acknowledged.filter((name) => !there.has(name));
    assert.equal(lost, [], `lost at ${server}`);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Does something again when the connection is lost on the way, as at the end of an epoch. */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const { kind } = error as { readonly kind?: string };
      if (kind !== "ConnectionLoss" || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

const ATTEMPTS_MAX = 10;
