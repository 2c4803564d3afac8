import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../../tools/free_ports.ts";
import { runArguments } from "../../../tools/runtime.ts";
import { APACHE_CLASS_PATH } from "../../interop/server.ts";
import { type PeerPorts, Wiretap } from "../wiretap.ts";
import { hasLoggedTwice } from "./logged_twice.ts";

const ROOT = join(import.meta.dirname, "../../..");
const COMMAND = join(ROOT, "bin/zookit.js");
const APACHE_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
const TICK_MS = 500;
/** In memory where the system has such a place: nobody waits for a slow disk. */
const FOLDER = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
/** Time for a server to start, vote and catch up, on a busy machine. */
const SERVE_MS_MAX = 60_000;
const POLL_MS = 50;

/** What a member runs. */
export type Kind = "zookit" | "apache";

/** One member of the plan. */
export interface Plan {
  readonly kind: Kind;
  readonly role?: "observer";
  /** Not among the first members: only its own configuration names it, as an observer. */
  readonly joins?: true;
  /** More lines of its zoo.cfg. */
  readonly settings?: readonly string[];
  /** Java properties of a server of Apache's, as `-D` takes them. */
  readonly properties?: readonly string[];
  /** A file that runs a Zookit server, with the zoo.cfg as argument, instead of the command. */
  readonly program?: string;
  /** Where others look for it, who is somebody else: it can't be started. */
  readonly impostor?: PeerPorts;
}

/** Where a member listens on loopback. */
export interface Ports {
  readonly client: number;
  readonly quorum: number;
  readonly election: number;
}

/** What a member says of its tree. */
interface State {
  readonly zxid: string | undefined;
  readonly mismatches: string | undefined;
  /** By zxid. */
  readonly digests: ReadonlyMap<string, string>;
}

/** What a server says it is. */
export type Mode = "leader" | "follower" | "observer";

/** Server processes that make one ensemble, each with a folder and ports of its own on loopback. */
export class Members {
  readonly #folder = mkdtempSync(join(FOLDER, "zookit-ensemble-"));
  readonly #plans: Plan[];
  readonly #ports: readonly Ports[];
  readonly #tap: Wiretap | undefined;
  readonly #children = new Map<number, ChildProcess>();
  readonly #logs = new Map<number, string>();

  private constructor(plans: readonly Plan[], ports: readonly Ports[], tap: Wiretap | undefined) {
    this.#plans = [...plans];
    this.#ports = ports;
    this.#tap = tap;
  }

  /**
   * Members 1, 2 and so on, in the order of the plans; none is started.
   *
   * @param isTapped whether they reach one another through {@link tap}.
   */
  static async plan(
    plans: readonly Plan[],
    { isTapped = false }: { readonly isTapped?: boolean } = {},
  ): Promise<Members> {
    const free = await freePorts(plans.length * 3);
    const ports = plans.map(({ impostor }, i) => {
      const [client = 0, quorum = 0, election = 0] = free.slice(i * 3, i * 3 + 3);
      return { client, quorum, election, ...impostor };
    });
    const byId = new Map(ports.map((one, i) => [i + 1, one]));
    return new Members(plans, ports, isTapped ? await Wiretap.open(byId) : undefined);
  }

