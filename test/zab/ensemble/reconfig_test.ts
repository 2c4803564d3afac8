import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../../client/mod.ts";
import { Ledger } from "./ledger.ts";
import { Members } from "./members.ts";
import { change, founder, joiner, knownAs, lineOf, superuser } from "./reconfigured.ts";

const members = await Members.plan([
  ...[1, 2, 3].map(() => founder("zookit")),
  joiner("zookit"),
  joiner("zookit"),
]);

/** A server notes the tree's digest once in so many transactions. */
const DIGEST_EVERY = 128;

test.after(() => members.discard());

test("members are shown, and changed only by who may", async () => {
  for (const id of [1, 2, 3]) members.start(id);
  await members.serving([1, 2, 3]);
  await knownAs(members, [1, 2, 3], { voters: [1, 2, 3] });
  await using client = await connect({ servers: members.address(1) });
  const { version, stat } = await client.getConfig();
  assert.ok(version > 0);
  assert.is(stat.version, -1);
  const kindOf = (error: { kind?: string }): string | undefined => error.kind;
  const refusal = (settings: Parameters<typeof client.reconfig>[0]) =>
    client.reconfig(settings).then(() => "none", kindOf);
  assert.is(await refusal({ leaving: [3], version }), "NoAuth");
  assert.is(await refusal({ leaving: [3], version: 1 }), "BadVersion");
  assert.is(await refusal({ leaving: [2, 3] }), "BadArguments");
  assert.is(
    await refusal({ members: [4, 5].map((id) => lineOf(members, id)) }),
    "NewConfigNoQuorum",
  );
});

test("an ensemble grows to five and shrinks under writes; its leader leaves", async () => {
  const leader = await members.serving([1, 2, 3]);
  await using ledger = await Ledger.open(members.address(), "/changing");
  const isOver = { yes: false };
  const writing = (async () => {
    while (!isOver.yes) await ledger.write(10);
    await ledger.write(DIGEST_EVERY); // However few there were before, all note a digest now.
  })();
  await using client = await superuser(members, 1, 2, 3);
  members.start(4);
  members.start(5);
  await members.serving();
  const joining = [4, 5].map((id) => lineOf(members, id));
  const grown = await client.reconfig({ joining });
  assert.is(grown.members.length, 5);
  assert.is(grown.version, grown.stat.mzxid);
  await knownAs(members, members.ids, { voters: [1, 2, 3, 4, 5] });
  await client.reconfig({ joining: [lineOf(members, 5, "observer")] });
  await members.until(
    "5 observes",
    async () => (await members.mode(5)) === "observer" || undefined,
  );
  await change(members, client, { joining: [lineOf(members, 5)], leaving: [leader] });
  const rest = members.ids.filter((id) => id !== leader);
  assert.is.not(await members.serving(rest), leader);
  await members.signal(leader, "SIGTERM");
  await using other = await superuser(members, ...rest);
  const gone = rest[0] as number;
  await change(members, other, { leaving: [gone] });
  isOver.yes = true;
  await writing;
  await knownAs(members, rest, { voters: rest.slice(1) });
  await members.equal(rest);
  for (const id of rest) await ledger.check(members.address(id));
});

test("members that were changed are those of the next start", async () => {
  const ids = [4, 5];
  await Promise.all(members.ids.map((id) => members.signal(id, "SIGKILL")));
  for (const id of ids) members.start(id);
  await members.until("two of three serve", async () => {
    const modes = await Promise.all(ids.map((id) => members.mode(id)));
    return modes.includes("leader") && modes.includes("follower") ? true : undefined;
  });
  await using client = await connect({ servers: members.address(4) });
  assert.is((await client.getConfig()).members.length, 3);
});

test.run();
