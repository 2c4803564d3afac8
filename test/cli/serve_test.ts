import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { main } from "../../cli/main.ts";

const COMMAND = join(import.meta.dirname, "../../bin/zookit.js");
const FOLDERS: string[] = [];
const CHILDREN = new Set<ChildProcess>();

test.after(() => {
  for (const child of CHILDREN) child.kill("SIGKILL");
  for (const folder of FOLDERS) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "zookit-serve-"));
  FOLDERS.push(folder);
  return folder;
}

/** The command in a process of its own, as an operator starts it. */
class Run {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    // Deno starts a program with `run`, the others by its path alone.
    const start = "Deno" in globalThis ? ["run", "-A", COMMAND] : [COMMAND];
    this.#child = spawn(process.execPath, [...start, ...args], {
      cwd: newFolder(),
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    CHILDREN.add(this.#child);
    this.#child.stdout?.on("data", (chunk) => {
      this.stdout += chunk;
    });
    this.#child.stderr?.on("data", (chunk) => {
      this.stderr += chunk;
    });
    this.#exit = once(this.#child, "close");
  }

  /** The port of the ready line, once it is there. */
  async port(): Promise<number> {
    const ended = this.#exit.then(() => undefined);
    while (!this.stdout.includes("\n")) {
      const more = await Promise.race([once(this.#child.stdout ?? this.#child, "data"), ended]);
      if (more === undefined) throw new Error(`the server ended:\n${this.stderr}`);
    }
    return Number(/:(\d+) /.exec(this.stdout)?.[1]);
  }

  /** Resolves once standard error has a text. */
  async says(text: RegExp): Promise<void> {
    const ended = this.#exit.then(() => undefined);
    while (!text.test(this.stderr)) {
      const more = await Promise.race([once(this.#child.stderr ?? this.#child, "data"), ended]);
      if (more === undefined) throw new Error(`the server ended:\n${this.stderr}`);
    }
  }

  signal(name: "SIGTERM" | "SIGINT" | "SIGUSR2"): void {
    // Not child.kill(): after it Deno reports the signal in place of the exit code.
    process.kill(this.#child.pid ?? 0, name);
  }

  async exitCode(): Promise<unknown> {
    const [code] = await this.#exit;
    CHILDREN.delete(this.#child);
    return code;
  }
}

/** The command in this process, for runs that end by themselves: a new one takes a second. */
async function runHere(
  args: readonly string[],
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const said = { stdout: "", stderr: "" };
  const former = { error: console.error, log: console.log };
  const { stdout, stderr } = process;
  const streams = { stdout: stdout.write, stderr: stderr.write };
  const keep =
    (name: "stdout" | "stderr") =>
    (text: unknown): true => {
      said[name] += String(text);
      return true;
    };
  Object.assign(stdout, { write: keep("stdout") });
  Object.assign(stderr, { write: keep("stderr") });
  console.log = (text: unknown) => keep("stdout")(`${text}\n`);
  console.error = (text: unknown) => keep("stderr")(`${text}\n`);
  try {
    return { exitCode: await main(args), ...said };
  } finally {
    Object.assign(console, former);
    Object.assign(stdout, { write: streams.stdout });
    Object.assign(stderr, { write: streams.stderr });
  }
}

function ask(port: number, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(word));
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

test("serve prints one ready line with the real port, and SIGTERM ends it with 0", async () => {
  const run = new Run(["serve", "--memory", "--port", "0"]);
  const port = await run.port();
  assert.match(await ask(port, "srvr"), /^Mode: standalone$/m);
  run.signal("SIGUSR2");
  await run.says(/SIGUSR2: messages of level debug and above are written/);
  run.signal("SIGUSR2");
  await run.says(/SIGUSR2: messages of level info and above are written/);
  run.signal("SIGTERM");
  assert.is(await run.exitCode(), 0);
  assert.match(run.stdout, /^zookit ready on 127\.0\.0\.1:\d+ \(in memory\)\n$/);
});

test("serve reads zoo.cfg, SERVER_JVMFLAGS and -D, and names what has no effect", async () => {
  const folder = newFolder();
  const file = join(folder, "zoo.cfg");
  const lines = [
    "tickTime=2500",
    `dataDir=${folder}/data`,
    "clientPort=0",
    "clientPortAddress=127.0.0.1",
    "electionAlg=3",
    "maxClientConns=4",
    "4lw.commands.whitelist=conf",
  ];
  writeFileSync(file, lines.join("\n"));
  const flags = { SERVER_JVMFLAGS: "-Dzookeeper.maxClientCnxns=7" };
  const run = new Run(["serve", file, "-Dzookeeper.minSessionTimeout=1234"], flags);
  const conf = await ask(await run.port(), "conf");
  for (const pair of ["tickTime=2500", "maxClientCnxns=7", "minSessionTimeout=1234"]) {
    assert.ok(conf.split("\n").includes(pair), conf);
  }
  run.signal("SIGINT");
  assert.is(await run.exitCode(), 0);
  assert.match(run.stderr, /electionAlg \(members of an ensemble have no such setting here\)/);
  assert.match(run.stderr, /unknown key maxClientConns; did you mean maxClientCnxns\?/);
});

test("an address in use ends with 4 and says what to do", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const address = taken.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const end = await runHere(["serve", "--memory", "--port", String(port)]);
  assert.is(end.exitCode, 4);
  assert.match(end.stderr, new RegExp(`cannot listen on 127.0.0.1:${port}`));
  assert.match(end.stderr, /choose another port, for clients by --port/);
  assert.is(end.stdout, "");
  await new Promise((resolve) => taken.close(resolve));
});

test("a data directory that another server uses ends with 3", async () => {
  const dataDir = join(newFolder(), "data");
  const first = new Run(["serve", "--data-dir", dataDir, "--port", "0"]);
  await first.port();
  const second = await runHere(["serve", "--data-dir", dataDir, "--port", "0"]);
  assert.is(second.exitCode, 3, second.stderr);
  assert.match(second.stderr, /another server uses the data directory/);
  first.signal("SIGTERM");
  assert.is(await first.exitCode(), 0);
});

test("wrong usage and wrong values end with 2, each named", async () => {
  const cases = [
    [["serve", "--port", "abc"], /--port: clientPort=abc: .* from 0 to 65535/],
    [["serve", "no-such.cfg"], /cannot read no-such\.cfg: ENOENT/],
    [["serve", "--prot", "1"], /unknown option '--prot'/],
    [["sevre"], /unknown command 'sevre'/],
  ] as const;
  for (const [args, message] of cases) {
    const { exitCode, stderr } = await runHere(args);
    assert.is(exitCode, 2, stderr);
    assert.match(stderr, message);
  }
});

test("--version and help tell on standard output and end with 0", async () => {
  const version = await runHere(["--version"]);
  assert.is(version.exitCode, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  const help = await runHere(["help", "serve"]);
  assert.is(help.exitCode, 0);
  assert.match(help.stdout, /Exit codes: 0 stopped by a signal/);
});

test.run();
