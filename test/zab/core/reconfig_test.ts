/** Changing the members: what is refused, who must agree, what comes into force when. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Membership } from "../../../plugins/zab/core/membership.ts";
import { membersAfter, type ReconfigRequest } from "../../../plugins/zab/core/reconfig.ts";
import { Cluster, memberLine } from "./cluster.ts";
import { LINK, LoneCore, TICK_MS, z } from "./lone_core.ts";
import { batchOf, reconfigRequest, writeRequest } from "./node.ts";

const PRESENT = Membership.parse(
  ["server.1=a:1:2;3", "server.2=b:1:2;b:3", "server.3=c:1:2:observer", "version=7"].join("\n"),
);
const NOTHING: ReconfigRequest = { joining: null, leaving: null, members: null, from: -1 };

function change(request: Partial<ReconfigRequest>, present = PRESENT, votersMin = 2): string[] {
  const next = membersAfter(present, { ...NOTHING, ...request }, { version: 0x20, votersMin });
  return next.toString().split("\n");
}

test("members come and go one by one, and are written as Apache writes them", () => {
  const joining = "server.4 = [::4]:1:2:observer;[::4]:3;9, server.3=c:1:2:participant;;4";
  assert.equal(change({ joining, leaving: "1,9", from: 7 }), [
    "server.2=b:1:2:participant;b:3",
    "server.3=c:1:2:participant;;0.0.0.0:4",
    "server.4=[::4]:1:2:observer;[::4]:3;0.0.0.0:9",
    "version=20",
  ]);
});

test("members are replaced as a whole, with commas or line feeds between", () => {
  const members = "server.5=e:1:2,server.6=f:1:2\nweight.5=2\nweight.6=1\ngroup.1=5:6";
  assert.equal(change({ members }), [
    "server.5=e:1:2:participant",
    "server.6=f:1:2:participant",
    "group.1=5:6",
    "weight.5=2",
    "weight.6=1",
    "version=20",
  ]);
});

test("what cannot be members is refused", () => {
  const refused: [string, Partial<ReconfigRequest>][] = [
    ["BadVersion", { from: 6 }],
    ["BadArguments", { leaving: "1" }],
    ["BadArguments", { leaving: "one" }],
    ["BadArguments", { joining: "server.4=d:1:2" }],
    ["BadArguments", { joining: "server.4=d:1;3" }],
    ["BadArguments", { joining: "server.4=b:1:7;8" }],
    ["BadArguments", { joining: "server.4=d:1:2;b:3" }],
    ["BadArguments", { joining: "4=d:1:2;3" }],
    ["BadArguments", { members: "" }],
    ["BadArguments", { members: "server.5=e:1:2" }],
    ["BadArguments", { members: "server.5=e:1:2,colour=red" }],
  ];
  for (const [kind, request] of refused) {
    assert.throws(
      () => change(request),
      (error: { kind?: string }) => error.kind === kind,
      JSON.stringify(request),
    );
  }
  assert.is(change({ leaving: "1" }, PRESENT, 1).length, 3);
  const groups = Membership.parse("server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1:2");
  assert.throws(() => change({ leaving: "2" }, groups, 1), /as a whole/);
});

/** Server 1 leads 2 and 3; 4 observes, 5 and 6 follow without a vote. */
function leader(): LoneCore {
  const lone = new LoneCore({ reconfigEnabled: true });
  lone.reign();
  for (const sid of [3, 4, 5, 6]) {
    const link = LINK + sid - 2;
    lone.join(link, sid);
    lone.packet({ kind: "ack-epoch", lastZxid: z(3, 2), currentEpoch: 3 }, link);
    lone.packet({ kind: "acks", first: z(4, 0), last: z(4, 0) }, link);
  }
  lone.effects = [];
  return lone;
}

function linkOf(sid: number): number {
  return LINK + sid - 2;
}

function reconfigure(lone: LoneCore, ...sids: number[]): void {
  const members = sids.map((sid) => `server.${sid}=h:1:2`).join(",");
  lone.step(reconfigRequest(1, null, null, { members }));
  lone.step({ kind: "flush" });
}

function acks(lone: LoneCore, zxid: number, ...sids: number[]): void {
  if (sids.includes(1)) lone.step({ kind: "durable", zxid });
  for (const sid of sids.filter((one) => one !== 1)) {
    lone.packet({ kind: "acks", first: zxid, last: zxid }, linkOf(sid));
  }
}

