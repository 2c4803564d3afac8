import { Normaliser } from "./normalise.ts";
import type { Op, Program, Step } from "./program.ts";
import type { Server } from "./servers.ts";
import { SUPER } from "./servers.ts";
import { Session, TIMEOUT_MS } from "./session.ts";
import type { Entry, Json, JsonObject, ReplyEntry, StepRecord, Transcript } from "./transcript.ts";

const EXPIRY_MS_MAX = 10_000;
const CLOSE_MS_MAX = 2_000;
const POLL_MS = 20;
/** Nodes of a program that may get quotas; their places under /zookeeper/quota exist. */
const QUOTA_PLACES = ["~", "~/a", "~/b"];
/** Nodes that outlive a program, with the list that each has on a fresh server. */
const SYSTEM_NODES = [
  ["/", "open"],
  ["/zookeeper", "open"],
  ["/zookeeper/quota", "open"],
  ["/zookeeper/config", "readOnly"],
] as const;

/** Runs programs on one server, one after the other, each under a root of its own. */
export class Runner {
  readonly #server: Server;
  /** The super user's session: prepares, reads the final tree and cleans up. */
  #control: Session;
  #programCount = 0;

  constructor(server: Server) {
    this.#server = server;
    this.#control = new Session(server.port, new Normaliser("/none", 0n));
  }

  async run(program: Program): Promise<Transcript> {
    const root = `/d${this.#programCount++}`;
    const normaliser = await this.#prepare(root);
    const open = (): Session => new Session(this.#server.port, normaliser, program.xids);
    const sessions = program.identities.map(open);
    const steps: StepRecord[] = [];
    try {
      for (const step of program.steps) steps.push(await this.#step(step, sessions, program));
      return { steps, tree: await this.#tree("@") };
    } finally {
      for (const session of sessions) {
        if (session.connected) await session.request([{ op: "closeSession" }]);
        else if (session.exists) await this.#close(session);
      }
      await this.#remove("@");
      await this.#remove("~");
      for (const [path, acl] of SYSTEM_NODES) {
        await this.#ask({ op: "setACL", path, acl, version: -1 });
      }
      await this.#control.request([{ op: "closeSession" }]); // Its expiry would move the zxid.
    }
  }

  async #prepare(root: string): Promise<Normaliser> {
    const scout = new Session(this.#server.port, new Normaliser(root, 0n));
    await scout.connect(TIMEOUT_MS, SUPER);
    await scout.barrier();
    const normaliser = new Normaliser(root, scout.lastZxid);
    await scout.request([{ op: "closeSession" }]);
    this.#control = new Session(this.#server.port, normaliser);
    await this.#control.connect(TIMEOUT_MS, SUPER);
    for (const path of ["@", ...QUOTA_PLACES]) await this.#ask(newNode(path));
    await this.#control.barrier();
    this.#control.take();
    return normaliser;
  }

  async #step(step: Step, sessions: readonly Session[], program: Program): Promise<StepRecord> {
    const session = sessions[step.session];
    if (session === undefined) throw new Error(`the program has no session ${step.session}`);
    if (step.kind === "drop") session.cut();
    if (step.kind === "expire") await this.#expire(session);
    if (step.kind === "wrongPassword" || step.kind === "zxidAhead") {
      session.cut();
      if (session.exists) await session.intrude(step.kind);
    }
    if (step.kind === "batch") {
      const identity = program.identities[step.session] ?? null;
      if (!session.connected) await session.connect(TIMEOUT_MS, identity);
      if (session.connected) await session.request(step.ops);
      // A ping could still slip in between the last reply and the close.
      if (step.ops.some(endsConnection)) await session.ended(CLOSE_MS_MAX);
    }
    for (const each of sessions) await each.barrier();
    const ends = step.kind === "expire" || (step.kind === "batch" && endsSession(step.ops));
    const taken = sessions.map((each) => (ends ? sortEvents(each.take()) : each.take()));
    return { sessions: taken };
  }

  /** Re-attaches with the shortest timeout and says no more, until the session is closed. */
  async #expire(session: Session): Promise<void> {
    if (!session.exists) return;
    session.cut();
    const before = session.label;
    await session.connect(0, null);
    if (session.label !== before || !session.connected) return; // It had ended already.
    await this.#control.barrier();
    const zxid = this.#control.lastZxid;
    const deadline = Date.now() + EXPIRY_MS_MAX;
    await session.ended(EXPIRY_MS_MAX);
    while (this.#control.lastZxid === zxid && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      await this.#control.barrier(); // The closing transaction moves the zxid that a ping shows.
    }
  }

  async #close(session: Session): Promise<void> {
    await session.connect(TIMEOUT_MS, null);
    await session.request([{ op: "closeSession" }]);
  }

  async #tree(path: string): Promise<Json[]> {
    const data = await this.#ask({ op: "getData", path, watch: false });
    const acl = await this.#ask({ op: "getACL", path });
    const children = await this.#ask({ op: "getChildren", path, watch: false });
    const line = {
      path,
      err: data.err,
      data: data.body,
      acl: (acl.body as JsonObject)?.acl ?? null,
    };
    const below: Json[] = [];
    for (const name of (children.body ?? []) as string[]) {
      below.push(...(await this.#tree(`${path}/${name}`)));
    }
    return [line, ...below];
  }

  async #remove(path: string): Promise<void> {
    const children = await this.#ask({ op: "getChildren", path, watch: false });
    for (const name of (children.body ?? []) as string[]) await this.#remove(`${path}/${name}`);
    await this.#ask({ op: "delete", path, version: -1 });
  }

  async #ask(op: Op): Promise<ReplyEntry> {
    this.#control.take();
    await this.#control.request([op]);
    const reply = this.#control.take().find((entry) => entry.kind === "reply");
    if (reply === undefined) throw new Error(`${this.#server.kind} did not answer ${op.op}`);
    return reply;
  }
}

function newNode(path: string): Op {
  return { op: "create", path, data: "", acl: "open", flags: 0 };
}

/** Whether a server should close the connection that sent `op`. */
function endsConnection(op: Op): boolean {
  if (op.op === "auth") return op.scheme !== "digest" && op.scheme !== "ip";
  return op.op === "closeSession" || op.op === "unknown" || op.op === "check" || op.op === "raw";
}

function endsSession(ops: readonly Op[]): boolean {
  return ops.some((op) => op.op === "closeSession");
}

/** Sorts each run of events: the order in which a session's ephemerals go is unspecified. */
function sortEvents(entries: readonly Entry[]): Entry[] {
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
