import { test } from "uvu";
import * as assert from "uvu/assert";
import { Ledger } from "../ensemble/ledger.ts";
import { Members } from "../ensemble/members.ts";
import { requireApache } from "./installed.ts";

requireApache();

const ZOOKIT = 1;
const JAVA = [2, 3];
const members = await Members.plan([{ kind: "zookit" }, { kind: "apache" }, { kind: "apache" }]);

test.after(() => members.discard());

/** How the Zookit server caught up the last time. */
function lastSync(): string | undefined {
  return [...members.log(ZOOKIT).matchAll(/"mode":"(DIFF|TRUNC|SNAP)"/g)].at(-1)?.[1];
}

test("Zookit joins a running ensemble of Apache's servers by a snapshot", async () => {
  for (const id of JAVA) members.start(id);
  await members.serving(JAVA);
  const ledger = await Ledger.open(members.address(JAVA[0]), "/before");
  await ledger.write(600); // More than a leader keeps in memory.
  members.start(ZOOKIT);
  await members.serving();
  assert.is(lastSync(), "SNAP");
  assert.is(await members.mode(ZOOKIT), "follower");
  await ledger.check(members.address(ZOOKIT));
  await ledger.write(200); // Digests are noted every 128 transactions.
  await members.equal();
  await ledger.close();
});

test("clients of the Zookit follower write through Apache's leader", async () => {
  const ledger = await Ledger.open(members.address(ZOOKIT), "/through-zookit");
  await ledger.write(200);
  for (const id of members.ids) await ledger.check(members.address(id));
  await members.equal();
  await ledger.close();
});

test("a Zookit follower that was killed catches up by a difference", async () => {
  const ledger = await Ledger.open(members.address(), "/zookit-killed");
  await ledger.write(20);
  await members.signal(ZOOKIT, "SIGKILL");
  await ledger.write(100);
  members.start(ZOOKIT);
  await members.serving();
  assert.is(lastSync(), "DIFF");
  await ledger.write(20);
  await members.equal();
  await ledger.check(members.address(ZOOKIT));
  await ledger.close();
});

test("when Apache's leader is killed, one Java and one Zookit server go on", async () => {
  const leader = await members.serving();
  assert.is.not(leader, ZOOKIT);
  const ledger = await Ledger.open(members.address(), "/java-killed");
  await ledger.write(50);
  const killed = members.signal(leader, "SIGKILL");
  await ledger.write(50);
  await killed;
  await members.serving(members.ids.filter((id) => id !== leader));
  members.start(leader);
  await members.serving();
  await ledger.write(20);
  await members.equal();
  for (const id of members.ids) await ledger.check(members.address(id));
  await ledger.close();
});

test.run();
