import type { LogLine } from "../logger.ts";
import type { SimulatedServer } from "../server.ts";
import type { Fault, FaultScene } from "./faults.ts";
import { REGISTERS } from "./workload.ts";

/** Longest wait for a leader within a fault, ms. */
const LEADER_MS_MAX = 8_000;
const POLL_MS = 5;
/** Longest time until there is another leader while a slow clock keeps the former one, ms. */
const DEPOSED_MS_MAX = 2_000;

/**
 * The leader and the other voters in any order, two or more; undefined while nobody leads, others
 * hold, or there are too few.
 */
function castOf(
  scene: FaultScene,
): { readonly leader: SimulatedServer; readonly others: SimulatedServer[] } | undefined {
  const { world, voters, random, held } = scene;
  const { leader } = world;
  if (leader === undefined || held.size > 0) return undefined;
  const others = random.shuffle(voters.filter((server) => server !== leader));
  return others.length < 2 ? undefined : { leader, others };
}

/** Followers that make a quorum with the leader, and the rest. */
function split(others: readonly SimulatedServer[]): [SimulatedServer[], SimulatedServer[]] {
  const count = (others.length + 1) >> 1;
  return [others.slice(0, count), others.slice(count)];
}

/** Shuts or opens the ways from a server to others. */
function ways(
  { world: { network } }: FaultScene,
  from: SimulatedServer,
  to: readonly SimulatedServer[],
  change: "block" | "open",
): void {
  for (const { name } of to) network.route(from.name, name)[change]();
}

/** Shuts or opens the ways between a server and others, both ways. */
function shutOut(
  { world: { network } }: FaultScene,
  server: SimulatedServer,
  others: readonly { readonly name: string }[],
  change: "block" | "open",
): void {
  for (const { name } of others) {
    network.route(server.name, name)[change]();
    network.route(name, server.name)[change]();
  }
}

function start(server: SimulatedServer): void {
  // Whoever cannot start is down, and the supervisor tries again.
  server.start().catch(() => {});
}

async function untilLed({ world }: FaultScene): Promise<void> {
  const endMs = world.nowMs + LEADER_MS_MAX;
  while (world.leader === undefined && world.nowMs < endMs) await world.sleep(POLL_MS);
}

/** Waits for what a server says. @returns ends the wait. */
function onceHeard(
  { world }: FaultScene,
  { by, message }: { readonly by: SimulatedServer; readonly message: string },
  task: () => void,
): () => void {
  const forget = (): void => {
    world.heard.delete(listener);
  };
  const listener = (line: LogLine): void => {
    if (line.machine !== by.name || line.message !== message) return;
    forget();
    task();
  };
  world.heard.add(listener);
  return forget;
}

/** Keeps servers down as long as a task takes. */
async function without(
  { held }: FaultScene,
  servers: readonly SimulatedServer[],
  task: () => Promise<void>,
): Promise<void> {
  for (const { id } of servers) held.add(id);
  try {
    await task();
  } finally {
    for (const { id } of servers) held.delete(id);
  }
}

/**
 * What the leader wrote last is in its log alone. It comes back, followed by a bare quorum with
 * slow disks; as soon as it serves, all of them lose power. The others and those followers go on.
 */
const loneLog: Fault = async (scene) => {
  const { world, workload, random } = scene;
  const cast = castOf(scene);
  if (cast === undefined) return;
  const { leader, others } = cast;
  const [followers, rest] = split(others);
  const rushing = workload.rush(300);
  await world.sleep(random.between(50, 200));
  ways(scene, leader, others, "block");
  await world.sleep(random.between(50, 300));
  for (const server of [leader, ...others]) server.crash("killed");
  ways(scene, leader, others, "open");
  await rushing;
  await without(scene, rest, async () => {
    for (const { habits } of followers) habits.stallMs = random.between(100, 800);
    for (const server of [leader, ...followers]) start(server);
    await untilLed(scene);
    await world.sleep(random.between(0, 60));
    for (const server of [leader, ...followers]) server.crash("power-lost");
    for (const { habits } of followers) habits.stallMs = 0;
  });
  await without(scene, [leader], async () => {
    for (const server of [...rest, ...followers]) start(server);
    await untilLed(scene);
  });
  start(leader);
  if (random.chance(0.2)) leader.machine.crashAt("cut", 1, "power-lost");
};

/**
 * Only a bare quorum has the newest writes, and one of it has a slow disk. All of it loses power,
 * and the slow one goes on with those that never heard of them.
 */
const fewKnow: Fault = async (scene) => {
  const { world, workload, random } = scene;
  const cast = castOf(scene);
  if (cast === undefined) return;
  const { leader, others } = cast;
  const [knowing, ignorant] = split(others);
  const few = random.shuffle([leader, ...knowing]);
  const [slow, ...lost] = few as [SimulatedServer, ...SimulatedServer[]];
  ways(scene, leader, ignorant, "block");
  slow.habits.stallMs = random.between(200, 2_000);
  const rushing = workload.rush(600);
  await world.sleep(random.between(100, 600));
  for (const server of few) server.crash("power-lost");
  slow.habits.stallMs = 0;
  ways(scene, leader, ignorant, "open");
  await rushing;
  await without(scene, lost, async () => {
    start(slow);
    await untilLed(scene);
  });
};

