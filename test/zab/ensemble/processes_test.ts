import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../../client/mod.ts";
import { Ledger } from "./ledger.ts";
import { Members } from "./members.ts";

const SIZE = Number(process.env.ZOOKIT_ENSEMBLE_SIZE ?? 3);
const members = await Members.plan(Array.from({ length: SIZE }, () => ({ kind: "zookit" })));

test.after(() => members.discard());

function othersThan(id: number): number[] {
  return members.ids.filter((other) => other !== id);
}

test("servers elect a leader, and each takes writes that all others show", async () => {
  members.startAll();
  await members.serving();
  const clients = await Promise.all(
    members.ids.map((id) => connect({ servers: members.address(id) })),
  );
  for (const [i, client] of clients.entries()) await client.create(`/by-${i}`, `${i}`);
  for (const client of clients) {
    await client.sync("/");
    const { children } = await client.getChildren("/");
    for (const i of clients.keys()) assert.ok(children.includes(`by-${i}`));
  }
  await Promise.all(clients.map((client) => client.close()));
});

test("a follower that is killed catches up, and nothing acknowledged is lost", async () => {
  const leader = await members.serving();
  const [victim = 0] = othersThan(leader);
  const ledger = await Ledger.open(members.address(), "/follower-killed");
  await ledger.write(100);
  await members.signal(victim, "SIGKILL");
  await ledger.write(200);
  members.start(victim);
  await members.serving();
  await ledger.write(50);
  await members.equal();
  for (const id of members.ids) await ledger.check(members.address(id));
  await ledger.close();
});

test("a leader that is killed is replaced, and nothing acknowledged is lost", async () => {
  const leader = await members.serving();
  const ledger = await Ledger.open(members.address(), "/leader-killed");
  await ledger.write(100);
  const killed = members.signal(leader, "SIGKILL");
  await ledger.write(200);
  await killed;
  const next = await members.serving(othersThan(leader));
  assert.is.not(next, leader);
  members.start(leader);
  await members.serving();
  await ledger.write(50);
  await members.equal();
  for (const id of members.ids) await ledger.check(members.address(id));
  await ledger.close();
});

test("a leader that is stopped for long finds itself replaced when it goes on", async () => {
  const leader = await members.serving();
  const ledger = await Ledger.open(members.address(), "/leader-paused");
  await members.signal(leader, "SIGSTOP");
  await members.serving(othersThan(leader));
  const others = othersThan(leader)
    .map((id) => members.address(id))
    .join(",");
  const meanwhile = await Ledger.open(others, "/meanwhile");
  await meanwhile.write(50);
  await members.signal(leader, "SIGCONT");
  await ledger.write(50);
  await members.serving();
  await members.equal();
  for (const id of members.ids) {
    await ledger.check(members.address(id));
    await meanwhile.check(members.address(id));
  }
  await Promise.all([ledger.close(), meanwhile.close()]);
});

test("all servers are killed at once, and serve the same tree again", async () => {
  const ledger = await Ledger.open(members.address(), "/all-killed");
  await ledger.write(200);
  await Promise.all(members.ids.map((id) => members.signal(id, "SIGKILL")));
  members.startAll();
  await members.serving();
  await ledger.write(20);
  await members.equal();
  for (const id of members.ids) await ledger.check(members.address(id));
  await ledger.close();
});

test.run();