test("new members need a quorum of the old and of the new, and so does all that follows", () => {
  for (const [first, last] of [
    [[1, 2, 3], 5],
    [[1, 5, 6], 2],
  ] as const) {
    const lone = leader();
    reconfigure(lone, 1, 5, 6);
    lone.write(2);
    acks(lone, z(4, 2), ...first);
    assert.equal(lone.delivered(), [], `${first} are not enough`);
    acks(lone, z(4, 2), last);
    assert.equal(
      lone.delivered().map(({ zxid }) => zxid),
      [z(4, 1), z(4, 2)],
    );
    assert.equal(lone.core.membership.match(/server\.\d/g), ["server.1", "server.5", "server.6"]);
  }
});

test("COMMITANDACTIVATE tells followers, INFORMANDACTIVATE observers, after all before", () => {
  const lone = leader();
  lone.write(1);
  reconfigure(lone, 1, 2, 3, 5);
  lone.sent(linkOf(2));
  lone.sent(linkOf(4));
  acks(lone, z(4, 2), 1, 2, 3);
  assert.equal(lone.sent(linkOf(2)), [
    { kind: "commits", first: z(4, 1), last: z(4, 1) },
    { kind: "commit-and-activate", zxid: z(4, 2), leader: 1 },
  ]);
  assert.equal(lone.kinds(linkOf(4)), ["informs", "inform-and-activate"]);
});

test("members are kept before their transaction is delivered, by leader and follower", () => {
  const order = (lone: LoneCore): string[] =>
    lone.effects.flatMap((effect) =>
      effect.kind === "membership" && !effect.isCommitted ? "pending" : effect.kind,
    );
  const lone = leader();
  reconfigure(lone, 1, 2, 3, 5);
  assert.ok(order(lone).indexOf("pending") < order(lone).indexOf("append"));
  lone.effects = [];
  acks(lone, z(4, 1), 1, 2, 3);
  assert.ok(order(lone).indexOf("membership") < order(lone).indexOf("deliver"));
  const follower = following();
  assert.ok(order(follower).indexOf("pending") < order(follower).indexOf("append"));
  follower.effects = [];
  follower.packet({ kind: "commit-and-activate", zxid: z(4, 1), leader: 3 });
  assert.equal(order(follower), ["membership", "deliver"]);
});

test("a second change has to wait, and new members without a quorum here are refused", () => {
  const lone = leader();
  lone.step(reconfigRequest(1, "3", null, { from: 99 }));
  reconfigure(lone, 1, 7, 8);
  lone.step(reconfigRequest(1, "3", null));
  lone.step(reconfigRequest(1, "2", null)); // Prepared in the same turn.
  assert.equal(lone.refusals, ["BadVersion", "NewConfigNoQuorum", "ReconfigInProgress"]);
  lone.step({ kind: "flush" });
  acks(lone, z(4, 4), 1, 2);
  reconfigure(lone, 1, 2, 3);
  assert.is(lone.refusals.length, 3);
  const disabled = new LoneCore();
  disabled.reign();
  reconfigure(disabled, 1, 2);
  assert.equal(disabled.refusals, ["ReconfigDisabled"]);
});

test("a leader that leaves names who has most, commits no more, and follows it", () => {
  const lone = leader();
  reconfigure(lone, 2, 5, 6);
  lone.write(2);
  lone.step({ kind: "durable", zxid: z(4, 2) });
  acks(lone, z(4, 2), 2);
  acks(lone, z(4, 1), 5);
  assert.equal(lone.sent(linkOf(6)).at(-1), {
    kind: "commit-and-activate",
    zxid: z(4, 1),
    leader: 2,
  });
  acks(lone, z(4, 2), 5, 6);
  lone.write(3);
  assert.equal(
    lone.delivered().map(({ zxid }) => zxid),
    [z(4, 1)],
  );
  for (const sid of [2, 3, 5]) lone.step({ kind: "closed", link: linkOf(sid) });
  assert.is(lone.take("unlisten").length, 1);
  assert.equal(
    lone.take("dial").map(({ sid }) => sid),
    [2],
  );
});

test("a leader that leaves does not wait for ever for those that do not go", () => {
  const lone = leader();
  reconfigure(lone, 2, 5, 6);
  acks(lone, z(4, 1), 1, 2, 5);
  lone.pass(TICK_MS);
  lone.pass(TICK_MS);
  assert.is(lone.take("unlisten").length, 1);
});

