import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkRegisters } from "../../../simulation/checkers/check_registers.ts";
import { Random } from "../../../simulation/random.ts";
import { Ledger } from "../ensemble/ledger.ts";
import { type Kind, Members } from "../ensemble/members.ts";
import { Visitors } from "../ensemble/visitors.ts";
import { requireApache } from "./installed.ts";
import { Lockers, locksLeft } from "./lockers.ts";
import { RandomFaults } from "./random_faults.ts";

requireApache();

/** For how long faults come, in both ensembles together. */
const SECONDS = Number(process.env["ZOOKIT_MIXED_FAULTS_SECONDS"] ?? 24);
const SEED = Number(process.env["ZOOKIT_MIXED_FAULTS_SEED"] ?? Date.now() % 100_000);
const VISITORS = 5;
const LOCKERS = 3;
/** Histories are judged by the piece: a judge's time and memory grow with its square. */
const PIECE_MS = 20_000;
const ENSEMBLES: readonly (readonly Kind[])[] = [
  ["apache", "apache", "zookit"],
  ["zookit", "zookit", "apache"],
];

/**
 * Faults for some time, while clients read and write; what they were told is judged. A sync counts
 * for nothing: a leader of Apache's that was away answers it before it notices, see
 * `stale_sync_test.ts`.
 */
async function piece(
  members: Members,
  faults: RandomFaults,
  { paths, ms }: { readonly paths: readonly string[]; readonly ms: number },
): Promise<{ calls: number; acknowledged: number }> {
  const visitors = await Visitors.begin(members.address(), paths, VISITORS);
  try {
    const endMs = Date.now() + ms;
    while (Date.now() < endMs) await faults.next();
    members.tap.heal();
    await members.serving();
    await visitors.end();
  } finally {
    visitors.abandon();
  }
  const { calls, acknowledged } = visitors.history;
  const judged = calls.filter(({ operation }) => operation.kind !== "sync");
  assert.equal(checkRegisters(judged, paths), []);
  return { calls: calls.length, acknowledged };
}

/** Nobody had the lock beside another or lost it; it can be had, and goes with who had it. */
async function unlock(members: Members, lockers: Lockers): Promise<void> {
  await lockers.end();
  await members.until("the ends of all who waited for the lock", async () => {
    return (await locksLeft(members.address())).length === 0 || undefined;
  });
  assert.equal(lockers.findings, []);
}

/** All have the same tree, and none found a digest that it did not expect. */
async function agree(members: Members): Promise<void> {
  const ledger = await Ledger.open(members.address(), "/end");
  await ledger.write(150); // Digests are noted every 128 transactions.
  await ledger.close();
  await members.until("equal digests", async () => {
    const answers = await Promise.all(members.ids.map((id) => members.ask(id, "hash")));
    const last = answers.map((answer) => answer.trim().split("\n").at(-1));
    return (last[0] !== "" && new Set(last).size === 1) || undefined;
  });
  for (const id of members.ids) {
    assert.is(await members.mismatches(id), "0", `digests of ${id}`);
    await ledger.check(members.address(id));
  }
}

for (const [index, kinds] of ENSEMBLES.entries()) {
  test(`${kinds.join(", ")}: faults at random, one order explains answers and locks`, async () => {
    const members = await Members.plan(
      kinds.map((kind) => ({ kind })),
      { isTapped: true },
    );
    const faults = new RandomFaults(members, new Random(SEED).fork(`ensemble ${index}`));
    let lockers: Lockers | undefined;
    try {
      members.startAll();
      await members.serving();
      lockers = await Lockers.begin(members.address(), LOCKERS);
      const endMs = Date.now() + (SECONDS * 1_000) / ENSEMBLES.length;
      const killed = new Set<Kind | undefined>();
      while (killed.size < 2) killed.add(kinds[(await faults.killLeader()) - 1]);
      let calls = 0;
      let acknowledged = 0;
      for (let count = 0; Date.now() < endMs; count++) {
        const paths = [`/a${count}`, `/b${count}`];
        const ms = Math.min(endMs - Date.now(), PIECE_MS);
        const judged = await piece(members, faults, { paths, ms });
        calls += judged.calls;
        acknowledged += judged.acknowledged;
      }
      await unlock(members, lockers);
      await agree(members);
      const judged = `${calls} calls, ${acknowledged} writes or syncs, ${lockers.turns} locks`;
      console.log(`${faults.done.length} faults, ${judged}`);
    } catch (error) {
      console.log(`seed ${SEED}, faults: ${faults.done.join("; ")}`);
      throw error;
    } finally {
      lockers?.abandon();
      members.tap.heal();
      await members.discard();
    }
  });
}

test.run();
