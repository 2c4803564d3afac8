/** Writes at every member of an ensemble, for tests of members of both kinds. */
import * as assert from "uvu/assert";
import { connect, PERMS, ZkError, type ZooKeeperClient } from "../../../client/mod.ts";
import { Random } from "../../../simulation/random.ts";
import type { Members } from "../ensemble/members.ts";

/** Syncs that a client sends in {@link writeEverywhere} without waiting. */
const SYNCS = 100;

/**
 * Each member takes writes, and numbers of sequential znodes are given out once. Many syncs at a
 * time are answered in their order, and what is read behind them shows what all have written.
 */
export async function writeEverywhere(members: Members): Promise<void> {
  const clients = await Promise.all(
    members.ids.map((id) => connect({ servers: members.address(id) })),
  );
  const root = `/everywhere-${clients[0]?.session.id.toString(16)}`;
  await clients[0]?.create(root, "");
  const names = await Promise.all(
    clients.map(async (client) => {
      await client.sync(root);
      return (await client.create(`${root}/s-`, "", { mode: "persistent-sequential" })).path;
    }),
  );
  assert.is(new Set(names).size, clients.length);
  for (const client of clients) {
    const answered: number[] = [];
    const syncs = Array.from({ length: SYNCS }, async (_, i) => {
      await client.sync(root);
      answered.push(i);
    });
    const { children } = await client.getChildren(root);
    await Promise.all(syncs);
    assert.equal(answered, [...answered.keys()]);
    assert.equal(children.map((name) => `${root}/${name}`).sort(), names.sort());
  }
  await Promise.all(clients.map((client) => client.close()));
}

/** What one member was told to protect all others protect too, by digest and by address. */
export async function protectEverywhere(members: Members): Promise<void> {
  for (const id of members.ids) {
    await using owner = await connect({ servers: members.address(id) });
    await owner.addAuth("digest", "owner:secret");
    const path = `/protected-${owner.session.id.toString(16)}`;
    const owners = { perms: PERMS.all, scheme: "auth", id: "" };
    const here = { perms: PERMS.read, scheme: "ip", id: "127.0.0.1" };
    await owner.create(path, "", { acl: [owners, here] });
    for (const other of members.ids) {
      await using client = await connect({ servers: members.address(other) });
      await client.sync(path);
      await client.getData(path); // By its address.
      assert.is(await refusalOf(client.setData(path, "")), "NoAuth", `at ${other}`);
      assert.is(await refusalOf(client.setAcl(path, [here])), "NoAuth", `at ${other}`);
      await client.addAuth("digest", "owner:secret");
      await client.setData(path, `${other}`);
      const acl = await client.setAcl(path, [owners, here]);
      assert.is(acl.aversion, other);
    }
    await owner.setAcl(path, [owners]);
    for (const other of members.ids) {
      await using client = await connect({ servers: members.address(other) });
      await client.sync(path);
      assert.is(await refusalOf(client.getData(path)), "NoAuth", `at ${other}`);
    }
  }
}

/** Writes of each client in {@link writeAtRandom}. */
const WRITES = 150;
/** Few, so that clients of all members meet, and refusals are common. */
const NAMES = ["a", "b", "c", "d"];

/**
 * A client at each member writes whatever there is, at random and at once: creates of all kinds,
 * deletes, data, access control lists, and multis that fail and that do not, below a quota; in the
 * end all sessions are closed, with what is ephemeral.
 */
export async function writeAtRandom(members: Members, seed: number): Promise<void> {
  const clients = await Promise.all(
    members.ids.map((id) => connect({ servers: members.address(id) })),
  );
  const [first] = clients as [ZooKeeperClient];
  const root = `/random-${first.session.id.toString(16)}`;
  const quota = `/zookeeper/quota${root}`;
  await first.multi([
    { type: "create", path: root },
    { type: "create", path: quota },
    { type: "create", path: `${quota}/zookeeper_limits`, data: "count=10000,bytes=100000" },
    { type: "create", path: `${quota}/zookeeper_stats`, data: "count=0,bytes=0" },
  ]);
  const done = new Set<string>();
  await Promise.all(
    clients.map(async (client, i) => {
      const random = new Random(seed).fork(`client ${i}`);
      await client.sync(root);
      for (let count = 0; count < WRITES; count++) {
        const refusal = await refusalOf(writeOne(client, root, random));
        done.add(refusal);
      }
    }),
  );
  for (const expected of ["none", "NoNode", "NodeExists", "BadVersion"]) {
    assert.ok(done.has(expected), `${expected} in ${[...done]}`);
  }
  await Promise.all(clients.map((client) => client.close()));
}

function writeOne(client: ZooKeeperClient, root: string, random: Random): Promise<unknown> {
  const path = `${root}/${random.pick(NAMES)}`;
  const data = "x".repeat(random.below(100));
  const version = random.below(3) - 1;
  switch (random.below(8)) {
    case 0:
      return client.create(path, data);
    case 1:
      return client.create(path, data, { mode: "ephemeral" });
    case 2:
      return client.create(`${path}/s-`, data, { mode: "persistent-sequential" });
    case 3:
      return client.create(path, data, { mode: "container" });
    case 4:
      return client.delete(path, { version });
    case 5:
      return client.setData(path, data, { version });
    case 6:
      return client.setAcl(path, [{ perms: random.below(31) + 1, scheme: "world", id: "anyone" }]);
    default:
      return client.multi([
        { type: "create", path: `${root}/m-`, data, mode: "ephemeral-sequential" },
        { type: "setData", path, data, version },
      ]);
  }
}

/** The code of a refusal, or `none`. */
function refusalOf(outcome: Promise<unknown>): Promise<string> {
  return outcome.then(
    () => "none",
    (error: unknown) => {
      if (!(error instanceof ZkError)) throw error;
      return error.kind;
    },
  );
}
