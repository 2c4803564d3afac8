import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkRegisters } from "../../../simulation/checkers/check_registers.ts";
import { Members } from "./members.ts";
import { Visitors } from "./visitors.ts";

/**
 * Five servers under faults while six clients read and write three znodes; what they were told is
 * judged at the end.
 */
const CALLS_MIN = 500;
const PATHS = ["/a", "/b", "/c"];
const members = await Members.plan(
  Array.from({ length: 5 }, () => ({ kind: "zookit" })),
  { isTapped: true },
);
let visitors: Visitors | undefined;

test.before(async () => {
  members.startAll();
  await members.serving();
  visitors = await Visitors.begin(members.address(), PATHS, 6);
});

test.after(async () => {
  visitors?.abandon();
  members.tap.heal();
  await members.discard();
});

function othersThan(...ids: readonly number[]): number[] {
  return members.ids.filter((id) => !ids.includes(id));
}

/** All writes that clients get acknowledged from now on, until so many more are. */
async function goOn(count = 60): Promise<void> {
  const target = (visitors?.history.acknowledged ?? 0) + count;
  await members.until(`${count} more writes`, async () => {
    return (visitors?.history.acknowledged ?? 0) >= target ? true : undefined;
  });
}

async function killed(id: number): Promise<void> {
  await members.signal(id, "SIGKILL");
  await members.serving(othersThan(id));
  await goOn();
  members.start(id);
  await members.serving();
}

test("a follower is killed", async () => {
  const [victim = 0] = othersThan(await members.serving());
  await killed(victim);
});

test("the leader is killed", async () => {
  await killed(await members.serving());
});

test("two of five are killed at once, the leader among them", async () => {
  const leader = await members.serving();
  const [other = 0] = othersThan(leader);
  await Promise.all([leader, other].map((id) => members.signal(id, "SIGKILL")));
  await members.serving(othersThan(leader, other));
  await goOn();
  members.start(leader);
  members.start(other);
  await members.serving();
});

test("the leader is stopped until another leads, and goes on", async () => {
  const leader = await members.serving();
  await members.signal(leader, "SIGSTOP");
  await members.serving(othersThan(leader));
  await goOn();
  await members.signal(leader, "SIGCONT");
  await members.serving();
});

test("the leader is cut off with one follower: the others elect another", async () => {
  const leader = await members.serving();
  const [companion = 0, ...majority] = othersThan(leader);
  for (const id of majority) {
    members.tap.cut(leader, id);
    members.tap.cut(companion, id);
  }
  const next = await members.serving(majority);
  assert.ok(majority.includes(next));
  await goOn();
  await members.until("both to serve nobody", async () => {
    const modes = await Promise.all([leader, companion].map((id) => members.mode(id)));
    return modes.every((mode) => mode === undefined) ? true : undefined;
  });
  members.tap.heal();
  await members.serving();
});

test("nothing that the leader says arrives, though it hears everybody", async () => {
  const leader = await members.serving();
  for (const id of othersThan(leader)) members.tap.stall(leader, id);
  const next = await members.serving(othersThan(leader));
  assert.is.not(next, leader);
  await goOn();
  members.tap.heal();
  await members.serving();
});

test("the leader is deaf to two of its followers, who find their way back", async () => {
  const leader = await members.serving();
  const [one = 0, two = 0, ...others] = othersThan(leader);
  members.tap.stall(one, leader);
  members.tap.stall(two, leader);
  await members.until("a leader that has given up both", async () => {
    const figures = await members.ask(leader, "mntr");
    return figures.includes("zk_synced_followers\t2\n") ? true : undefined;
  });
  assert.is(await members.serving([leader, ...others]), leader);
  await goOn();
  members.tap.heal();
  await members.serving();
});

test("a follower is cut off from everybody, and comes back", async () => {
  const leader = await members.serving();
  const [victim = 0] = othersThan(leader);
  for (const id of othersThan(victim)) members.tap.cut(victim, id);
  await members.until("a follower that serves nobody", async () => {
    return (await members.mode(victim)) === undefined ? true : undefined;
  });
  await goOn();
  assert.is(await members.serving(othersThan(victim)), leader);
  members.tap.heal();
  await members.serving();
});

test(`${CALLS_MIN} calls and more on each znode have one order that explains them`, async () => {
  await members.until(`${CALLS_MIN} calls on each znode`, async () => {
    return (visitors?.callsOfEach ?? 0) >= CALLS_MIN ? true : undefined;
  });
  await visitors?.end();
  const { calls } = visitors?.history ?? { calls: [] };
  const clients = new Set(calls.map(({ client }) => client));
  assert.ok(clients.size > 4);
  assert.ok(calls.some(({ outcome }) => outcome.kind === "unknown"));
  assert.equal(checkRegisters(calls, PATHS), []);
});

test("all five have the same tree in the end", () => members.equal());

test.run();