/**
 * A server that was away catches up while much is under way on slow disks; at times its leader, its
 * connection or its own process ends in the middle of that.
 */
const catchUp: Fault = async (scene) => {
  const { world, workload, random } = scene;
  const cast = castOf(scene);
  if (cast === undefined) return;
  const { leader, others } = cast;
  const [late, ...present] = others as [SimulatedServer, ...SimulatedServer[]];
  await without(scene, [late], async () => {
    late.crash("killed");
    await workload.rush(random.between(500, 1_500));
  });
  for (const { habits } of [leader, ...present]) habits.stallMs = random.pick([0, 100, 400]);
  const rushing = workload.rush(1_500);
  const ending = random.below(3);
  // The leader says so before it sends the first byte.
  const forget = onceHeard(scene, { by: leader, message: "learner synchronised" }, () => {
    if (ending === 0) leader.machine.crashAt("peer-send", 1 + random.below(4), "killed");
    if (ending === 1) {
      const cut = (): unknown => world.network.cut(late.name, leader.name);
      world.scheduler.after(random.between(0, 10), cut);
    }
  });
  start(late);
  if (ending === 2) late.machine.crashAt(random.pick(["log", "cut", "swap"]), 1, "power-lost");
  await rushing;
  forget();
  for (const { habits } of [leader, ...present]) habits.stallMs = 0;
  await world.sleep(random.between(200, 2_000));
};

/**
 * Clients leave a follower whose way to or from the leader is clogged: what they asked for there
 * comes late, or what they come to has not heard the newest.
 */
const leftBehind: Fault = async (scene) => {
  const { world, workload, random } = scene;
  const cast = castOf(scene);
  if (cast === undefined) return;
  const { leader, others } = cast;
  const [follower] = others as [SimulatedServer, ...SimulatedServer[]];
  const { network } = world;
  const isLagging = random.chance(0.5);
  const ends = isLagging ? [leader, follower] : [follower, leader];
  const route = network.route((ends[0] as SimulatedServer).name, (ends[1] as SimulatedServer).name);
  route.clog(random.between(150, 900));
  const rushing = workload.rush(1_200);
  for (let times = 3; times > 0; times--) {
    await world.sleep(random.between(50, 300));
    for (const { machine } of workload.visitors) {
      for (const server of world.servers) {
        const isLeft = isLagging ? server !== follower : server === follower;
        if (isLeft) network.cut(machine.name, server.name);
      }
    }
  }
  route.clog(0);
  await rushing;
};

/**
 * A leader whose clock is slow is cut off; the others have another one and write before it notices.
 * Who then asks it for a sync must not be shown what was there before.
 */
const deposed: Fault = async (scene) => {
  const { world, workload, random } = scene;
  const cast = castOf(scene);
  if (cast === undefined) return;
  const { leader } = cast;
  const others = world.servers.filter((server) => server !== leader);
  const machines = workload.visitors.map(({ machine }) => machine);
  const reader = await workload.guest(leader);
  // What it cannot commit any more would hold the sync up.
  for (const server of world.servers) shutOut(scene, server, machines, "block");
  await world.sleep(random.between(100, 200));
  leader.machine.drift(0.8);
  for (const { machine } of others) machine.drift(1.25);
  shutOut(scene, leader, others, "block");
  for (const server of others) shutOut(scene, server, machines, "open");
  const endMs = world.nowMs + DEPOSED_MS_MAX;
  const isNew = (): boolean => world.leader !== undefined && world.leader !== leader;
  while (!isNew() && world.nowMs < endMs) await world.sleep(POLL_MS);
  if (isNew()) {
    const writer = await workload.guest(world.leader as SimulatedServer);
    const path = random.pick(REGISTERS);
    // Whoever loses the connection may wait for long.
    const end = world.sleep(DEPOSED_MS_MAX);
    if (writer.hasSession) await Promise.race([end, writer.perform(workload.set(path))]);
    if (reader.hasSession) {
      void reader.perform({ kind: "sync", path });
      await Promise.race([end, reader.perform({ kind: "get", path })]);
    }
    void writer.close();
  }
  void reader.close();
  shutOut(scene, leader, [...others, ...machines], "open");
  for (const { machine } of world.servers) machine.drift(1);
};

/** Faults that strike where a history hangs by a thread; each needs a leader. */
export const AIMED_FAULTS: Readonly<Record<string, Fault>> = {
  "lone log": loneLog,
  "few know": fewKnow,
  "catch up": catchUp,
  "left behind": leftBehind,
  deposed,
};
