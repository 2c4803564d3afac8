import { Normaliser } from "./normalise.ts";
import type { Identity, Op, Program, SessionStep, Step } from "./program.ts";
import type { Server } from "./servers.ts";
import { SUPER } from "./servers.ts";
import { Session, SHORTEST_MS, TIMEOUT_MS } from "./session.ts";
import type { Entry, JsonObject, ReplyEntry, Transcript } from "./transcript.ts";

/** Longest life of the session that prepares; it is in use all the time. */
const CONTROL_TIMEOUT_MS = 120_000;
const EXPIRY_MS_MAX = 30_000;
const CLOSE_MS_MAX = 5_000;
const POLL_MS = 5;
const NO_NODE = -101;
/** Nodes of a program that may get quotas; their places under /zookeeper/quota exist. */
const PLACES = ["@", "~", "~/a", "~/b"];
/** Nodes that outlive a program, with the list that each has on a fresh server. */
const SYSTEM_NODES = [
  ["/", "open"],
  ["/zookeeper", "open"],
  ["/zookeeper/quota", "open"],
  ["/zookeeper/config", "readOnly"],
] as const;

/** One node of the final tree. */
type NodeLine = JsonObject & { readonly path: string };

/** Runs programs on one server, one after the other, each under a root of its own. */
export class Runner {
  readonly #server: Server;
  /** The super user's session: prepares, reads the final tree and cleans up. */
  readonly #control: Session;
  #programCount = 0;

  constructor(server: Server) {
    this.#server = server;
    const normaliser = new Normaliser("/none", 0n);
    this.#control = new Session({ ...server, normaliser });
  }

  async run(program: Program): Promise<Transcript> {
    const normaliser = await this.#prepare(`/d${this.#programCount++}`, program);
    const run = new Run(program, this.#server, normaliser, this.#control);
    try {
      await run.steps();
      const tree = await this.#tree(["@", "~"]);
      return { sessions: run.records(), tree };
    } finally {
      await run.close();
      await this.#cleanUp();
    }
  }

  async #prepare(root: string, { apart = false, ...program }: Program): Promise<Normaliser> {
    const control = this.#control;
    control.requests.length = 0;
    if (!control.connected) await control.connect(CONTROL_TIMEOUT_MS, `digest:${SUPER}`);
    await control.barrier();
    // A server may try twice to remove a node, and each time takes a zxid.
    const normaliser = new Normaliser(root, control.lastZxid, !apart && !reaps(program));
    control.normaliser = normaliser;
    const roots = apart ? program.identities.map((_, at) => `@/${at}`) : [];
    await this.#ask([...PLACES, ...roots].map(newNode));
    return normaliser;
  }

  /** All nodes at and below `paths`, level by level. */
  async #tree(paths: readonly string[]): Promise<NodeLine[]> {
    if (paths.length === 0) return [];
    const replies = await this.#ask(
      paths.flatMap((path): Op[] => [
        { op: "getData", path, watch: false },
        { op: "getACL", path },
        { op: "getChildren", path, watch: false },
      ]),
    );
    const below: string[] = [];
    const lines = paths.map((path, index): NodeLine => {
      const [data, acl, children] = replies.slice(3 * index, 3 * index + 3);
      for (const name of (children?.body ?? []) as string[]) below.push(`${path}/${name}`);
      const list = (acl?.body as JsonObject | null)?.acl ?? null;
      return { path, err: data?.err ?? null, data: data?.body ?? null, acl: list };
    });
    return [...lines, ...(await this.#tree(below))];
  }

  /** Removes what the program made, by now without its sessions and their ephemerals. */
  async #cleanUp(): Promise<void> {
    const lines = await this.#tree(["@", "~"]);
    const remove = ({ path }: NodeLine): Op => ({ op: "delete", path, version: -1 });
    const restore = SYSTEM_NODES.map(
      ([path, acl]): Op => ({ op: "setACL", path, acl, version: -1 }),
    );
    await this.#ask(lines.toReversed().map(remove));
    await this.#ask(restore);
  }

  async #ask(ops: readonly Op[]): Promise<ReplyEntry[]> {
    this.#control.take();
    await this.#control.request(ops);
    const replies = this.#control.take().filter((entry) => entry.kind === "reply");
    if (replies.length === ops.length) return replies;
    throw new Error(`${this.#server.kind} gave ${replies.length} of ${ops.length} answers`);
  }
}

/** One program under way on one server. */
class Run {
  readonly #program: Program;
  readonly #sessions: readonly Session[];
  readonly #entries: readonly Entry[][];
  readonly #control: Session;

