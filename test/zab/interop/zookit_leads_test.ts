import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../../client/mod.ts";
import { Ledger } from "../ensemble/ledger.ts";
import { Members } from "../ensemble/members.ts";
import { requireApache } from "./installed.ts";

requireApache();

const ZOOKIT = 3;
const JAVA = [1, 2];
const members = await Members.plan([{ kind: "apache" }, { kind: "apache" }, { kind: "zookit" }]);

test.after(() => members.discard());

/** How the Zookit leader brought a server up to date the last time. */
function lastSync(id: number): string | undefined {
  const lines = members.log(ZOOKIT).split("\n");
  const line = lines.findLast((text) => text.includes("learner synchronised") && isOf(text, id));
  return /"mode":"(\w+)"/.exec(line ?? "")?.[1];
}

function isOf(line: string, id: number): boolean {
  return new RegExp(`"peer":${id}\\b`).test(line);
}

test("Apache's server elects Zookit, and a second one joins by Zookit's snapshot", async () => {
  members.start(ZOOKIT);
  members.start(1);
  assert.is(await members.serving([1, ZOOKIT]), ZOOKIT);
  const ledger = await Ledger.open(members.address(ZOOKIT), "/before");
  await ledger.write(600);
  members.start(2);
  await members.serving();
  assert.is(lastSync(2), "SNAP");
  await ledger.write(200); // Digests are noted every 128 transactions.
  await members.equal();
  for (const id of members.ids) await ledger.check(members.address(id));
  await ledger.close();
});

test("writes through every server are answered, ephemerals go with their session", async () => {
  const clients = await Promise.all(
    members.ids.map((id) => connect({ servers: members.address(id) })),
  );
  for (const [i, client] of clients.entries()) {
    await client.create(`/e${i}`, "", { mode: "ephemeral" });
    await client.create("/s-", "", { mode: "persistent-sequential" });
  }
  const [first, ...others] = clients as [(typeof clients)[0], ...typeof clients];
  for (const client of others) await client.close();
  await first.sync("/");
  const { children } = await first.getChildren("/");
  const ephemerals = children.filter((name) => /^e\d$/.test(name));
  assert.equal(ephemerals, ["e0"]);
  assert.is(children.filter((name) => name.startsWith("s-")).length, clients.length);
  await first.close();
  await members.equal();
});

test("a Java follower that was killed catches up by Zookit's difference", async () => {
  const ledger = await Ledger.open(members.address(), "/java-killed");
  await ledger.write(20);
  await members.signal(1, "SIGKILL");
  await ledger.write(100);
  members.start(1);
  assert.is(await members.serving(), ZOOKIT);
  assert.is(lastSync(1), "DIFF");
  await members.equal();
  await ledger.check(members.address(1));
  await ledger.close();
});

test("a Java follower that was away for long is served from the log on disk", async () => {
  const client = await connect({ servers: members.address(ZOOKIT) });
  await client.create("/large", new Uint8Array(800_000)); // A snapshot is not cheaper.
  await client.close();
  const ledger = await Ledger.open(members.address(), "/java-away");
  await ledger.write(20);
  await members.signal(1, "SIGKILL");
  await ledger.write(700); // More than Zookit keeps in memory.
  members.start(1);
  assert.is(await members.serving(), ZOOKIT);
  assert.is(lastSync(1), "DIFF");
  await members.equal();
  await ledger.check(members.address(1));
  await ledger.close();
});

test("when the Zookit leader is killed Java goes on, and Zookit joins again", async () => {
  const ledger = await Ledger.open(members.address(), "/zookit-killed");
  await ledger.write(50);
  const killed = members.signal(ZOOKIT, "SIGKILL");
  await ledger.write(50);
  await killed;
  await members.serving(JAVA);
  members.start(ZOOKIT);
  const leader = await members.serving();
  assert.ok(JAVA.includes(leader));
  await ledger.write(20);
  await members.equal();
  for (const id of members.ids) await ledger.check(members.address(id));
  await ledger.close();
});

test.run();
