import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../../client/mod.ts";
import { CliSession } from "../../interop/cli_session.ts";
import { Ledger, patiently } from "../ensemble/ledger.ts";
import { Members } from "../ensemble/members.ts";
import {
  change,
  founder,
  joiner,
  knownAs,
  lineOf,
  SUPER,
  superuser,
} from "../ensemble/reconfigured.ts";
import { requireApache } from "./installed.ts";

requireApache();

/** Three servers of Apache's make the ensemble; the others come later. */
const APACHES = [1, 2, 3];
const ZOOKIT = 4;
const LATE = 5;
const members = await Members.plan([
  ...APACHES.map(() => founder("apache", ["standaloneEnabled=false"])),
  joiner("zookit", ["standaloneEnabled=false"]),
  joiner("apache", ["standaloneEnabled=false"]),
]);
test.after(async () => {
  isOver = true;
  await ledger.close();
  await writing;
  await members.discard();
});
for (const id of APACHES) members.start(id);
await members.serving(APACHES);
const ledger = await Ledger.open(members.address(), "/changing");
let isOver = false;
/** Of the three that began, those that are still there. */
let remaining = APACHES;
const writing = (async () => {
  while (!isOver) await ledger.write(1);
})();

/** Adds a member by python3-kazoo, at another one. @returns the members as it was told them. */
async function kazooAdds(id: number, at: number): Promise<string> {
  const script = join(import.meta.dirname, "kazoo_reconfig.py");
  const args = ["-B", script, members.address(at), lineOf(members, id)];
  const { stdout } = await promisify(execFile)("/usr/bin/python3", args);
  return stdout;
}

/** `/zookeeper/config` at a member. */
async function configAt(id: number): Promise<string> {
  await using client = await connect({ servers: members.address(id), timeoutMs: 10_000 });
  const { data } = await patiently(async () => {
    await client.sync("/zookeeper/config");
    return client.getData("/zookeeper/config");
  });
  return new TextDecoder().decode(data ?? undefined);
}

/**
 * All have the same members: in the tree, and in files of the same name and content. What is left
 * of the `zoo.cfg` is the same too, but for what is each server's own.
 */
async function agree(ids: readonly number[]): Promise<void> {
  const [text = "", ...others] = await Promise.all(ids.map(configAt));
  for (const other of others) assert.is(other, text);
  const version = /^version=(.*)$/m.exec(text)?.[1] ?? "";
  const lines = text.split("\n").filter((line) => !line.startsWith("version="));
  for (const id of ids) {
    const files = members.configuration(id);
    assert.is(files.get(`zoo.cfg.dynamic.${version}`), lines.sort().join("\n"), `at ${id}`);
    assert.is(files.has("zoo.cfg.dynamic.next"), false, `at ${id}`);
    assert.ok(files.has("zoo.cfg.bak"));
    const config = files.get("zoo.cfg") ?? "";
    assert.match(config, new RegExp(`^dynamicConfigFile=.*zoo\\.cfg\\.dynamic\\.${version}$`, "m"));
    assert.not.match(config, /^(server\.|version|peerType)/m);
    const isNamed = new RegExp(`^server\\.${id}=.*;`, "m").test(text);
    assert.is(/^clientPort/m.test(config), !isNamed, `${config} at ${id}`);
  }
}

test("kazoo adds a Zookit server to three of Apache's: same text, same files", async () => {
  await knownAs(members, APACHES, { voters: APACHES });
  members.start(ZOOKIT);
  const all = [...APACHES, ZOOKIT];
  await members.serving(all);
  const told = await kazooAdds(ZOOKIT, 1);
  await knownAs(members, all, { voters: all });
  assert.is(await configAt(ZOOKIT), told);
  await agree(all);
});

test("zkCli.sh makes it an observer, and removes it", async () => {
  const cli = await CliSession.open({
    command: "/usr/share/zookeeper/bin/zkCli.sh",
    args: ["-server", members.address(1)],
    debianPackage: "zookeeper",
    ready: /WatchedEvent state:SyncConnected/,
  });
  try {
    await cli.run(`addauth digest ${SUPER}`);
    cli.send(`reconfig -add ${lineOf(members, ZOOKIT, "observer")}`);
    const all = [...APACHES, ZOOKIT];
    await members.until("an observer", async () => {
      return (await members.mode(ZOOKIT)) === "observer" || undefined;
    });
    await knownAs(members, all, { voters: APACHES, observers: [ZOOKIT] });
    await agree(all);
    assert.match(await cli.run(`reconfig -remove ${ZOOKIT}`), /^Committed new configuration:$/m);
  } finally {
    await cli.kill();
  }
  await knownAs(members, APACHES, { voters: APACHES });
  await agree(APACHES);
});

test("a leader of Apache's leaves, and the Zookit server leads in its place", async () => {
  const leader = await members.serving(APACHES);
  const rest = APACHES.filter((id) => id !== leader);
  await using client = await superuser(members, ...rest);
  const observing = rest.map((id) => lineOf(members, id, "observer"));
  const next = [lineOf(members, ZOOKIT), ...observing];
  await change(members, client, { members: next });
  const ids = [...rest, ZOOKIT];
  assert.is(await members.serving(ids), ZOOKIT);
  await members.signal(leader, "SIGTERM");
  remaining = rest;
  await knownAs(members, ids, { voters: [ZOOKIT], observers: rest });
  assert.is(await members.serving(ids), ZOOKIT);
  await agree(ids);
});

test("servers of Apache's join one of Zookit's that leads", async () => {
  const rest = remaining;
  members.start(LATE);
  const ids = [...rest, ZOOKIT, LATE];
  await members.serving(ids);
  let voters = [ZOOKIT];
  for (const id of [LATE, ...rest]) {
    await kazooAdds(id, ZOOKIT); // One by one: observers are no quorum.
    voters = [...voters, id].sort();
    const observers = rest.filter((other) => !voters.includes(other));
    await knownAs(members, ids, { voters, observers });
    assert.is(await members.serving(ids), ZOOKIT);
  }
  await agree(ids);
});

test("a Zookit leader leaves, and a server of Apache's leads; nothing is lost", async () => {
  const ids = [...remaining, LATE];
  await using client = await superuser(members, ...ids);
  await change(members, client, { leaving: [ZOOKIT] });
  await knownAs(members, ids, { voters: ids });
  const leader = await members.serving([...ids, ZOOKIT]);
  assert.ok(ids.includes(leader), `${leader} leads`);
  await agree(ids);
  isOver = true;
  await writing;
  await ledger.write(150); // Digests are noted every 128 transactions.
  await members.equal([...ids, ZOOKIT]);
  for (const id of [...ids, ZOOKIT]) await ledger.check(members.address(id));
});

test.run();