  constructor(program: Program, server: Server, normaliser: Normaliser, control: Session) {
    const { identities, addresses, xids, apart = false } = program;
    this.#program = program;
    this.#control = control;
    this.#sessions = identities.map((_, at) => {
      const { root, baseZxid } = normaliser;
      const own = apart ? new Normaliser(`${root}/${at}`, baseZxid, false) : normaliser;
      return new Session({ ...server, normaliser: own, xids, address: addresses?.[at] });
    });
    this.#entries = identities.map(() => []);
  }

  /**
   * Takes step by step: the next one begins when all answers to the last one have arrived, so an
   * event that a step causes stands before whatever a later one is answered, on any connection.
   */
  async steps(): Promise<void> {
    for (const step of this.#program.steps) await this.#step(step);
    await this.#flush();
  }

  records(): Transcript["sessions"] {
    return this.#sessions.map(({ requests }, at) => ({
      requests,
      entries: this.#entries[at] ?? [],
    }));
  }

  async close(): Promise<void> {
    const identity = this.#program.isUninvited === true ? "somebody:s" : null;
    await Promise.all(this.#sessions.map((session) => closeSession(session, identity)));
  }

  async #step(step: Step): Promise<void> {
    if (step.kind === "together") {
      const batch = (ops: readonly Op[], at: number): Promise<void> => this.#batch(ops, at);
      await Promise.all(step.batches.map(batch));
      return;
    }
    if (step.kind === "reap") {
      await this.#reaped(step.path);
      await this.#flush();
      return;
    }
    const session = this.#session(step.session);
    // What is reaped thereupon may go at any moment: no ping can tell it from what came before.
    const ends = endsSession(step) && !reaps(this.#program);
    if (ends) await this.#flush();
    if (step.kind === "batch") await this.#batch(step.ops, step.session);
    else await this.#upset(session, step);
    if (ends) await this.#flush(sortEvents);
  }

  #session(index: number): Session {
    const session = this.#sessions[index];
    if (session === undefined) throw new Error(`the program has no session ${index}`);
    return session;
  }

  async #batch(ops: readonly Op[], index: number): Promise<void> {
    const session = this.#session(index);
    const identity = this.#program.identities[index] ?? null;
    if (!session.connected) await session.connect(TIMEOUT_MS, identity);
    if (!session.connected) return;
    const isUninvited = this.#program.isUninvited === true;
    const ends = isUninvited || ops.some(endsConnection);
    // What a server has not sent when it closes is lost; a ping could slip in before it does. And
    // over TLS Apache's answer to a login may overtake events, which another thread hands over.
    const mayOvertake = ops.some(({ op }) => op === "auth" || op === "sasl");
    if ((ends || mayOvertake) && !isUninvited) await session.barrier();
    await session.request(ops);
    if (ends) await session.ended(CLOSE_MS_MAX);
  }

  async #upset(session: Session, { kind, session: index }: SessionStep): Promise<void> {
    await session.barrier();
    if (kind === "steal") {
      if (session.connected) await session.steal();
      return;
    }
    session.cut();
    if (!session.exists) return;
    if (kind === "wrongPassword" || kind === "zxidAhead") await session.intrude(kind);
    if (kind === "expire" || kind === "vanish") await this.#expire(session, kind, index);
  }

  /**
   * Re-attaches with the shortest timeout and says no more, until the session has ended. What the
   * connection sees of that is not told: a machine that is busy may be late for the timeout.
   */
  async #expire(session: Session, kind: "expire" | "vanish", index: number): Promise<void> {
    this.#entries[index]?.push(...session.take());
    const control = this.#control;
    await control.barrier();
    const zxid = control.lastZxid;
    const before = session.label;
    await session.connect(SHORTEST_MS, null);
    if (session.label !== before) return; // It had ended already: this is a new one.
    if (kind === "vanish") session.cut();
    else await session.ended(EXPIRY_MS_MAX);
    const deadline = Date.now() + EXPIRY_MS_MAX;
    while (control.lastZxid === zxid && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      await control.barrier(); // The closing transaction moves the zxid that a ping shows.
    }
    control.take();
    session.take();
  }

  /** Waits until the server has removed `path` by itself. */
  async #reaped(path: string): Promise<void> {
    const control = this.#control;
    const deadline = Date.now() + EXPIRY_MS_MAX;
    for (;;) {
      control.take();
      await control.request([{ op: "exists", path, watch: false }]);
      if (control.take().some((entry) => entry.kind === "reply" && entry.err === NO_NODE)) return;
      if (Date.now() > deadline) throw new Error(`${path} is still there`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Takes what has arrived on all connections by now. */
  async #flush(order: (entries: Entry[]) => Entry[] = (entries) => entries): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.barrier()));
    for (const [at, session] of this.#sessions.entries()) {
      this.#entries[at]?.push(...order(session.take()));
    }
  }
}

async function closeSession(session: Session, identity: Identity): Promise<void> {
  if (!session.connected && session.exists) await session.connect(TIMEOUT_MS, identity);
  if (session.connected) await session.request([{ op: "closeSession" }]);
  session.cut();
}

function newNode(path: string): Op {
  return { op: "create", path, data: "", acl: "open", flags: 0 };
}

/** Whether a server should close the connection that sent `op`. */
function endsConnection(op: Op): boolean {
  if (op.op === "auth") {
    return op.auth === null || (op.scheme !== "digest" && op.scheme !== "ip");
  }
  if (op.op === "sasl") return op.token !== undefined;
  return op.op === "closeSession" || op.op === "unknown" || op.op === "check" || op.op === "raw";
}

/** Whether it waits for what a server removes by itself. */
function reaps({ steps }: Pick<Program, "steps">): boolean {
  return steps.some(({ kind }) => kind === "reap");
}

function endsSession(step: Step): boolean {
  if (step.kind === "together" || step.kind === "reap") return false;
  if (step.kind === "batch") return step.ops.some((op) => op.op === "closeSession");
  return step.kind === "expire" || step.kind === "vanish";
}

/** Sorts each run of events: the order in which a session's ephemerals go is unspecified. */
function sortEvents(entries: Entry[]): Entry[] {
  const result: Entry[] = [];
  let run: Entry[] = [];
  const flush = (): void => {
    result.push(...run.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)));
    run = [];
  };
  for (const entry of entries) {
    if (entry.kind === "event") run.push(entry);
    else {
      flush();
      result.push(entry);
    }
  }
  flush();
  return result;
}
