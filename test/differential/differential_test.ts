import { test } from "uvu";
import * as assert from "uvu/assert";
import { Campaign } from "./campaign.ts";
import {
  HITS_MIN,
  missedCells,
  ONLY_HERE,
  REACHABLE,
  REACHABLE_BY_DEFAULTS,
  REACHABLE_BY_LOGINS,
  REACHABLE_BY_RECONFIG,
  REACHABLE_BY_STRANGERS,
} from "./cells.ts";
import { directedPrograms, INVITED, LOGINS, MEMBERS, STRANGERS, WITHOUT_TTL } from "./directed.ts";
import { programsOfLogins } from "./generator.ts";
import { reapingPrograms } from "./reaping.ts";
import type { ServerKind } from "./servers.ts";
import { coverageTable } from "./transcript.ts";

/**
 * `DIFFERENTIAL_SERVERS` (default `apache,zookit`), `DIFFERENTIAL_OPS` (default 10000) and
 * `DIFFERENTIAL_SEED` (default 1) choose what is compared; seeds count up from the first one, so
 * that a run that was stopped goes on with the seed that it named last.
 */
const [FIRST = "apache", SECOND = "zookit"] = (
  process.env.DIFFERENTIAL_SERVERS ?? "apache,zookit"
).split(",") as ServerKind[];
const OPS_MIN = Number(process.env.DIFFERENTIAL_OPS ?? 10_000);
const FIRST_SEED = Number(process.env.DIFFERENTIAL_SEED ?? 1);
/** Of all operations, those with the servers' defaults: no TTL nodes, no enforced quotas. */
const SHARE_BY_DEFAULTS = 0.1;
const SHARE_OF_LOGINS = 0.1;
const SHARE_OF_RECONFIG = 0.05;
/** These wait for the server's own looks at its nodes. */
const SHARE_OF_REAPING = 0.05;

const everything = new Campaign([FIRST, SECOND], "everything");
const defaults = new Campaign([FIRST, SECOND], "defaults");
const reconfig = new Campaign([FIRST, SECOND], "reconfig");
const logins = new Campaign([FIRST, SECOND], "logins");
const reaping = new Campaign([FIRST, SECOND], "reaping");
const enforced = new Campaign([FIRST, SECOND], "enforced");
const campaigns = [everything, defaults, reconfig, logins, reaping, enforced];

test.after(async () => {
  for (const campaign of campaigns) await campaign.end();
});

function report(campaign: Campaign): void {
  console.log(`${FIRST}/${SECOND}: ${campaign.ops} operations`);
  console.log(coverageTable(...campaign.coverage));
  for (const [name, count] of campaign.allowed) console.log(`allowed ${name}: ${count} times`);
  const [digests, lines] = [campaign.digests.join("/"), campaign.hashLines.join("/")];
  console.log(`digests compared with the rule: ${digests} in the logs, ${lines} lines of hash`);
}

test("both answer alike, with TTL nodes and enforced quotas", async () => {
  for (const program of directedPrograms()) await everything.repeat(program, HITS_MIN);
  const seed = await everything.explore(FIRST_SEED, OPS_MIN * (1 - SHARE_BY_DEFAULTS));
  await everything.end();
  report(everything);
  console.log(`seeds ${FIRST_SEED} to ${seed - 1}`);
  assert.is(everything.failures.length, 0, "see the differences above");
});

test("both answer alike with the settings that servers have by default", async () => {
  await defaults.repeat(WITHOUT_TTL, HITS_MIN);
  await defaults.repeat(MEMBERS, HITS_MIN);
  await defaults.explore(FIRST_SEED, OPS_MIN * SHARE_BY_DEFAULTS);
  await defaults.end();
  report(defaults);
  assert.is(defaults.failures.length, 0, "see the differences above");
});

test("both have no members to change, whether clients may or not", async () => {
  await reconfig.repeat(MEMBERS, HITS_MIN);
  await reconfig.explore(FIRST_SEED, OPS_MIN * SHARE_OF_RECONFIG);
  await reconfig.end();
  report(reconfig);
  assert.is(reconfig.failures.length, 0, "see the differences above");
});

test("both know who logs in by SASL or certificate, and what is theirs", async () => {
  await logins.repeat(LOGINS, 1);
  await logins.explore(FIRST_SEED, OPS_MIN * SHARE_OF_LOGINS, programsOfLogins());
  await logins.end();
  report(logins);
  assert.is(logins.failures.length, 0, "see the differences above");
});

test("both remove empty containers and nodes past their time, and no others", async () => {
  await reaping.explore(FIRST_SEED, OPS_MIN * SHARE_OF_REAPING, reapingPrograms());
  await reaping.end();
  report(reaping);
  assert.is(reaping.failures.length, 0, "see the differences above");
});

test("both do nothing for who must log in and has not", async () => {
  // Twice as often, so that the word `hash` has something to tell.
  await enforced.repeat(STRANGERS, 2 * HITS_MIN);
  await enforced.repeat(INVITED, 2 * HITS_MIN);
  await enforced.end();
  report(enforced);
  assert.is(enforced.failures.length, 0, "see the differences above");
});

test("every code that a request can be answered with was reached often enough on both", () => {
  assert.equal(missedCells(REACHABLE, everything.coverage), []);
  assert.equal(missedCells(REACHABLE_BY_DEFAULTS, defaults.coverage), []);
  assert.equal(missedCells(REACHABLE_BY_RECONFIG, reconfig.coverage), []);
  assert.equal(missedCells(REACHABLE_BY_LOGINS, logins.coverage), []);
  assert.equal(missedCells(REACHABLE_BY_STRANGERS, enforced.coverage), []);
});

test("what only later releases than 3.8.0 answer was reached here", () => {
  for (const { cell, because } of ONLY_HERE) {
    assert.ok((everything.coverage[1].get(cell) ?? 0) >= HITS_MIN, `${cell}, ${because}`);
  }
});

test("each server told digests, and each of them was by the rule", () => {
  for (const campaign of campaigns) {
    for (const count of campaign.digests) assert.ok(count > campaign.ops / 20, `${count} digests`);
    for (const count of campaign.hashLines) assert.ok(count > 0, `${count} lines of hash`);
  }
});

test.run();
