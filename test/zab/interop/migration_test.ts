import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Kind, Members } from "../ensemble/members.ts";
import { requireApache } from "./installed.ts";
import { checkWritten, KazooWriter, longestGapMs, TypeScriptWriter } from "./load.ts";

requireApache();

/** The test of docs/migration.md: what is said there is done here. */
const members = await Members.plan([{ kind: "apache" }, { kind: "apache" }, { kind: "apache" }], {
  isTapped: true,
});
test.after(() => members.discard());
members.startAll();
await members.serving();
const writers = [
  KazooWriter.start(members.address(), "/kazoo"),
  await TypeScriptWriter.start(members.address(), "/typescript"),
];
/** The longest that nothing was acknowledged while Apache's servers were restarted. */
let restartGapMs = 0;
/** Taken again so often where the machine was busy with something else. */
const ATTEMPTS_MAX = 3;

/** A figure of `mntr`. */
async function figure(id: number, name: string): Promise<string | undefined> {
  const lines = (await members.ask(id, "mntr")).split("\n");
  return lines.map((line) => line.split("\t")).find(([key]) => key === name)?.[1];
}

/** Resolves once all members answer the same. */
async function agreeOn(
  what: string,
  ask: (id: number) => Promise<string | undefined>,
): Promise<void> {
  await members.until(`the same ${what} on all`, async () => {
    const [first, ...others] = await Promise.all(members.ids.map(ask));
    return first !== undefined && others.every((other) => other === first) ? first : undefined;
  });
}

/** Stops each member in turn, the leader last, and starts it on its files as what it is to be. */
async function replaceAll(kind: Kind): Promise<number> {
  const sinceMs = Date.now();
  const leader = await members.serving();
  for (const id of [...members.ids.filter((other) => other !== leader), leader]) {
    await members.signal(id, "SIGTERM");
    members.become(id, kind);
    members.start(id);
    await members.serving();
  }
  for (const { root, acknowledged } of writers) {
    assert.ok((acknowledged.at(-1)?.atMs ?? 0) > sinceMs, `${root} goes on`);
  }
  const gapMs = longestGapMs(writers, sinceMs);
  console.log(`all became ${kind}: ${Math.round(gapMs)} ms without an acknowledged write at most`);
  for (const id of members.ids) {
    await checkWritten(members.address(id), writers);
    assert.is(await members.mismatches(id), "0", `digests of ${id}`);
  }
  return gapMs;
}

/** That nobody waits much longer than for restarts of Apache's servers, done before if need be. */
async function replaceInTime(kind: Kind, former: Kind): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const gapMs = await replaceAll(kind);
    if (gapMs <= 2 * restartGapMs) return;
    assert.ok(attempt < ATTEMPTS_MAX, `${gapMs} ms, with Apache alone ${restartGapMs} ms`);
    await replaceAll(former);
  }
}

test("three servers of Apache are restarted one by one, for comparison", async () => {
  restartGapMs = await replaceAll("apache");
});

test("Zookit takes their places one by one, on their files, while clients write", async () => {
  await replaceInTime("zookit", "apache");
});

test("Apache takes its places back one by one, on Zookit's files", async () => {
  await replaceInTime("apache", "zookit");
});

test("a member is killed under load and goes on as the other kind, six times", async () => {
  const { tap } = members;
  for (const kind of ["zookit", "apache", "zookit", "apache", "zookit", "apache"] as const) {
    await members.signal(1, "SIGKILL");
    // What it has acknowledged is on its disk; what it has applied may be on those of others only.
    const acked = tap.packets.findLast(({ type, from }) => type === "ack" && from === 1)?.zxid ?? 0;
    members.become(1, kind);
    members.start(1);
    await members.serving();
    const said = tap.packets.findLast(({ type, from }) => type === "ackEpoch" && from === 1);
    const isThere = said !== undefined && said.zxid >= acked;
    assert.ok(isThere, `${kind} has ${said?.zxid.toString(16)} of ${acked.toString(16)}`);
  }
});

test("in the end trees and sessions are equal, and both clients have kept theirs", async () => {
  for (const id of members.ids) await checkWritten(members.address(id), writers);
  for (const name of ["zk_global_sessions", "zk_ephemerals_count", "zk_znode_count"]) {
    await agreeOn(name, (id) => figure(id, name));
  }
  assert.equal(await Promise.all(writers.map((writer) => writer.stop())), [true, true]);
  await agreeOn("zxid", async (id) => /^Zxid: .*$/m.exec(await members.ask(id, "srvr"))?.[0]);
  await agreeOn("digest", async (id) => (await members.ask(id, "hash")).trim().split("\n").at(-1));
  for (const id of members.ids) assert.is(await members.mismatches(id), "0", `digests of ${id}`);
});

test.run();
