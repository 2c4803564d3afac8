import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { connect, type ZooKeeperClient } from "../../../client/mod.ts";
import { patiently } from "../ensemble/ledger.ts";

// Debian installs kazoo for its own interpreter, not for one that stands earlier in the path.
const PYTHON = "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("kazoo_writer.py", import.meta.url));
const PAUSE_MS = 5;

/** A znode whose creation a client was told of. */
interface Acknowledged {
  readonly name: string;
  /** By the clock of the machine, ms. */
  readonly atMs: number;
}

/** A client that writes without end, in one session with an ephemeral znode. */
export interface Writer {
  readonly root: string;
  /** In the order of time. */
  readonly acknowledged: readonly Acknowledged[];
  /** Ends it. @returns whether it was in the same session all the time. */
  stop(): Promise<boolean>;
}

/** Writes with the client of this project. */
export class TypeScriptWriter implements Writer {
  readonly acknowledged: Acknowledged[] = [];
  readonly root: string;
  readonly #client: ZooKeeperClient;
  readonly #session: bigint;
  readonly #ended: Promise<void>;
  #isEnding = false;

  private constructor(client: ZooKeeperClient, root: string) {
    this.root = root;
    this.#client = client;
    this.#session = client.session.id;
    this.#ended = this.#write();
  }

  static async start(servers: string, root: string): Promise<TypeScriptWriter> {
    const client = await connect({ servers, timeoutMs: 20_000, reconnectDelayMaxMs: 200 });
    await make(client, root, "persistent");
    await make(client, `${root}-alive`, "ephemeral");
    return new TypeScriptWriter(client, root);
  }

  async stop(): Promise<boolean> {
    this.#isEnding = true;
    await this.#ended;
    const stat = await patiently(() => this.#client.exists(`${this.root}-alive`));
    const isKept = this.#client.session.id === this.#session;
    await this.#client.close();
    return isKept && stat?.ephemeralOwner === this.#session;
  }

  async #write(): Promise<void> {
    for (let i = 0; !this.#isEnding; i++) {
      const name = `n${i}`;
      try {
        await this.#client.create(`${this.root}/${name}`, "");
        this.acknowledged.push({ name, atMs: Date.now() });
      } catch (error) {
        // It may be there or not.
        if ((error as { readonly kind?: string }).kind !== "ConnectionLoss") throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

/** Creates a znode, also over connections that are lost. */
async function make(
  client: ZooKeeperClient,
  path: string,
  mode: "persistent" | "ephemeral",
): Promise<void> {
  for (;;) {
    try {
      await client.create(path, "", { mode });
      return;
    } catch (error) {
      const { kind } = error as { readonly kind?: string };
      if (kind === "NodeExists") return; // By an attempt whose answer was lost.
      if (kind !== "ConnectionLoss") throw error;
    }
  }
}

/** Writes with python3-kazoo. */
export class KazooWriter implements Writer {
  readonly acknowledged: Acknowledged[] = [];
  readonly root: string;
  readonly #script: ChildProcessByStdio<Writable, Readable, null>;
  #isKept: boolean | undefined;

  private constructor(servers: string, root: string) {
    this.root = root;
    const stdio: ["pipe", "pipe", "inherit"] = ["pipe", "pipe", "inherit"];
    this.#script = spawn(PYTHON, ["-B", SCRIPT, servers, root], { stdio });
    createInterface(this.#script.stdout).on("line", (line) => {
      const { ack, at, kept } = JSON.parse(line);
      if (kept === undefined) this.acknowledged.push({ name: ack, atMs: at });
      else this.#isKept = kept;
    });
  }

  static start(servers: string, root: string): KazooWriter {
    if (spawnSync(PYTHON, ["-c", "import kazoo"]).status !== 0) {
      throw new Error(`${PYTHON} has no kazoo: install the Debian package python3-kazoo`);
    }
    return new KazooWriter(servers, root);
  }

  async stop(): Promise<boolean> {
    this.#script.stdin.end();
    await once(this.#script, "close");
    return this.#isKept === true;
  }
}

/** Reads at one server, after a sync, that nothing is missing of what was acknowledged till now. */
export async function checkWritten(server: string, writers: readonly Writer[]): Promise<void> {
  await using client = await connect({ servers: server, timeoutMs: 20_000 });
  for (const { root, acknowledged } of writers) {
    const names = acknowledged.map(({ name }) => name);
    const there = await patiently(async () => {
      await client.sync(root);
      return new Set((await client.getChildren(root)).children);
    });
    const lost = names.filter((name) => !there.has(name));
    assert.equal(lost, [], `${root} at ${server}`);
  }
}

/** The longest time between two acknowledgements, of whichever writer, from `sinceMs` till now. */
export function longestGapMs(writers: readonly Writer[], sinceMs: number): number {
  const times = writers.flatMap((writer) => writer.acknowledged.map(({ atMs }) => atMs));
  const sorted = [sinceMs, ...times.filter((atMs) => atMs > sinceMs), Date.now()];
  sorted.sort((a, b) => a - b);
  return Math.max(...sorted.slice(1).map((atMs, i) => atMs - (sorted[i] ?? atMs)));
}
