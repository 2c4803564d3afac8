import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../client/mod.ts";
import { type AttackOrder, AttackProcess, type AttackReport } from "./attack_process.ts";
import { type Outcomes, table } from "./attacker.ts";
import { KINDS } from "./corpus.ts";
import { GoodClient, type GoodReport } from "./good_client.ts";
import { startTarget } from "./tls_target.ts";

/** ZOOKIT_HOSTILE_FRAMES=1000000 is the long run. */
const FRAMES = Number(process.env.ZOOKIT_HOSTILE_FRAMES ?? 40_000);
const SEED = Number(process.env.ZOOKIT_HOSTILE_SEED ?? 1);
const ALONE_MS = 1_000;
/** Times that the well-behaved client works alone and beside an attack, one after the other. */
const ROUNDS = 5;
/** How much longer than alone an answer may take it beside an attack, of a hundred the slowest. */
const P99_FACTOR_MAX = 5;
/** How much more memory the server may keep after the attacks, as a share. */
const GROWTH_MAX = 0.1;

interface Variant {
  readonly name: string;
  readonly isSecure: boolean;
  readonly certificate?: boolean;
  readonly logsIn: boolean;
}

/** In this order, the first with all frames and the others with a quarter of them each. */
const VARIANTS: readonly Variant[] = [
  { name: "by TCP", isSecure: false, logsIn: false },
  { name: "by TCP after a login", isSecure: false, logsIn: true },
  { name: "by TLS", isSecure: true, certificate: false, logsIn: false },
  { name: "by TLS with a certificate", isSecure: true, certificate: true, logsIn: true },
];

/** Removes everything but what the well-behaved client has. */
async function tidy(port: number): Promise<void> {
  const zk = await connect({ servers: `127.0.0.1:${port}` });
  await zk.addAuth("digest", "super:secret");
  const removeBelow = async (path: string): Promise<void> => {
    // An ephemeral may go meanwhile.
    const { children } = await zk.getChildren(path).catch(() => ({ children: [] }));
    for (const name of children) {
      const child = path === "/" ? `/${name}` : `${path}/${name}`;
      if (["/good", "/zookeeper", "/zookeeper/config"].includes(child)) continue;
      await removeBelow(child);
      if (child !== "/zookeeper/quota") await zk.delete(child).catch(() => {});
    }
  };
  await removeBelow("/");
  await removeBelow("/zookeeper");
  await zk.close();
}

/** What the well-behaved client saw, round by round. */
interface Rounds {
  readonly alone: readonly GoodReport[];
  readonly beside: readonly GoodReport[];
  readonly attacks: readonly AttackReport[];
}

async function alternate(
  good: GoodClient,
  attackers: AttackProcess,
  order: AttackOrder,
): Promise<Rounds> {
  const rounds = { alone: [] as GoodReport[], beside: [] as GoodReport[] };
  const attacks: AttackReport[] = [];
  await good.report();
  for (let round = 0; round < ROUNDS; round++) {
    await new Promise((resolve) => setTimeout(resolve, ALONE_MS));
    rounds.alone.push(await good.report());
    const seed = order.seed + 2 * round;
    attacks.push(await attackers.run({ ...order, seed, frames: order.frames / ROUNDS }));
    rounds.beside.push(await good.report());
  }
  return { ...rounds, attacks };
}

function medianOf(reports: readonly GoodReport[], key: "p50Ms" | "p99Ms" | "maxMs"): number {
  const sorted = reports.map((report) => report[key]).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function figures(reports: readonly GoodReport[]): string {
  const count = reports.reduce((sum, report) => sum + report.count, 0);
  const ms = (key: "p50Ms" | "p99Ms" | "maxMs"): string => medianOf(reports, key).toFixed(2);
  return `${count} requests, p50 ${ms("p50Ms")} ms, p99 ${ms("p99Ms")} ms, max ${ms("maxMs")} ms`;
}

function allOutcomes(attacks: readonly AttackReport[]): Outcomes {
  const all: Outcomes = new Map();
  for (const [kind, counts] of attacks.flatMap(({ outcomes }) => [...outcomes])) {
    const sums = all.get(kind) ?? new Map<string, number>();
    for (const [name, count] of counts) sums.set(name, (sums.get(name) ?? 0) + count);
    all.set(kind, sums);
  }
  return all;
}

function tell({ alone, beside, attacks }: Rounds): void {
  const sent = attacks.reduce((sum, attack) => sum + attack.sent, 0);
  console.log(`\n${table(allOutcomes(attacks))}`);
  console.log(`seed ${SEED}: ${sent} frames; medians of ${ROUNDS} rounds:`);
  console.log(`the others alone: ${figures(alone)}`);
  console.log(`beside spoiled frames: ${figures(beside)}`);
}

/** Goes through all of it, and says what came of it. */
async function attackAndCheck({ isSecure, certificate, logsIn }: Variant, frames: number) {
  const { server, target } = await startTarget(isSecure, certificate);
  const attackers = await AttackProcess.start();
  const order: AttackOrder = { target, logsIn, seed: SEED, frames };
  try {
    const { port } = server;
    const good = await GoodClient.start(server);
    // Warms up both sides, until pools and caches are as full as they get.
    await attackers.run({ ...order, seed: SEED + 1, frames: Math.min(frames / 2, 40_000) });
    await tidy(port);
    await server.until(({ connections }) => connections === 1);
    const before = await server.report();
    const rounds = await alternate(good, attackers, order);
    const { alone, beside, attacks } = rounds;
    await tidy(port);
    await server.until(({ connections, watches }) => connections === 1 && watches === 0);
    await good.stop();
    tell(rounds);
    // Some of what is not used any more takes several collections to go.
    const after = await server.until(({ connections, heapBytes }) => {
      return connections === 0 && heapBytes < before.heapBytes * (1 + GROWTH_MAX);
    });
    console.log(`memory before ${before.heapBytes}, after ${after.heapBytes}`);
    assert.is(server.output, "", "the server met no bug of its own");
    assert.equal(
      [...alone, ...beside].flatMap(({ wrong }) => wrong),
      [],
    );
    for (const { sent, pastHeader } of attacks) {
      assert.ok(pastHeader >= sent / 2, `${pastHeader} of ${sent} frames had a good header`);
    }
    assert.is(allOutcomes(attacks).size, KINDS.length + 1, "every opcode, and the handshake");
    assert.is(after.digestMismatches, 0);
    assert.is(after.outstanding, 0);
    const factor = medianOf(beside, "p99Ms") / medianOf(alone, "p99Ms");
    assert.ok(factor < P99_FACTOR_MAX, `its p99 is ${factor.toFixed(1)} times that alone`);
  } finally {
    attackers.stop();
    await server.stop();
  }
}

for (const variant of VARIANTS) {
  const frames = variant.isSecure || variant.logsIn ? FRAMES / 4 : FRAMES;
  test(`spoiled frames of every opcode ${variant.name} hurt nobody who works on`, async () => {
    await attackAndCheck(variant, frames);
  });
}

test.run();
