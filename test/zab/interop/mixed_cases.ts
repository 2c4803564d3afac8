import { test } from "uvu";
import type { Kind } from "../ensemble/members.ts";
import { Mixed } from "./mixed.ts";
import { moveSession, stealSession } from "./sessions.ts";
import { protectEverywhere, writeAtRandom, writeEverywhere } from "./writes.ts";

/**
 * The cases for two members of one kind, 1 and 2, and one of the other, 3. Each begins where the
 * one before has ended.
 */
export async function mixedCases(pair: Kind, single: Kind): Promise<Mixed> {
  const mixed = await Mixed.begin(pair, single);
  test.after(() => mixed.end());

  test("the single one leads: a new member of the other kind gets SNAP, as captured", async () => {
    await mixed.joins(2, 3);
    await mixed.agrees();
  });

  test("the single one leads: a member that was killed catches up by DIFF", async () => {
    await mixed.isAway(1, 3);
    await mixed.agrees();
  });

  test("the other kind leads next, and takes away by TRUNC what nobody else had", async () => {
    await mixed.losesItsLast(3, 2);
    await mixed.agrees();
  });

  test("the other kind leads: the single one was killed and catches up by DIFF", async () => {
    await mixed.isAway(3, 2);
    await mixed.agrees();
  });

  test("the other kind leads: the single one is killed at points of its joining", async () => {
    await mixed.diesBefore("newLeader", 3, 2);
    await mixed.diesBefore("upToDate", 3, 2);
    await mixed.agrees();
  });

  test("the other kind leads: the single one comes with an empty disk and gets SNAP", async () => {
    await mixed.losesItsFiles(3, 2);
    await mixed.agrees();
  });

  test("the other kind leads: the single one is stopped for longer than syncLimit", async () => {
    await mixed.isStopped(3, 2);
    await mixed.agrees();
  });

  test("the other kind leads: whatever is written anywhere, digests and ACLs agree", async () => {
    await writeAtRandom(mixed.members, 1);
    await protectEverywhere(mixed.members);
    await mixed.agrees();
  });

  test("the single one leads again, and takes from its former leader by TRUNC", async () => {
    await mixed.losesItsLast(2, 3);
    await mixed.agrees();
  });

  test("leaders of both kinds die with what only one of the other kind has: it stays", async () => {
    await mixed.handsDownItsLast(3, 2);
    await mixed.handsDownItsLast(2, 3);
    await mixed.agrees();
  });

  test("sessions go from one kind to the other and back, with ephemeral znodes", async () => {
    await moveSession(mixed.members, [1, 3, 2, 3]);
    await stealSession(mixed.members, 1, 3);
    await stealSession(mixed.members, 3, 1);
    await mixed.agrees();
  });

  test("members of both kinds take writes", async () => {
    await writeEverywhere(mixed.members);
    await writeAtRandom(mixed.members, 2);
    await protectEverywhere(mixed.members);
    await mixed.agrees();
  });

  return mixed;
}