/** Server 1 follows 3 and has the transaction 4:1, which makes 1, 3 and 5 the members. */
function following(sids = [1, 3, 5], options = {}): LoneCore {
  const lone = new LoneCore({ reconfigEnabled: true, ...options });
  lone.serve();
  lone.packet({ kind: "proposals", batch: batchOf([reconfigTxn(z(4, 1), sids)]) });
  return lone;
}

function reconfigTxn(zxid: number, sids: readonly number[]): Parameters<typeof batchOf>[0][0] {
  const lines = sids.map((sid) => `server.${sid}=h:1:2:participant`);
  const members = [...lines, `version=${zxid.toString(16)}`].join("\n");
  return { zxid, cxid: 1, members };
}

test("a follower goes on with its leader, or at once to the one that is named", () => {
  const same = following();
  same.packet({ kind: "commit-and-activate", zxid: z(4, 1), leader: 3 });
  assert.equal(same.take("close"), []);
  assert.match(same.core.membership, /server\.5/);
  const other = following();
  other.step({ kind: "durable", zxid: z(4, 1) });
  other.packet({ kind: "commit-and-activate", zxid: z(4, 1), leader: 5 });
  assert.equal(
    other.take("dial").map(({ sid }) => sid),
    [5],
  );
  assert.equal(other.take("notify"), [], "no election");
  const heir = following();
  heir.step({ kind: "durable", zxid: z(4, 1) });
  heir.packet({ kind: "commit-and-activate", zxid: z(4, 1), leader: 1 });
  assert.is(heir.take("listen").length, 1);
});

test("an election is by both until the change is known to be committed, also after a crash", () => {
  const lone = new LoneCore({ reconfigEnabled: true }, undefined, [
    reconfigTxn(z(3, 3), [1, 5, 6]),
  ]);
  const best = { zxid: z(3, 3), peerEpoch: 3 };
  for (const sid of [2, 3]) lone.vote(sid, 1, best);
  lone.pass(200);
  assert.equal(lone.take("listen"), []);
  for (const sid of [5, 6]) lone.vote(sid, 1, best);
  lone.pass(200);
  assert.is(lone.take("listen").length, 1);
});

test("whose transaction is cut from the log is pending no more", () => {
  const lone = new LoneCore({ reconfigEnabled: true }, undefined, [
    reconfigTxn(z(3, 3), [1, 5, 6]),
  ]);
  lone.vote(2, 3, { state: "following" });
  lone.vote(3, 3, { state: "leading" });
  lone.discover();
  lone.packet({ kind: "trunc", zxid: z(3, 2) });
  lone.step({ kind: "truncated", ok: true });
  const kept = lone.take("membership").at(-1);
  assert.is(kept?.isCommitted, true);
  assert.not.match(kept?.text ?? "", /server\.5/);
});

test("who joins before the commit waits for it, whatever NEWLEADER names", () => {
  const lone = new LoneCore({ reconfigEnabled: true });
  lone.discover();
  const txn = reconfigTxn(z(4, 1), [1, 3, 5]);
  lone.packet({ kind: "diff", zxid: z(3, 2) });
  lone.packet({ kind: "proposals", batch: batchOf([txn]) });
  lone.packet({ kind: "new-leader", epoch: 4, membership: txn.members ?? "" });
  lone.step({ kind: "durable", zxid: z(4, 1) });
  lone.step({ kind: "epoch-stored", which: "current", epoch: 4 });
  lone.packet({ kind: "up-to-date" });
  assert.not.match(lone.core.membership, /server\.5/);
  lone.packet({ kind: "commit-and-activate", zxid: z(4, 1), leader: 3 });
  assert.match(lone.core.membership, /server\.5/);
});

test("a removed member that comes back hears it from who knows better, and has no vote", () => {
  const lone = new LoneCore({ reconfigEnabled: true });
  const { members = "" } = reconfigTxn(z(4, 9), [2, 3, 5]);
  lone.take("notify");
  lone.vote(2, 3, { state: "following", membership: members });
  assert.equal(lone.core.membership, members);
  const [vote] = lone.take("notify");
  assert.ok((vote?.vote.leader ?? 0) < 0);
  lone.vote(2, 3, { state: "following", membership: members });
  lone.vote(3, 3, { state: "leading", membership: members });
  assert.equal(
    lone.take("dial").map(({ sid }) => sid),
    [3],
  );
});