  /** Shows what members say to one another. @throws Error when they were not planned so. */
  get tap(): Wiretap {
    if (this.#tap === undefined) throw new Error("these members are not tapped");
    return this.#tap;
  }

  get ids(): readonly number[] {
    return this.#plans.map((_, i) => i + 1);
  }

  /** `host:port` of a member for clients, or of all of them. */
  address(id?: number): string {
    const ids = id === undefined ? this.ids : [id];
    return ids.map((one) => `127.0.0.1:${this.#ports[one - 1]?.client}`).join(",");
  }

  /** The ports of a member, behind any tap. */
  ports(id: number): Ports {
    return this.#ports[id - 1] as Ports;
  }

  /** Memory of a member's process that is not swapped out. */
  residentMib(id: number): number {
    const status = readFileSync(`/proc/${this.#children.get(id)?.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
  }

  /** Begins a process; {@link serving} waits for it. */
  start(id: number): void {
    const dir = join(this.#folder, String(id));
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, "myid"), String(id));
    const config = join(dir, "zoo.cfg");
    const present = existsSync(config) ? readFileSync(config, "utf8") : "";
    // A reconfiguration has changed it for good.
    const isChanged = present.includes("dynamicConfigFile");
    if (!isChanged) writeFileSync(config, this.#configOf(id, dir));
    const plan = this.#plans[id - 1] as Plan;
    const isOurs = plan.kind === "zookit";
    const [command, args] = isOurs ? zookitCommand(config, plan) : apacheCommand(config, plan);
    const cwd = plan.program === undefined ? dir : ROOT; // Where the loader of TypeScript is.
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    const keep = (chunk: Buffer): void => {
      this.#logs.set(id, `${this.#logs.get(id) ?? ""}${chunk}`.slice(-20_000));
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    this.#children.set(id, child);
  }

  /** What this member runs from its next {@link start} on, in the same folder. */
  become(id: number, kind: Kind): void {
    this.#plans[id - 1] = { ...this.#plans[id - 1], kind };
  }

  /** Other {@link Plan.settings} of a member, from its next {@link start} on. */
  configure(id: number, settings: readonly string[]): void {
    this.#plans[id - 1] = { ...(this.#plans[id - 1] as Plan), settings };
  }

  /** From its next {@link start} on a member has no properties or program of its own any more. */
  makeUsual(id: number): void {
    const { properties: _, program: __, ...usual } = this.#plans[id - 1] as Plan;
    this.#plans[id - 1] = usual;
  }

  /** Removes the files of a member that does not run. */
  wipe(id: number): void {
    rmSync(join(this.#folder, String(id)), { recursive: true });
  }

  /**
   * Whether the data of a member hold this text: whether it has logged the znode of that name.
   * Files of its configuration do not count.
   */
  hasOnDisk(id: number, text: string): boolean {
    const dir = join(this.#folder, String(id));
    const names = readdirSync(dir, { recursive: true }) as string[];
    return names.some((name) => {
      return !name.startsWith("zoo.cfg") && bytesOf(join(dir, name))?.includes(text) === true;
    });
  }

  /** The configuration of a member on its disk: `zoo.cfg` and what belongs to it, by name. */
  configuration(id: number): Map<string, string> {
    const dir = join(this.#folder, String(id));
    const names = readdirSync(dir).filter((name) => name.startsWith("zoo.cfg"));
    return new Map(names.map((name) => [name, readFileSync(join(dir, name), "utf8")]));
  }

  startAll(): void {
    for (const id of this.ids) this.start(id);
  }

  /** Sends a signal; SIGKILL and SIGTERM are waited for. */
  async signal(id: number, signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    const child = this.#children.get(id);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    if (signal === "SIGKILL" || signal === "SIGTERM") await once(child, "exit");
  }

  /** The role of a member that serves; undefined while it does not. */
  async mode(id: number): Promise<Mode | undefined> {
    const answer = await this.ask(id, "srvr");
    return /^Mode: (leader|follower|observer)$/m.exec(answer)?.[1] as Mode | undefined;
  }

  /** Resolves once these members serve. @returns the one that leads. */
  async serving(ids: readonly number[] = this.ids): Promise<number> {
    return await this.until("a leader and serving followers", async () => {
      const modes = await Promise.all(ids.map((id) => this.mode(id)));
      return modes.includes(undefined) ? undefined : ids[modes.indexOf("leader")];
    });
  }

  /**
   * Resolves once all these members have the same last zxid, no mismatch of digests, and equal
   * digests at the last zxid for which all have noted one: every 128th.
   */
  async equal(ids: readonly number[] = this.ids): Promise<void> {
    await this.until(`equal trees on ${ids}`, async () => {
      const states = await Promise.all(ids.map((id) => this.#state(id)));
      const isAgreed = new Set(states.map(({ zxid, mismatches }) => `${zxid} ${mismatches}`));
      if (isAgreed.size > 1 || states[0]?.mismatches !== "0") return undefined;
      const maps = states.map(({ digests }) => digests);
      const [first = new Map<string, string>(), ...others] = maps;
      const common = [...first.keys()].filter((zxid) => others.every((map) => map.has(zxid)));
      const last = common.at(-1);
      if (last === undefined) return undefined;
      return others.every((map) => map.get(last) === first.get(last)) ? true : undefined;
    });
  }

  /** Resolves once all these members have applied the same transactions. */
  async level(ids: readonly number[] = this.ids): Promise<void> {
    await this.until(`the same last zxid on ${ids}`, async () => {
      const answers = await Promise.all(ids.map((id) => this.ask(id, "srvr")));
      const zxids = answers.map((answer) => /^Zxid: \S+$/m.exec(answer)?.[0]);
      return !zxids.includes(undefined) && new Set(zxids).size === 1 ? true : undefined;
    });
  }

  /** The answer to a four-letter word; empty when nobody answers. */
  ask(id: number, word: string): Promise<string> {
    const port = this.#ports[id - 1]?.client ?? 0;
    return new Promise((resolve) => {
      const socket = connectTcp(port, "127.0.0.1", () => socket.end(word));
      let text = "";
      socket.setTimeout(2_000, () => socket.destroy());
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(text));
    });
  }

  /**
   * How often a member's tree had another digest than its leader said, as `mntr` tells it. Only
   * what it has itself logged twice is no reason to doubt a server of Apache's.
   */
  async mismatches(id: number): Promise<string | undefined> {
    const figures = await this.ask(id, "mntr");
    const count = /^zk_digest_mismatches_count\s+(\d+)/m.exec(figures)?.[1];
    const isApache = this.#plans[id - 1]?.kind === "apache";
    const isExcused = isApache && hasLoggedTwice(join(this.#folder, String(id)));
    return count !== undefined && isExcused ? "0" : count;
  }

  /** What a member has logged lately. */
  log(id: number): string {
    return this.#logs.get(id) ?? "";
  }

  /** Ends all processes and removes their files. */
  async discard(): Promise<void> {
    await Promise.all(this.ids.map((id) => this.signal(id, "SIGKILL")));
    await this.#tap?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Asks until there is an answer. @throws Error with the logs when there is none in time. */
  async until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const deadline = Date.now() + SERVE_MS_MAX;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > deadline) break;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS)); // Other programs tell nobody.
    }
    const logs = this.ids.map((id) => `--- ${id}\n${this.log(id).slice(-3_000)}`);
    throw new Error(`waited ${SERVE_MS_MAX} ms for ${what}\n${logs.join("\n")}`);
  }

  async #state(id: number): Promise<State> {
    const zxid = /^Zxid: (\S+)$/m.exec(await this.ask(id, "srvr"))?.[1];
    const mismatches = await this.mismatches(id);
    const lines = (await this.ask(id, "hash")).trim().split("\n");
    const digests = lines.map((line) => line.split(": ") as [string, string]);
    return { zxid, mismatches, digests: new Map(digests) };
  }

  #configOf(id: number, dir: string): string {
    const servers = this.#plans.flatMap(({ role = "participant", joins }, i) => {
      if (joins === true && i + 1 !== id) return [];
      const isSeenThroughTap = this.#tap !== undefined && i + 1 !== id;
      const own = this.#ports[i] as Ports;
      const { quorum, election } = isSeenThroughTap ? this.tap.ports(id, i + 1) : own;
      const ownRole = joins === true ? "observer" : role;
      return [`server.${i + 1}=127.0.0.1:${quorum}:${election}:${ownRole}`];
    });
    return [
      `tickTime=${TICK_MS}`,
      "initLimit=20",
      "syncLimit=6",
      `dataDir=${dir}`,
      `clientPort=${this.#ports[id - 1]?.client}`,
      "clientPortAddress=127.0.0.1",
      "maxClientCnxns=0",
      "4lw.commands.whitelist=*",
      ...(this.#plans[id - 1]?.role === "observer" ? ["peerType=observer"] : []),
      ...(this.#plans[id - 1]?.settings ?? []),
      ...servers,
      "",
    ].join("\n");
  }
}

/** Undefined for a folder, and for a file that its server has removed meanwhile. */
function bytesOf(path: string): Buffer | undefined {
  try {
    return statSync(path).isFile() ? readFileSync(path) : undefined;
  } catch (error) {
    if ((error as { readonly code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

function zookitCommand(config: string, { program }: Plan): [string, string[]] {
  const usual = [COMMAND, "serve"];
  return [process.execPath, [...(program === undefined ? usual : runArguments(program)), config]];
}

function apacheCommand(config: string, { properties: own = [] }: Plan): [string, string[]] {
  const heap = ["-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
  const properties = [
    "-Dzookeeper.admin.enableServer=false",
    "-Dzookeeper.forceSync=no",
    "-Dzookeeper.preAllocSize=64",
    ...own.map((property) => `-D${property}`),
  ];
  const path = ["-cp", APACHE_CLASS_PATH];
  return ["java", [...heap, ...properties, ...path, APACHE_MAIN, config]];
}
