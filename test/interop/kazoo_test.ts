import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CuttableProxy } from "./proxy.ts";
import { startServer } from "./server.ts";

// Debian installs kazoo for its own interpreter, not for one that stands earlier in the path.
const PYTHON = "/usr/bin/python3";
/** Longer than any wait in the script, after which a check fails by itself. */
const SILENCE_MS_MAX = 120_000;
const SCRIPT = fileURLToPath(new URL("kazoo_checks.py", import.meta.url));

interface Message {
  readonly plan?: readonly string[];
  readonly name?: string;
  readonly error?: string | null;
  readonly ask?: "restart" | "cut" | "mend";
}

interface Outcome {
  readonly plan: readonly string[];
  /** By name of the check: its traceback, or null when it passed. */
  readonly errors: ReadonlyMap<string, string | null>;
  /** What the script wrote on stderr: kazoo's complaints and its own end. */
  readonly log: string;
}

/** Runs all checks against one server and does what the script asks for meanwhile. */
async function runChecks(): Promise<Outcome> {
  if (spawnSync(PYTHON, ["-c", "import kazoo"]).status !== 0) {
    throw new Error(`${PYTHON} has no kazoo: install the Debian package python3-kazoo`);
  }
  const dataDir = await mkdtemp(join(tmpdir(), "interop-kazoo-"));
  const server = await startServer({ dataDir });
  const proxy = await CuttableProxy.open(server.port);
  try {
    const args = ["-B", SCRIPT, server.hosts, `127.0.0.1:${proxy.port}`];
    return await converse(spawn(PYTHON, args), async (wish) => {
      if (wish === "restart") await server.restart();
      else if (wish === "cut") proxy.cut();
      else proxy.mend();
    });
  } finally {
    proxy.close();
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function converse(
  script: ChildProcessWithoutNullStreams,
  grant: (wish: NonNullable<Message["ask"]>) => Promise<void>,
): Promise<Outcome> {
  let plan: readonly string[] = [];
  const errors = new Map<string, string | null>();
  let log = "";
  script.stderr.on("data", (chunk) => {
    log += chunk;
  });
  let watchdog: NodeJS.Timeout | undefined;
  for await (const line of createInterface({ input: script.stdout })) {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => script.kill("SIGKILL"), SILENCE_MS_MAX);
    const message = JSON.parse(line) as Message;
    if (message.plan !== undefined) plan = message.plan;
    if (message.name !== undefined) errors.set(message.name, message.error ?? null);
    if (message.ask !== undefined) {
      await grant(message.ask);
      script.stdin.write("done\n");
    }
  }
  clearTimeout(watchdog);
  return { plan, errors, log };
}

const { plan, errors, log } = await runChecks();

test("kazoo runs all its checks to the end", () => {
  assert.ok(plan.length > 30, log);
  assert.equal([...errors.keys()], plan, log);
});

for (const name of plan) {
  test(`kazoo ${name}`, () => {
    const error = errors.get(name);
    assert.is(error, null, error ?? `the script ended before this check:\n${log.slice(-2000)}`);
  });
}

test.run();
