import type { MembersInForce } from "../checkers/members.ts";
import type { EffectKind, Ending } from "../machine.ts";
import type { Random } from "../random.ts";
import type { SimulatedServer } from "../server.ts";
import type { World } from "../world.ts";
import type { Workload } from "./workload.ts";

/** What a fault may use. */
export interface FaultScene {
  readonly world: World;
  readonly workload: Workload;
  readonly random: Random;
  /** Who the members are. */
  readonly members: MembersInForce;
  /** Servers with a vote by now. */
  readonly voters: readonly SimulatedServer[];
  /** Ids of servers that the supervisor leaves down. */
  readonly held: Set<number>;
  /** Counts something for the coverage table. */
  readonly count: (what: string) => void;
}

/** Does its damage, holds it, and makes it good again. */
export type Fault = (scene: FaultScene) => Promise<void>;

const HOLD_MS = [200, 4_000] as const;
const EFFECTS: readonly EffectKind[] = [
  "peer-send",
  "client-send",
  "log",
  "epoch",
  "cut",
  "tree",
  "swap",
];

const RARE_EFFECTS: ReadonlySet<EffectKind> = new Set(["epoch", "cut", "tree", "swap"]);

/** How a machine ends: what it had not synced survives, or does not. */
export function endingOf(random: Random): Ending {
  return random.chance(0.5) ? "killed" : "power-lost";
}

/** A server that runs, or any when none does. */
function someServer({ world, random }: FaultScene): SimulatedServer {
  const running = world.servers.filter((server) => server.isRunning);
  return random.pick(running.length > 0 ? running : world.servers);
}

function hold({ world, random }: FaultScene): Promise<void> {
  return world.sleep(random.between(...HOLD_MS));
}

async function crash(scene: FaultScene, servers: readonly SimulatedServer[]): Promise<void> {
  for (const server of servers) server.crash(endingOf(scene.random));
  await hold(scene);
}

async function pause(scene: FaultScene, server: SimulatedServer): Promise<void> {
  server.pause();
  await hold(scene);
  server.resume();
}

/** Shuts routes between machines, each one way, for a while. */
async function shut(
  scene: FaultScene,
  routes: readonly (readonly [from: string, to: string])[],
): Promise<void> {
  const { network } = scene.world;
  for (const [from, to] of routes) network.route(from, to).block();
  await hold(scene);
  for (const [from, to] of routes) network.route(from, to).open();
}

function namesOf(servers: readonly SimulatedServer[]): string[] {
  return servers.map(({ name }) => name);
}

function bothWays(left: readonly string[], right: readonly string[]): [string, string][] {
  return left.flatMap((a) =>
    right.flatMap((b): [string, string][] => [
      [a, b],
      [b, a],
    ]),
  );
}

