import type { Operation } from "../checkers/history.ts";
import type { Random } from "../random.ts";
import type { SimulatedServer } from "../server.ts";
import { endingOf, type Fault, type FaultScene } from "./faults.ts";
import type { Visitor } from "./visitor.ts";

/** Longest wait for an answer, ms: who has asked may be cut off. */
const ANSWER_MS_MAX = 4_000;

type Reconfig = Extract<Operation, { readonly kind: "reconfig" }>;

/** A member, as clients name it; its machine has the usual name. */
export function memberLine(id: number, role: "participant" | "observer"): string {
  return `server.${id}=server${id}:2888:3888:${role}`;
}

function joiningLine({ id }: SimulatedServer, role: "participant" | "observer"): string {
  return `${memberLine(id, role)};2181`;
}

/** Some change of who is a member, and as what. */
function someChange(scene: FaultScene): Reconfig {
  const { world, voters, random } = scene;
  const { leader } = world;
  const dice = random.below(10);
  if (voters.length < 3 || dice < 3) return allMembers(scene);
  if (dice === 3 && leader !== undefined) return { kind: "reconfig", leaving: [leader.id] };
  const [one, other] = random.shuffle(world.servers) as [SimulatedServer, SimulatedServer];
  const role = random.chance(0.6) ? "participant" : "observer";
  const joining = [joiningLine(one, role)];
  if (dice < 6) return { kind: "reconfig", joining };
  if (dice < 8) return { kind: "reconfig", leaving: [one.id] };
  return { kind: "reconfig", joining, leaving: [other.id] };
}

/** A whole new list, at times with weights and groups. */
function allMembers({ world, random }: FaultScene): Reconfig {
  const mixed = random.shuffle(world.servers);
  const count = 1 + random.below(mixed.length);
  const voters = mixed.slice(0, Math.max(count, random.chance(0.7) ? 3 : 1));
  const others = mixed.slice(voters.length).filter(() => random.chance(0.5));
  const members = [
    ...voters.map((server) => joiningLine(server, "participant")),
    ...others.map((server) => joiningLine(server, "observer")),
    ...(random.chance(0.2) ? weighted(voters, random) : []),
  ];
  return { kind: "reconfig", members };
}

/** One group of all, or one of three and one for each of the others; the first has a weight. */
function weighted(voters: readonly SimulatedServer[], random: Random): string[] {
  const ids = voters.map(({ id }) => id);
  const isOne = random.chance(0.5);
  const [first, rest] = isOne ? [ids, []] : [ids.slice(0, 3), ids.slice(3)];
  const groups = [first, ...rest.map((id) => [id])];
  return [
    ...groups.map((group, index) => `group.${index + 1}=${group.join(":")}`),
    ...ids.slice(1).map((id) => `weight.${id}=${random.pick([0, 1, 1, 2])}`),
  ];
}

async function ask(visitor: Visitor, change: Reconfig): Promise<void> {
  if (visitor.hasSession) await visitor.perform(change);
}

/** Members come, go and change their roles, one by one, at times against crashes. */
const reconfig: Fault = async (scene) => {
  const { world, workload, random } = scene;
  for (let times = 1 + random.below(3); times > 0; times--) {
    const ending = endingOf(random);
    if (random.chance(0.2)) random.pick(world.servers).machine.crashAt("members", 1, ending);
    const asked = ask(random.pick(workload.visitors), someChange(scene));
    if (random.chance(0.3)) {
      await world.sleep(random.between(0, 40));
      const victim = random.chance(0.5) ? world.leader : random.pick(world.servers);
      victim?.crash(ending);
    }
    await Promise.race([asked, world.sleep(ANSWER_MS_MAX)]);
    await world.sleep(random.between(20, 1_000));
  }
};

/**
 * The leader becomes a member among others than before, and about then the way between these and a
 * quorum of the old members is shut: on either side somebody could think that it is enough.
 */
const apart: Fault = async (scene) => {
  const { world, members, voters, random, workload, held } = scene;
  const { leader } = world;
  if (leader === undefined || !voters.includes(leader) || held.size > 0) return;
  const others = random.shuffle(voters.filter((server) => server !== leader));
  const oldSide = others.slice(0, (voters.length >> 1) + 1);
  const strangers = world.servers.filter(({ id }) => !members.now.ids.includes(id));
  const newSide = [leader, ...others.slice(oldSide.length), ...strangers];
  const { network } = world;
  const ways = oldSide.flatMap((one) =>
    newSide.flatMap((other) => [
      network.route(one.name, other.name),
      network.route(other.name, one.name),
    ]),
  );
  const guest = await workload.guest(leader);
  const rushing = workload.rush(500);
  const isEarly = random.chance(0.3);
  if (isEarly) for (const way of ways) way.block();
  const lines = newSide.map((server) => joiningLine(server, "participant"));
  const asked = ask(guest, { kind: "reconfig", members: lines });
  await world.sleep(random.between(0, 60));
  for (const way of ways) way.block();
  await rushing;
  await world.sleep(random.between(500, 3_000));
  for (const way of ways) way.open();
  await Promise.race([asked, world.sleep(ANSWER_MS_MAX)]);
  void guest.close();
};

/** Faults of runs whose members change. */
export const RECONFIG_FAULTS: Readonly<Record<string, Fault>> = {
  "members change": reconfig,
  "old and new members apart": apart,
};
