import { test } from "uvu";
import * as assert from "uvu/assert";
import { Ledger } from "../ensemble/ledger.ts";
import { type Kind, Members } from "../ensemble/members.ts";
import { founder, joiner, knownAs, lineOf, superuser } from "../ensemble/reconfigured.ts";
import { requireApache } from "./installed.ts";

requireApache();

/**
 * Who joins with the change. Apache's servers vote for whoever joins, but do not find it as their
 * leader before the change is committed: so it has the lowest id.
 */
const JOINER = 1;
/** Who leaves with it. */
const LEAVER = 2;
const STAYER = 3;
/** Who leads, and dies between the proposal of new members and its commit. */
const LEADER = 4;
const OLD = [LEAVER, STAYER, LEADER];
const NEXT = [JOINER, STAYER, LEADER];
/** Nobody is given up for being stopped for a moment. */
const PATIENCE = ["syncLimit=40", "initLimit=40"];

/** Three founders, of which one leads, and who is to join, which follows without a vote. */
async function begin(old: Kind, other: Kind): Promise<Members> {
  const founders = [founder(other, PATIENCE), founder(old, PATIENCE), founder(old, PATIENCE)];
  const members = await Members.plan([joiner(other, PATIENCE), ...founders]);
  for (const id of [STAYER, LEADER]) members.start(id);
  assert.is(await members.serving([STAYER, LEADER]), LEADER);
  for (const id of [JOINER, LEAVER]) members.start(id);
  assert.is(await members.serving(), LEADER);
  return members;
}

/**
 * Asks the leader for the next members while `stopped` can't answer, and kills it when the change
 * is in the logs of `holders`: too few to commit it.
 */
async function propose(
  members: Members,
  stopped: readonly number[],
  holders: readonly number[],
): Promise<void> {
  const client = await superuser(members, LEADER);
  for (const id of stopped) await members.signal(id, "SIGSTOP");
  const joining = [lineOf(members, JOINER)];
  const outcome = client.reconfig({ joining, leaving: [LEAVER] }).then(
    () => "done",
    (error: { readonly kind?: string }) => error.kind,
  );
  await members.until(`the change in the logs of ${holders}`, async () => {
    return holders.every((id) => members.hasOnDisk(id, joining[0] as string)) || undefined;
  });
  await members.signal(LEADER, "SIGKILL");
  await client.close();
  assert.is(await outcome, "ConnectionLoss");
}

/** All of these write and have the same tree in the end. */
async function goOn(members: Members, ids: readonly number[]): Promise<void> {
  await members.serving(ids);
  const servers = ids.map((id) => members.address(id)).join(",");
  await using ledger = await Ledger.open(servers, "/after");
  await ledger.write(150); // Digests are noted every 128 transactions.
  await members.equal(ids);
  for (const id of ids) await ledger.check(members.address(id));
}

const PAIRS = [
  ["apache", "zookit"],
  ["zookit", "apache"],
] as const;

for (const [old, other] of PAIRS) {
  test(`a leader of ${old} dies with a change that ${other} has too: it is done`, async () => {
    const members = await begin(old, other);
    try {
      // A quorum of the old members has it, and none of the next.
      await propose(members, [STAYER, JOINER], [LEADER, LEAVER]);
      for (const id of [STAYER, JOINER]) await members.signal(id, "SIGCONT");
      await members.serving([STAYER, JOINER]);
      await knownAs(members, [STAYER, JOINER], { voters: NEXT });
      members.start(LEADER);
      await goOn(members, NEXT);
      await knownAs(members, NEXT, { voters: NEXT });
    } finally {
      await members.discard();
    }
  });

  test(`a leader of ${old} dies with a change that nobody else has: it is gone`, async () => {
    const members = await begin(old, other);
    try {
      const others = [JOINER, LEAVER, STAYER];
      await propose(members, others, [LEADER]);
      // What was sent to them dies with them.
      for (const id of others) await members.signal(id, "SIGKILL");
      // One of Apache's that is no member yet has files that do not name it: it can't start.
      const back = other === "apache" ? [LEAVER, STAYER] : others;
      for (const id of back) members.start(id);
      await members.serving(back);
      await using ledger = await Ledger.open(members.address(STAYER), "/instead");
      await ledger.write(10);
      members.start(LEADER);
      const all = [...back, LEADER];
      await goOn(members, all);
      await knownAs(members, all, { voters: OLD });
      for (const id of all) await ledger.check(members.address(id));
    } finally {
      await members.discard();
    }
  });
}

test.run();