/** All faults by name. Servers that are down are started again by the run's supervisor. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  "crash one": (scene) => crash(scene, [someServer(scene)]),
  "crash leader": (scene) => crash(scene, [scene.world.leader ?? someServer(scene)]),
  "long absence": async (scene) => {
    const { world, random, held } = scene;
    const server = someServer(scene);
    if (held.size > 0) return;
    held.add(server.id);
    server.crash(endingOf(random));
    await world.sleep(random.between(8_000, 25_000));
    held.delete(server.id);
  },
  "crash most": (scene) => {
    const mixed = scene.random.shuffle(scene.world.servers);
    return crash(scene, mixed.slice(0, (mixed.length >> 1) + 1));
  },
  "crash all": (scene) => crash(scene, scene.world.servers),
  "power cut under load": async (scene) => {
    const { world, random } = scene;
    const stallMs = random.between(100, 2_000);
    for (const { habits } of world.servers) habits.stallMs = stallMs;
    await world.sleep(random.between(200, 2_000));
    // What the slow disks had not taken yet is gone everywhere at once.
    const lucky = random.chance(0.2) ? random.pick(world.servers) : undefined;
    for (const server of world.servers) if (server !== lucky) server.crash("power-lost");
    for (const { habits } of world.servers) habits.stallMs = 0;
    await hold(scene);
  },
  "crash at effect": async (scene) => {
    const { world, random } = scene;
    const kind = random.pick(EFFECTS);
    // What is rare strikes whoever comes to it first; it may take a while.
    const isRare = RARE_EFFECTS.has(kind);
    for (const { machine } of isRare ? world.servers : [someServer(scene)]) {
      const count = 1 + random.below(isRare ? 2 : kind === "peer-send" ? 40 : 10);
      machine.crashAt(kind, count, endingOf(random));
    }
    if (kind === "epoch") world.leader?.crash(endingOf(random));
    await hold(scene);
  },
  churn: async (scene) => {
    const { world, random } = scene;
    for (const { habits } of world.servers) habits.stallMs = random.pick([0, 100, 500]);
    // Elections upon elections, while disks have not taken yet what the last one brought.
    for (let steps = 6 + random.below(10); steps > 0; steps--) {
      const server = random.pick(world.servers);
      if (server.isRunning) server.crash("power-lost");
      else server.start().catch(() => {});
      await world.sleep(random.between(10, 600));
    }
    for (const { habits } of world.servers) habits.stallMs = 0;
  },
  "stop and start": async (scene) => {
    const server = someServer(scene);
    await Promise.race([server.stop(), scene.world.sleep(30_000)]);
    await hold(scene);
  },
  "pause one": (scene) => pause(scene, someServer(scene)),
  "pause leader": (scene) => pause(scene, scene.world.leader ?? someServer(scene)),
  halves: (scene) => {
    const mixed = scene.random.shuffle(scene.world.servers);
    const size = 1 + scene.random.below(mixed.length - 1);
    return shut(scene, bothWays(namesOf(mixed.slice(0, size)), namesOf(mixed.slice(size))));
  },
  "leader alone": (scene) => {
    const leader = scene.world.leader ?? someServer(scene);
    const others = scene.world.servers.filter((server) => server !== leader);
    return shut(scene, bothWays([leader.name], namesOf(others)));
  },
  "one way": (scene) => {
    const from = someServer(scene);
    const others = scene.world.servers.filter((server) => server !== from);
    const isOut = scene.random.chance(0.5);
    return shut(
      scene,
      others.map(({ name }) => (isOut ? [from.name, name] : [name, from.name])),
    );
  },
  "one route": (scene) => {
    const [from, to] = scene.random.shuffle(scene.world.servers);
    return shut(scene, from === undefined || to === undefined ? [] : [[from.name, to.name]]);
  },
  cut: async ({ world, random }) => {
    const [a, b] = random.shuffle(world.servers);
    if (a !== undefined && b !== undefined) world.network.cut(a.name, b.name);
  },
  "half open": async ({ world, random }) => {
    const [a, b] = random.shuffle(world.servers);
    if (a !== undefined && b !== undefined) world.network.halfOpen(a.name, b.name);
  },
  clog: async (scene) => {
    const { world, random } = scene;
    const [a, b] = random.shuffle(world.servers);
    if (a === undefined || b === undefined) return;
    const route = world.network.route(a.name, b.name);
    route.clog(random.between(20, 1_500));
    await hold(scene);
    route.clog(0);
  },
  "slow disk": async (scene) => {
    const { habits } = someServer(scene);
    habits.stallMs = scene.random.between(50, 2_000);
    await hold(scene);
    habits.stallMs = 0;
  },
  "failing disk": async (scene) => {
    someServer(scene).habits.failsNext = scene.random.chance(0.5) ? "io" : "full";
    await hold(scene);
  },
  "flipped bit": async (scene) => {
    const server = someServer(scene);
    server.crash(endingOf(scene.random));
    const repair = server.medium.flipBit(scene.random);
    await hold(scene);
    repair?.();
  },
  "clock jump": async ({ random, world }) => {
    random.pick(world.servers).machine.jumpWall(random.between(-86_400_000, 86_400_000));
  },
  "clock drift": async (scene) => {
    const { machine } = someServer(scene);
    machine.drift(scene.random.between(0.8, 1.25));
    await hold(scene);
    machine.drift(1);
  },
  "client crash": async (scene) => {
    scene.random.pick(scene.workload.visitors).machine.crash(endingOf(scene.random));
  },
  "client pause": async (scene) => {
    const { machine } = scene.random.pick(scene.workload.visitors);
    machine.pause();
    await hold(scene);
    await scene.world.sleep(2_000);
    machine.resume();
  },
  "client cut": async ({ world, workload, random }) => {
    const { machine } = random.pick(workload.visitors);
    for (const { name } of world.servers) world.network.cut(machine.name, name);
  },
  "client half open": async ({ world, workload, random }) => {
    const { machine } = random.pick(workload.visitors);
    for (const { name } of world.servers) world.network.halfOpen(machine.name, name);
  },
};

/** Faults that need another server. */
export const ENSEMBLE_FAULTS: ReadonlySet<string> = new Set([
  "halves",
  "leader alone",
  "one way",
  "one route",
  "cut",
  "half open",
  "clog",
]);
