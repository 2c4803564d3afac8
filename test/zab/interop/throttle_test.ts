import { test } from "uvu";
import * as assert from "uvu/assert";
import { Ledger } from "../ensemble/ledger.ts";
import { Members } from "../ensemble/members.ts";
import type { Captured } from "../wiretap.ts";
import { requireApache } from "./installed.ts";

requireApache();

const properties = [
  "zookeeper.leader.maxConcurrentSnapSyncs=1",
  "zookeeper.forceSnapshotSync=true",
];
/** Nobody is given up for being held for a while. */
const settings = ["initLimit=120"];
const LEADER = 2;
const [FIRST, SECOND] = [3, 4];
const members = await Members.plan(
  [
    { kind: "apache", properties, settings },
    { kind: "apache", properties, settings },
    { kind: "zookit", role: "observer" },
    { kind: "zookit", role: "observer" },
  ],
  { isTapped: true },
);

test.after(() => members.discard());

test("a Zookit observer that a leader of Apache's sends away for later comes again", async () => {
  const { tap } = members;
  for (const id of [1, LEADER]) members.start(id);
  assert.is(await members.serving([1, LEADER]), LEADER);
  await using ledger = await Ledger.open(members.address(LEADER), "/voters");
  await ledger.write(150); // Digests are noted every 128 transactions.
  // The first holds the only place for a snapshot.
  tap.stallAt(LEADER, FIRST, "newLeader");
  const held = tap.next(({ type, to }) => type === "newLeader" && to === FIRST);
  members.start(FIRST);
  await held;
  const isTry = ({ type, from }: Captured): boolean => type === "ackEpoch" && from === SECOND;
  members.start(SECOND);
  for (let i = 0; i < 3; i++) await tap.next(isTry);
  assert.is(tap.lastSync(SECOND), undefined);
  tap.heal();
  assert.is(await members.serving(), LEADER);
  for (const id of [FIRST, SECOND]) {
    assert.is(await members.mode(id), "observer");
    assert.equal(tap.lastSync(id)?.type, "snap");
    await ledger.check(members.address(id));
  }
  await ledger.write(150);
  await members.equal();
  for (const id of members.ids) await ledger.check(members.address(id));
});

test("observers that are there are no quorum: without a voter nobody serves", async () => {
  await members.signal(1, "SIGKILL");
  await members.until("nobody who serves", async () => {
    const modes = await Promise.all([LEADER, FIRST, SECOND].map((id) => members.mode(id)));
    return modes.every((mode) => mode === undefined) || undefined;
  });
  members.start(1);
  await members.serving();
});

test.run();
