import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Death, deathOf } from "./death.ts";
import { randomFrom } from "./history.ts";
import { ServerProcess } from "./server_process.ts";
import { Visitors } from "./visitors.ts";
import { closeClients, openClient, reconnect, Writer } from "./writer.ts";

const ROUNDS = Number(process.env.ZOOKIT_CRASH_ROUNDS ?? 20);
/** Where a kill falls is chance: so many when too few fell where it is hard. */
const ROUNDS_MAX = 3 * ROUNDS;
const WRITERS = 4;
/** Acknowledged requests in a round before the kill, at least. */
const ACKNOWLEDGED_MIN = 1_000;
const EXPIRY_MS_MAX = 60_000;
/** ZOOKIT_CRASH_SEED repeats the choices of a run, as far as they are the test's. */
const SEED = Number(process.env.ZOOKIT_CRASH_SEED ?? Date.now() % 1_000_000);

const folder = mkdtempSync(join(tmpdir(), "zookit-crash-"));
const server = new ServerProcess(folder);
const random = randomFrom(SEED);
/** Time from opening the files to the ready line at the last start, ms. */
let recoveryMs = 0;

test.after(async () => {
  await server.kill();
  await closeClients();
  rmSync(folder, { recursive: true, force: true });
});

/** Where kills fell. */
const deaths: Record<Death, number> = { checkpoint: 0, trimming: 0, recovery: 0, serving: 0 };

/** Whether a third of the kills fell into more than serving. */
function isHardEnough(): boolean {
  const kills = Object.values(deaths).reduce((sum, times) => sum + times, 0);
  return deaths.serving <= (kills * 2) / 3;
}

/** Every other round writes checkpoints all the time, so that the kill falls into one. */
function writesCheckpoints(round: number): boolean {
  return round % 2 === 1;
}

function snapCountOf(round: number): number {
  return writesCheckpoints(round) ? 60 : 100_000;
}

/** Writes until enough is acknowledged, then kills at once. */
async function writeAndKill(writers: readonly Writer[], visitors: Visitors): Promise<number> {
  const target = ACKNOWLEDGED_MIN + Math.floor(random() * 500);
  let acknowledged = 0;
  let killed: Promise<void> | undefined;
  const count = (): void => {
    acknowledged += 1;
    if (acknowledged < target) return;
    visitors.serverGoesDown();
    killed ??= server.kill();
  };
  const visiting = visitors.run();
  await Promise.all(writers.map((writer) => writer.run(count)));
  assert.ok(killed !== undefined, "the connections broke before the kill");
  await killed;
  await visiting;
  await visitors.leave();
  return acknowledged;
}

/** Starts again; every third time the server is killed in its recovery first, twice. */
async function recover(round: number): Promise<void> {
  if (round % 3 === 2) {
    for (let i = 0; i < 2; i++) {
      server.begin(snapCountOf(round + 1));
      await server.recovering();
      await new Promise((resolve) => setTimeout(resolve, recoveryMs * random()));
      await server.kill();
      if (!server.isReady) deaths.recovery += 1;
    }
  }
  const started = server.start(snapCountOf(round + 1));
  await server.recovering();
  const began = performance.now();
  await started;
  recoveryMs = performance.now() - began;
}

test("kill -9 loses no acknowledged write, halves none, and sessions live on", async () => {
  await server.start(snapCountOf(0));
  const hosts = `127.0.0.1:${server.port}`;
  const auditor = await openClient(hosts);
  await auditor.create("/visits");
  const visitors = new Visitors(hosts, "/visits", random);
  const names = Array.from({ length: WRITERS }, (_, index) => `/w${index}`);
  const writers = await Promise.all(names.map((name) => Writer.open(hosts, name, random)));
  const ids = writers.map(({ sessionId }) => sessionId);
  let total = 0;
  let round = 0;
  for (; round < ROUNDS || (!isHardEnough() && round < ROUNDS_MAX); round++) {
    const acknowledged = await writeAndKill(writers, visitors);
    assert.ok(acknowledged >= ACKNOWLEDGED_MIN);
    total += acknowledged;
    if (writesCheckpoints(round)) deaths[await deathOf(server.dataDir)] += 1;
    else deaths.serving += 1;
    await writers[round % WRITERS]?.leave();
    await recover(round);
    await reconnect(auditor);
    const wrong = await visitors.verify(auditor);
    for (const [index, writer] of writers.entries()) {
      await writer.reconnect();
      assert.is(writer.sessionId, ids[index], "a session was not taken over");
      wrong.push(...(await writer.verify()));
    }
    assert.equal(wrong, [], `seed ${SEED}, round ${round}`);
  }
  const where = Object.entries(deaths).map(([death, times]) => `${times} in ${death}`);
  console.log(`seed ${SEED}: ${total} acknowledged writes in ${round} rounds`);
  console.log(`died ${where.join(", ")}`);
  assert.ok(isHardEnough(), "too few kills fell where it is hard");

  const deadline = Date.now() + EXPIRY_MS_MAX;
  while ((await auditor.getChildren("/visits")).children.length > 0) {
    assert.ok(Date.now() < deadline, "sessions that nobody came back for do not expire");
    await new Promise((resolve) => auditor.getChildren("/visits", { watch: resolve }));
  }
  for (const writer of writers) assert.equal(await writer.close(auditor), []);
  await auditor.close();
});

test.run();
