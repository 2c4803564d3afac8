import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../client/mod.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { type Attack, Attacker, type Outcomes, table } from "./attacker.ts";
import { KINDS } from "./corpus.ts";
import { GoodClient, type GoodReport } from "./good_client.ts";
import { randomFrom } from "./random.ts";
import { request } from "./raw_client.ts";
import { startTarget } from "./tls_target.ts";

/** ZOOKIT_HOSTILE_FRAMES=1000000 is the long run. */
const FRAMES = Number(process.env.ZOOKIT_HOSTILE_FRAMES ?? 40_000);
const SEED = Number(process.env.ZOOKIT_HOSTILE_SEED ?? 1);
const ATTACKERS = 4;
const ALONE_MS = 1_000;
/**
 * How much longer than beside whole frames an answer may take, of a hundred the slowest.
 * Beside as much work, since a machine of two processors is busy either way.
 */
const P99_FACTOR_MAX = 5;

interface Variant {
  readonly name: string;
  readonly isSecure: boolean;
  readonly certificate?: boolean;
  readonly login: readonly Uint8Array[];
}

/** A login by digest, which adds an identity that the corpus may stand for. */
const LOGIN = request(-4, OPCODES.auth, (writer) => {
  writer.int(0);
  writer.string("digest");
  writer.buffer(new TextEncoder().encode("attacker:secret"));
});

/** In this order, the first with all frames and the others with a quarter of them each. */
const VARIANTS: readonly Variant[] = [
  { name: "by TCP", isSecure: false, login: [] },
  { name: "by TCP after a login", isSecure: false, login: [LOGIN] },
  { name: "by TLS", isSecure: true, certificate: false, login: [] },
  { name: "by TLS with a certificate", isSecure: true, certificate: true, login: [LOGIN] },
];

async function attack(aim: Attack, seed: number, frames: number): Promise<Attacker[]> {
  const outcomes: Outcomes = new Map();
  const attackers = Array.from(
    { length: ATTACKERS },
    (_, index) => new Attacker(aim, randomFrom(seed * 1000 + index), outcomes),
  );
  await Promise.all(attackers.map((attacker) => attacker.run(frames / ATTACKERS)));
  return attackers;
}

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

function figures({ count, p50Ms, p99Ms, maxMs }: GoodReport): string {
  const ms = (value: number): string => value.toFixed(2);
  return `${count} requests, p50 ${ms(p50Ms)} ms, p99 ${ms(p99Ms)} ms, max ${ms(maxMs)} ms`;
}

/** Goes through all of it, and says what came of it. */
async function attackAndCheck({ isSecure, certificate, login }: Variant, frames: number) {
  const { server, target } = await startTarget(isSecure, certificate);
  const aim: Attack = { target, login };
  try {
    const { port } = server;
    const good = await GoodClient.start(port);
    // Warms up both sides, until pools and caches are as full as they get.
    await attack(aim, SEED + 1, Math.min(frames / 2, 40_000));
    await tidy(port);
    await server.until(({ connections }) => connections === 1);
    const before = await server.report();
    await good.report();
    await new Promise((resolve) => setTimeout(resolve, ALONE_MS));
    const alone = await good.report();
    await attack({ ...aim, isHonest: true }, SEED, frames / 2);
    const baseline = await good.report();
    const began = performance.now();
    const attackers = await attack(aim, SEED, frames);
    const tookMs = performance.now() - began;
    const during = await good.report();
    await tidy(port);
    await server.until(({ connections, watches }) => connections === 1 && watches === 0);
    await good.stop();
    const after = await server.until(({ connections }) => connections === 0);

    const outcomes = attackers[0]?.outcomes ?? new Map();
    const sent = attackers.reduce((sum, attacker) => sum + attacker.sent, 0);
    const past = attackers.reduce((sum, attacker) => sum + attacker.pastHeader, 0);
    console.log(`\n${table(outcomes)}`);
    console.log(`seed ${SEED}: ${sent} frames in ${(tookMs / 1000).toFixed(1)} s`);
    console.log(`the others alone: ${figures(alone)}`);
    console.log(
      `beside whole frames: ${figures(baseline)}\nbeside spoiled ones: ${figures(during)}`,
    );
    const growth = after.heapBytes / before.heapBytes - 1;
    console.log(`memory before ${before.heapBytes}, after ${after.heapBytes}`);

    assert.is(server.output, "", "the server met no bug of its own");
    assert.equal([...alone.wrong, ...baseline.wrong], []);
    assert.equal(during.wrong, []);
    assert.ok(past >= sent / 2, `${past} of ${sent} frames had a good header`);
    assert.is(outcomes.size, KINDS.length + 1, "every opcode, and the handshake");
    assert.is(after.digestMismatches, 0);
    assert.is(after.outstanding, 0);
    assert.ok(growth < 0.1, `memory grew by ${Math.round(growth * 100)} %`);
    assert.ok(during.p99Ms < baseline.p99Ms * P99_FACTOR_MAX, figures(during));
  } finally {
    await server.stop();
  }
}

for (const variant of VARIANTS) {
  const frames = variant.isSecure || variant.login.length > 0 ? FRAMES / 4 : FRAMES;
  test(`spoiled frames of every opcode ${variant.name} hurt nobody who works on`, async () => {
    await attackAndCheck(variant, frames);
  });
}

test.run();
