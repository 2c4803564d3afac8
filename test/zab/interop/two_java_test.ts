import { test } from "uvu";
import { requireApache } from "./installed.ts";
import { Mixed } from "./mixed.ts";

requireApache();

const mixed = await Mixed.begin("apache", "zookit");

test.after(() => mixed.end());

test("Zookit leads: a member of Apache joins by SNAP, as captured", async () => {
  await mixed.joins(2, 3);
  await mixed.agrees();
});

test("Zookit leads: a member of Apache that was killed catches up by DIFF", async () => {
  await mixed.isAway(1, 3);
  await mixed.agrees();
});

test("Apache leads next, and takes from Zookit what nobody else had by TRUNC", async () => {
  await mixed.losesItsLast(3, 2);
  await mixed.agrees();
});

test("Apache leads: Zookit catches up by DIFF after a short while", async () => {
  await mixed.isAway(3, 2);
  await mixed.agrees();
});

test("Apache leads: Zookit comes back on an empty disk and gets SNAP", async () => {
  await mixed.losesItsFiles(3, 2);
  await mixed.agrees();
});

test("Zookit leads again, and takes from Apache what nobody else had by TRUNC", async () => {
  await mixed.losesItsLast(2, 3);
  await mixed.agrees();
});

test.run();