test("a removed member counts by its checkpoint's members too when its log tells of none", () => {
  const lone = new LoneCore({ reconfigEnabled: true });
  const { members = "" } = reconfigTxn(z(3, 1), [3, 5, 6]);
  lone.step({ kind: "recalled", members });
  const best = { zxid: z(3, 2), peerEpoch: 3 };
  for (const sid of [2, 3]) lone.vote(sid, 1, best);
  lone.pass(200);
  assert.equal(lone.take("listen"), [], "1, 2 and 3 alone are an ensemble no more");
  lone.vote(5, 1, best);
  lone.pass(200);
  assert.is(lone.take("listen").length, 1);
});

test("where the log or the leader has newer members, the former ones are in force", () => {
  const former = reconfigTxn(z(3, 3), [1, 3, 5]);
  const next = reconfigTxn(z(3, 4), [1, 5, 6]);
  const replayed = new LoneCore({ reconfigEnabled: true }, undefined, [former, next]);
  assert.is(replayed.core.membership, former.members);
  const given = new LoneCore({ reconfigEnabled: true });
  given.discover();
  given.packet({ kind: "snap", zxid: z(3, 9) });
  given.step({ kind: "snapshot-received", ok: true });
  given.packet({ kind: "new-leader", epoch: 4, membership: next.members ?? "" });
  given.step({ kind: "installed", members: former.members ?? "" });
  assert.is(given.core.membership, former.members);
});

test("members in a log that a snapshot replaces have not come into force for what follows", () => {
  const abandoned = reconfigTxn(z(3, 3), [1, 5, 6]);
  const lone = new LoneCore({ reconfigEnabled: true }, undefined, [abandoned]);
  const before = lone.core.membership;
  lone.vote(2, 3, { state: "following" });
  lone.vote(3, 3, { state: "leading" });
  lone.discover();
  lone.packet({ kind: "snap", zxid: z(3, 9) });
  lone.step({ kind: "snapshot-received", ok: true });
  const next = reconfigTxn(z(4, 1), [1, 3, 5]);
  lone.packet({ kind: "proposals", batch: batchOf([next]) });
  lone.packet({ kind: "new-leader", epoch: 4, membership: next.members ?? "" });
  lone.step({ kind: "installed", members: before });
  lone.step({ kind: "durable", zxid: z(4, 1) });
  lone.packet({ kind: "up-to-date" });
  assert.is(lone.core.membership, before);
  lone.packet({ kind: "commit-and-activate", zxid: z(4, 1), leader: 3 });
  assert.is(lone.core.membership, next.members);
});

test("who leads has forgotten the members that it had only heard of", () => {
  const lone = new LoneCore({ reconfigEnabled: true });
  const { members: pending = "" } = reconfigTxn(z(3, 1), [1, 2]);
  const best = { zxid: z(3, 2), peerEpoch: 3 };
  lone.vote(2, 1, { ...best, membership: lone.core.membership, pending });
  for (const sid of [2, 3]) lone.vote(sid, 1, { ...best, round: 2 });
  lone.pass(200);
  lone.reign();
  assert.is(lone.core.status.role, "leader");
  assert.match(lone.core.membership, /server\.3/);
});

test("servers join, take over and are removed while others write", () => {
  const cluster = new Cluster(3, 0, { reconfigEnabled: true, joiners: 3 });
  cluster.settle(2_000);
  const changes: [string | null, string | null][] = [
    [null, [4, 5, 6].map((sid) => memberLine(sid, "participant")).join(",")],
    ["1,2", memberLine(6, "observer")],
    ["3", null],
    [null, [1, 3].map((sid) => memberLine(sid, "participant")).join(",")],
  ];
  let cxid = 0;
  for (const [leaving, joining] of changes) {
    for (const node of cluster.nodes) node.step(writeRequest(++cxid), cluster.nowMs);
    const asked = cluster.node(4);
    asked.step(reconfigRequest(++cxid, leaving, joining), cluster.nowMs);
    for (const node of cluster.nodes) node.step(writeRequest(++cxid), cluster.nowMs);
    cluster.settle(2_000);
  }
  assert.is(cluster.history.filter(({ members }) => members !== undefined).length, changes.length);
  for (const node of cluster.nodes) {
    assert.ok(node.isServing, `${node.sid} serves`);
    assert.equal(node.core?.membership.match(/server\.\d/g)?.join(" "), MEMBERS_LAST);
  }
});

const MEMBERS_LAST = [1, 3, 4, 5, 6].map((sid) => `server.${sid}`).join(" ");

test.run();
