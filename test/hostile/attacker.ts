import { errorName } from "../../core/errors/zk_error.ts";
import { getInt } from "../../core/wire/jute.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { KINDS, type Kind, validFrame } from "./corpus.ts";
import { mutate } from "./mutate.ts";
import type { Random } from "./random.ts";
import { handshakeFrame, RawClient, request, type Target } from "./raw_client.ts";

/** Frames sent before their answers are awaited. */
const BATCH = 48;
const ANSWER_MS_MAX = 30_000;
/** xids of the corpus begin here, so that a spoiled one is told from a good one. */
const FIRST_XID = 1_000_000;
/** Of the request that ends each batch. */
const FENCE_XID = 123_456;
const FENCE = request(FENCE_XID, OPCODES.exists, (writer) => {
  writer.string("/");
  writer.boolean(false);
});

/** Whom to attack, and as whom. */
export interface Attack {
  readonly target: Target;
  /** What is sent at first on every connection: logins. */
  readonly login: readonly Uint8Array[];
}

/** Counts of outcomes by kind of request. */
export type Outcomes = Map<string, Map<string, number>>;

/** Sends spoiled frames on one connection after the other, and counts what becomes of them. */
export class Attacker {
  readonly outcomes: Outcomes;
  sent = 0;
  /** Frames whose header was good. */
  pastHeader = 0;
  readonly #attack: Attack;
  readonly #random: Random;
  #client: RawClient | undefined;
  #xid = FIRST_XID;

  constructor(attack: Attack, random: Random, outcomes: Outcomes) {
    this.#attack = attack;
    this.#random = random;
    this.outcomes = outcomes;
  }

  /** Sends `count` frames. @throws when the server does not answer. */
  async run(count: number): Promise<void> {
    while (this.sent < count) await this.#batch();
    this.#client?.destroy();
  }

  async #connected(): Promise<RawClient> {
    if (this.#client === undefined || this.#client.isClosed) {
      if (this.#random.below(40) === 0) await this.#spoiledHandshake();
      this.#client?.destroy();
      this.#client = await RawClient.open(this.#attack.target);
      for (const frame of this.#attack.login) {
        const { error } = (await this.#client.ask(frame)) ?? {};
        if (error !== 0) throw new Error(`a login was answered ${error}`);
      }
    }
    return this.#client;
  }

  async #spoiledHandshake(): Promise<void> {
    const client = await RawClient.dial(this.#attack.target);
    client.send(mutate(handshakeFrame(), this.#random).bytes, FENCE);
    const frame = await client.frame(20);
    const refused = frame !== undefined && getInt(frame, 4) === 0;
    const answered = refused ? "refused" : "session";
    this.#count("handshake", frame !== undefined ? answered : client.isClosed ? "closed" : "waits");
    client.destroy();
  }

  async #batch(): Promise<void> {
    const client = await this.#connected();
    const waiting = new Map<number, Kind>();
    const frames: Uint8Array[] = [];
    let swallows = false;
    for (let i = 0; i < BATCH; i++) {
      const kind = this.#kind();
      const xid = ++this.#xid;
      const whole = validFrame(kind, xid, this.#random);
      const { bytes, harm } = mutate(whole, this.#random);
      swallows ||= harm === "length";
      if (harm === "body" || harm === "none") this.pastHeader += 1;
      waiting.set(xid, kind);
      frames.push(bytes);
    }
    client.send(...frames, FENCE);
    // A frame that announces too much would swallow the fence and wait for more for ever.
    if (swallows) client.socket.end();
    await this.#collect(client, waiting);
    // The first one without an answer is what the connection was closed for.
    const [culprit] = waiting.values();
    if (culprit !== undefined) this.#count(culprit.name, client.isClosed ? "closed" : "other xid");
    this.sent += BATCH - Math.max(0, waiting.size - 1);
  }

  /** Requests that end the connection come less often, or little else would be tried. */
  #kind(): Kind {
    const kind = this.#random.pick(KINDS);
    return ENDING.has(kind.name) && this.#random.below(20) !== 0 ? this.#kind() : kind;
  }

  async #collect(client: RawClient, waiting: Map<number, Kind>): Promise<void> {
    for (;;) {
      const reply = await client.reply(ANSWER_MS_MAX);
      if (reply === undefined) {
        if (client.isClosed) return;
        const left = [...waiting].slice(0, 5).map(([at, { name }]) => `${at} ${name}`);
        throw new Error(`no answer for ${ANSWER_MS_MAX} ms: ${left.join(", ")}`);
      }
      if (reply.xid === FENCE_XID) return;
      const xid = reply.xid === -2 ? firstPing(waiting) : reply.xid;
      const kind = waiting.get(xid);
      waiting.delete(xid);
      if (kind !== undefined) this.#count(kind.name, outcomeOf(reply.error));
    }
  }

  #count(kind: string, outcome: string): void {
    const counts = this.outcomes.get(kind) ?? new Map<string, number>();
    this.outcomes.set(kind, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
  }
}

function firstPing(waiting: ReadonlyMap<number, Kind>): number {
  for (const [xid, kind] of waiting) if (kind.type === OPCODES.ping) return xid;
  return FENCE_XID;
}

const ENDING = new Set(["check", "createSession", "deleteContainer", "closeSession"]);

function outcomeOf(error: number): string {
  if (error === 0) return "ok";
  return errorName(error) ?? `error ${error}`;
}

/** One line for each kind, most frequent outcome first. */
export function table(outcomes: Outcomes): string {
  const lines = [...outcomes].sort().map(([kind, counts]) => {
    const cells = [...counts].sort(([, a], [, b]) => b - a).map(([name, n]) => `${name} ${n}`);
    return `${kind.padEnd(21)} ${cells.join(", ")}`;
  });
  return lines.join("\n");
}
