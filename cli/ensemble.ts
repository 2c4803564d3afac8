import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { EXIT_CODES } from "./exit_codes.ts";

const LOOK_MS = 500;
const ANSWER_MS_MAX = 400;
const RESTART_MS = 2_000;
const SERVERS_MAX = 9;
/** From the first client port to the first port of each kind for other servers: 2888 and 3888. */
const QUORUM_PORT_OFFSET = 707;
const ELECTION_PORT_OFFSET = 1707;

interface EnsembleFlags {
  readonly port: number;
  readonly dataDir: string;
}

/** `zookit ensemble 3`: runs a whole ensemble on this machine, for trying out. */
export function addEnsembleCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command("ensemble")
    .description("run an ensemble on this machine, for trying out, until SIGTERM or SIGINT")
    .argument("[count]", `number of servers, 1 to ${SERVERS_MAX}`, numberTo(SERVERS_MAX), 3)
    .option("--port <port>", "client port of the first server", numberTo(60_000), 2181)
    .option("--data-dir <folder>", "folder for the folders of all servers", "./zookit-ensemble")
    .addHelpText("after", HELP)
    .action(async (count: number, flags: EnsembleFlags) => {
      done(await new LocalEnsemble(count, flags).run());
    });
}

const HELP = `
Each server is a process of its own, with its zoo.cfg and its messages.log in its folder; a line on
standard output says what it does whenever that changes. One that ends is started again after 2 s:
kill one and see. Server N has client port 2180+N, and 2887+N and 3887+N for the others, unless
--port says where they begin.`;

function numberTo(max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : 0;
    if (value >= 1 && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`);
  };
}

/** With those above it. Node's own way to do so never ends below /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}

/** Servers in processes of their own, looked at twice a second. */
class LocalEnsemble {
  readonly #ids: readonly number[];
  readonly #flags: EnsembleFlags;
  readonly #children = new Map<number, ChildProcess>();
  readonly #said = new Map<number, string>();
  #isStopping = false;

  constructor(count: number, flags: EnsembleFlags) {
    this.#ids = Array.from({ length: count }, (_, i) => i + 1);
    this.#flags = flags;
  }

  /** Runs until a signal comes and every server has ended. @returns the exit code. */
  async run(): Promise<number> {
    const stopped = new Promise<void>((resolve) => {
      for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
    });
    try {
      for (const id of this.#ids) this.#writeFiles(id);
    } catch (error) {
      console.error(`zookit: cannot write to ${this.#flags.dataDir}: ${(error as Error).message}`);
      return EXIT_CODES.storage;
    }
    for (const id of this.#ids) this.#start(id);
    const servers = this.#ids.map((id) => `127.0.0.1:${this.#clientPort(id)}`).join(",");
    console.log(`clients connect to ${servers}; Ctrl+C ends it`);
    const looking = setInterval(() => void this.#look(), LOOK_MS);
    await stopped;
    this.#isStopping = true;
    clearInterval(looking);
    await Promise.all([...this.#children.values()].map(end));
    return EXIT_CODES.ok;
  }

  #clientPort(id: number): number {
    return this.#flags.port + id - 1;
  }

  #folder(id: number): string {
    return join(this.#flags.dataDir, String(id));
  }

  #writeFiles(id: number): void {
    const folder = this.#folder(id);
    makeFolder(folder);
    writeFileSync(join(folder, "myid"), `${id}\n`);
    writeFileSync(join(folder, "zoo.cfg"), this.#configOf(id, folder));
  }

  #start(id: number): void {
    if (this.#isStopping) return;
    const folder = this.#folder(id);
    const config = join(folder, "zoo.cfg");
    const command = process.argv[1] ?? "";
    // Deno starts a program with `run`, the others by its path alone.
    const start = "Deno" in globalThis ? ["run", "-A", command] : [...process.execArgv, command];
    const child = spawn(process.execPath, [...start, "serve", config], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#children.set(id, child);
    let last = "";
    child.stderr.on("data", (chunk) => {
      last = `${last}${chunk}`.slice(-2_000);
      appendFileSync(join(folder, "messages.log"), chunk);
    });
    child.once("exit", (code, signal) => {
      if (this.#isStopping) return;
      this.#say(id, `ended by ${signal ?? `exit code ${code}`}, starts again`);
      if (code !== null && code !== 0) console.error(last.trimEnd());
      setTimeout(() => this.#start(id), RESTART_MS);
    });
  }

  #configOf(id: number, folder: string): string {
    const servers = this.#ids.map((other) => {
      const port = this.#clientPort(other);
      const peers = `${port + QUORUM_PORT_OFFSET}:${port + ELECTION_PORT_OFFSET}`;
      return `server.${other}=127.0.0.1:${peers}:participant`;
    });
    return [
      "tickTime=1000",
      "initLimit=10",
      "syncLimit=3",
      "standaloneEnabled=false",
      `dataDir=${folder}`,
      "clientPortAddress=127.0.0.1",
      `clientPort=${this.#clientPort(id)}`,
      ...servers,
      "",
    ].join("\n");
  }

  async #look(): Promise<void> {
    for (const id of this.#ids) {
      const answer = await ask(this.#clientPort(id), "srvr");
      const mode = /^Mode: (.*)$/m.exec(answer)?.[1];
      const child = this.#children.get(id);
      if (this.#isStopping || child === undefined || child.exitCode !== null) continue;
      if (child.signalCode !== null) continue;
      const state = mode ?? (answer === "" ? "does not answer" : "looking for a leader");
      this.#say(id, state, `process ${child.pid}`);
    }
  }

  /** One line, unless it is what was said before. */
  #say(id: number, state: string, detail = ""): void {
    if (this.#said.get(id) === state + detail) return;
    this.#said.set(id, state + detail);
    const rest = detail === "" ? "" : ` (${detail})`;
    console.log(`server ${id} on 127.0.0.1:${this.#clientPort(id)}: ${state}${rest}`);
  }
}

/** The answer to a four-letter word; empty when there is none. */
function ask(port: number, word: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.end(word));
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy());
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", () => {}); // It does not listen yet.
    socket.on("close", () => resolve(text));
  });
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}
