import { test } from "uvu";
import * as assert from "uvu/assert";
import { SimulationError, simulate, type World } from "../../simulation/mod.ts";

const ALONE = { servers: 1, seed: 3 } as const;

function failureOf(options: object, body: (world: World) => Promise<void>): Promise<Error> {
  return simulate({ ...ALONE, ...options }, body).then(
    () => {
      throw new Error("the simulation should have failed");
    },
    (error: Error) => error,
  );
}

async function writeAndCrash(world: World): Promise<void> {
  const zk = await world.connect();
  await zk.create("/a", "0");
  const server = world.server(1);
  for (let i = 0; i < 20; i++) await zk.setData("/a", String(i));
  server.crash(world.random.chance(0.5) ? "killed" : "power-lost");
  await world.sleep(1_000);
  void server.start();
  await world.untilServing();
  assert.is((await zk.getData("/a").catch(() => zk.getData("/a"))).stat.version, 20);
}

test("the same seed gives the same trace hash, another seed another", async () => {
  const [first, other] = await simulate({ ...ALONE, seeds: 2 }, writeAndCrash);
  const [again] = await simulate(ALONE, writeAndCrash);
  assert.is(again?.hash, first?.hash);
  assert.is(again?.virtualMs, first?.virtualMs);
  assert.is.not(other?.hash, first?.hash);
  assert.equal(first?.globalsUsed, [], "servers and clients look at no clock of the machine");
});

test("a failing body is reported with its seed and the command to replay it", async () => {
  const error = await failureOf({ seed: 12 }, async (world) => {
    await world.sleep(500);
    throw new Error("what the body says");
  });
  assert.instance(error, SimulationError);
  assert.match(error.message, /^seed 12 failed at 5\d\d.* virtual ms: what the body says/);
  assert.match(error.message, /ZOOKIT_SEED=12 \S+/);
  assert.is((error.cause as Error).message, "what the body says");
});

test("a rejection that nobody handles, and a run without an end, fail too", async () => {
  const rejected = await failureOf({}, async (world) => {
    void Promise.reject(new Error("nobody cares"));
    await world.sleep(10);
  });
  assert.match(rejected.message, /nobody cares/);
  const endless = await failureOf({ limitMs: 5_000 }, () => new Promise(() => {}));
  assert.match(endless.message, /not done after 5000 virtual ms/);
});

test("timers, dates and chance of the application are virtual, and given back", async () => {
  const before = [setTimeout, Date, Math.random, performance.now];
  const seen: number[] = [];
  const body = async (world: World): Promise<void> => {
    const fromMs = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 3_600_000));
    assert.is(Date.now() - fromMs, 3_600_000);
    assert.ok(new Date() instanceof Date && new Date(5).getTime() === 5);
    let beats = 0;
    const beating = setInterval(() => beats++, 1_000);
    await world.sleep(10_500);
    clearInterval(beating);
    await world.sleep(10_000);
    assert.is(beats, 10);
    seen.push(Math.random());
  };
  const realFromMs = Date.now();
  const options = { ...ALONE, limitMs: 10_000_000 };
  const [report] = await simulate(options, body);
  await simulate(options, body);
  assert.ok(Date.now() - realFromMs < 60_000);
  assert.is(seen[0], seen[1]);
  assert.ok(report?.globalsUsed.includes("setTimeout"));
  assert.equal([setTimeout, Date, Math.random, performance.now], before);
});

test("a server that breaks its promise of durability is found out", async () => {
  const error = await failureOf({ seed: 1 }, async (world) => {
    const zk = await world.connect();
    await zk.create("/a", "0");
    world.server(1).crash("power-lost");
    world.server(1).medium.rows.pop(); // As if the last sync had never been.
    await world.sleep(100);
    void world.server(1).start();
    await world.untilServing();
  });
  assert.match(error.message, /server 1 leads epoch 0 at \w+, but \w+ is committed/);
});

test("one simulation at a time", async () => {
  const first = simulate(ALONE, (world) => world.sleep(100));
  const error = await failureOf({}, (world) => world.sleep(100));
  assert.match(error.message, /another simulation runs/);
  await first;
});

test.run();
