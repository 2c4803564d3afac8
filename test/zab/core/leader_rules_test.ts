/** Rules of a leader that keep known errors out, one by one. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { SessionId } from "../../../core/wire/session_id.ts";
import { COUNTER_MAX } from "../../../core/wire/zxid.ts";
import type { QuorumPacket } from "../../../plugins/zab/messages.ts";
import { LINK, LoneCore, TICK_MS, z } from "./lone_core.ts";
import { writeRequest } from "./node.ts";

const ANN = new SessionId(0x0100_0000, 1);

function request(opcode: number, session = ANN, body = new Uint8Array(8)): QuorumPacket {
  const bodyEnd = body.length;
  const parts = { session, cxid: 1, opcode, bytes: body, bodyStart: 0, bodyEnd, ids: [] };
  return { kind: "request", request: parts };
}

/** Types of the transactions proposed on a link. */
function proposedTypes(lone: LoneCore): number[] {
  lone.step({ kind: "flush" });
  return lone.sent().flatMap((packet) => {
    if (packet.kind !== "proposals") return [];
    const { bytes } = packet.batch;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return Array.from({ length: packet.batch.count }, (_, index) => view.getInt32(index * 36 + 32));
  });
}

test("NEWLEADER stands behind the snapshot and all that follows it (ZOOKEEPER-3104)", () => {
  const lone = new LoneCore();
  lone.reign();
  lone.write(1);
  lone.join(LINK + 1, 3);
  lone.effects = [];
  lone.packet({ kind: "ack-epoch", lastZxid: 0, currentEpoch: 0 }, LINK + 1);
  const order = lone.effects.map((effect) =>
    effect.kind === "send" ? effect.packet.kind : effect.kind,
  );
  assert.equal(order, ["note", "send-snapshot", "proposals", "new-leader"]);
  // From that moment on it is part of the live stream.
  lone.effects = [];
  lone.write(2);
  assert.equal(lone.kinds(LINK + 1), ["proposals"]);
});

test("a learner within the window is served all of it, however it came to be logged (4925)", () => {
  const lone = new LoneCore();
  lone.reign();
  for (let cxid = 1; cxid <= 3; cxid++) lone.write(cxid);
  lone.step({ kind: "durable", zxid: z(4, 3) });
  lone.packet({ kind: "acks", first: z(4, 1), last: z(4, 2) });
  lone.join(LINK + 1, 3);
  lone.sent(LINK + 1);
  lone.packet({ kind: "ack-epoch", lastZxid: z(3, 1), currentEpoch: 3 }, LINK + 1);
  const zxids = lone.sent(LINK + 1).flatMap((packet): (string | number)[] => {
    if (packet.kind === "diff") return [packet.zxid];
    if (packet.kind !== "history" && packet.kind !== "proposals") return [packet.kind];
    return [packet.kind, packet.batch.firstZxid, packet.batch.lastZxid];
  });
  assert.equal(zxids, [
    z(4, 2),
    "history",
    z(3, 2),
    z(3, 2),
    "history",
    z(4, 1),
    z(4, 1),
    "history",
    z(4, 2),
    z(4, 2),
    "proposals",
    z(4, 3),
    z(4, 3),
    "new-leader",
  ]);
});

test("commits wait for UPTODATE: before it they end a link of Apache's (ZOOKEEPER-4394)", () => {
  const lone = new LoneCore();
  lone.reign();
  const late = LINK + 1;
  lone.write(1);
  lone.join(late, 3);
  lone.packet({ kind: "ack-epoch", lastZxid: z(3, 2), currentEpoch: 3 }, late);
  assert.is(lone.kinds(late).at(-1), "new-leader");
  lone.effects = [];
  for (const counter of [1, 2, 3]) {
    if (counter > 1) lone.write(counter);
    lone.step({ kind: "durable", zxid: z(4, counter) });
    lone.packet({ kind: "acks", first: z(4, counter), last: z(4, counter) });
  }
  assert.equal(lone.kinds(late), ["proposals", "proposals"]);
  lone.packet({ kind: "acks", first: z(4, 0), last: z(4, 0) }, late);
  const [upToDate, commits, ...more] = lone.sent(late);
  assert.is(upToDate?.kind, "up-to-date");
  assert.equal(commits, { kind: "commits", first: z(4, 1), last: z(4, 3) });
  assert.equal(more, []);
});

test("an ACK of proposals before that of NEWLEADER is no ACK of NEWLEADER (ZOOKEEPER-4685)", () => {
  const lone = new LoneCore();
  lone.lead();
  lone.effects = [];
  lone.packet({ kind: "acks", first: z(3, 2), last: z(3, 2) });
  assert.equal(lone.take("lead"), []);
  lone.packet({ kind: "acks", first: z(4, 0), last: z(4, 0) });
  assert.is(lone.take("lead").length, 1);
});

test("a voter with more of the history ends a leadership that has no quorum yet", () => {
  const lone = new LoneCore();
  lone.elect();
  lone.join(LINK, 2);
  lone.step({ kind: "epoch-stored", which: "accepted", epoch: 4 });
  lone.packet({ kind: "ack-epoch", lastZxid: z(3, 3), currentEpoch: 3 });
  assert.match(lone.take("close")[0]?.reason ?? "", /server 2 has more/);
});

test("what only a server without weight has ends no leadership, and is cut", () => {
  const lines = [1, 2, 3].map((sid) => `server.${sid}=h:1:2:participant`);
  const weights = ["group.1=1:2:3", "weight.3=0"];
  const lone = new LoneCore({ membership: [...lines, ...weights].join("\n") });
  lone.elect();
  const light = LINK + 1;
  lone.join(LINK, 2);
  lone.join(light, 3);
  lone.step({ kind: "epoch-stored", which: "accepted", epoch: 4 });
  lone.packet({ kind: "ack-epoch", lastZxid: z(3, 3), currentEpoch: 3 }, light);
  assert.equal(lone.take("close"), []);
  lone.effects = [];
  lone.packet({ kind: "ack-epoch", lastZxid: z(3, 2), currentEpoch: 3 });
  lone.step({ kind: "epoch-stored", which: "current", epoch: 4 });
  assert.equal(lone.sent(light)[0], { kind: "trunc", zxid: z(3, 2) });
});

test("a leader that nobody came to gives up when a voter looks for another", () => {
  const lone = new LoneCore();
  lone.elect();
  lone.vote(2, 2, { round: 2 });
  lone.pass(TICK_MS);
  assert.is(lone.take("unlisten").length, 1);
  const other = new LoneCore();
  other.elect();
  other.vote(2, 2, { round: 2 });
  other.join(LINK, 2);
  other.pass(TICK_MS);
  assert.equal(other.take("unlisten"), []);
});

test("a voter that promised a later epoch and stays shut out gets a new one", () => {
  const lone = new LoneCore();
  lone.reign();
  const until = lone.nowMs + 10 * TICK_MS;
  for (let link = 50; lone.nowMs < until; link++) {
    assert.is(lone.core.status.role, "leader");
    lone.join(link, 3, 9);
    assert.equal(lone.kinds(link), ["leader-info"]);
    lone.step({ kind: "closed", link }); // It refuses epoch 4.
    lone.pass(TICK_MS / 2);
    lone.packet({ kind: "ping", zxid: 0, touched: [] });
  }
  assert.is(lone.core.status.role, "looking");
  lone.effects = [];
  lone.vote(2, 1, { round: 2, peerEpoch: 4 });
  lone.pass(200);
  lone.step({ kind: "listening", ok: true });
  lone.join(90, 2, 4);
  assert.equal(
    lone.take("store-epoch").map(({ epoch }) => epoch),
    [10],
  );
});

test("the new epoch is above all that members have promised; strangers cannot raise it", () => {
  const lone = new LoneCore();
  lone.elect();
  lone.join(LINK + 2, 99, 1000);
  lone.join(LINK + 1, 4, 30);
  lone.join(LINK, 2, 20);
  assert.equal(
    lone.take("store-epoch").map(({ epoch }) => epoch),
    [31],
  );
});

test("a stranger that claims to be the leader, or speaks no packet of a learner, is closed", () => {
  const lone = new LoneCore();
  lone.reign();
  lone.join(90, 1);
  lone.packet({ kind: "ping", zxid: 0, touched: undefined }, 91);
  assert.equal(
    lone.take("close").map(({ link }) => link),
    [90, 91],
  );
});

test("members that only files name get the first leader's epoch as their version (1783)", () => {
  const versionOf = (reconfigEnabled: boolean): string | undefined => {
    const lone = new LoneCore({ reconfigEnabled });
    lone.lead();
    const last = lone.sent().at(-1);
    return last?.kind === "new-leader" ? last.membership.split("\n").at(-1) : undefined;
  };
  assert.is(versionOf(true), "version=400000000");
  assert.is(versionOf(false), "version=0");
});

test("a second learner with the same id waits, and is closed once the first is heard", () => {
  const lone = new LoneCore();
  lone.reign();
  lone.join(90, 2);
  assert.equal(lone.sent(90), []);
  lone.packet({ kind: "ping", zxid: 0, touched: [] });
  assert.equal(
    lone.take("close").map(({ link }) => link),
    [90],
  );
  lone.join(91, 2);
  lone.pass(TICK_MS);
  assert.equal(lone.take("close").map(({ link }) => link)[0], LINK);
});

test("a leader without a quorum of learners steps down at once", () => {
  const lone = new LoneCore();
  lone.reign();
  lone.step({ kind: "closed", link: LINK });
  assert.equal(
    lone.take("status").map(({ status }) => status.serving),
    ["none"],
  );
  assert.equal(
    lone.effects.some(({ kind }) => kind === "unlead"),
    true,
  );
});

test("a learner that is silent for syncLimit ticks is given up", () => {
  const lone = new LoneCore();
  lone.reign();
  for (let count = 0; count < 9; count++) lone.pass(TICK_MS / 2);
  assert.equal(lone.take("close"), []);
  for (let count = 0; count < 2; count++) lone.pass(TICK_MS / 2);
  assert.ok(lone.take("close").length > 0);
});

test("a session that has moved is refused where it came from; ending it is not", () => {
  const lone = new LoneCore();
  lone.reign();
  const body = new Uint8Array([0, 0, 0x10, 0]);
  lone.packet(request(OPCODES.createSession, ANN, body));
  lone.packet(request(OPCODES.setData));
  lone.step({ kind: "revalidate", session: ANN, timeoutMs: 4000 });
  lone.packet(request(OPCODES.setData));
  lone.packet(request(OPCODES.closeSession));
  const { createSession, setData, closeSession } = OPCODES;
  assert.equal(proposedTypes(lone), [createSession, setData, -1, closeSession]);
});

test("revalidating tells whether the session lives", () => {
  const lone = new LoneCore();
  lone.reign();
  lone.packet({ kind: "revalidate", session: ANN, timeoutMs: 4000 });
  lone.packet(request(OPCODES.createSession, ANN, new Uint8Array([0, 0, 0x10, 0])));
  lone.packet({ kind: "revalidate", session: ANN, timeoutMs: 4000 });
  const alive = lone.sent().map((packet) => packet.kind === "revalidated" && packet.alive);
  assert.equal(alive, [false, true]);
});

test("a session that nobody hears of is closed by the leader", () => {
  const lone = new LoneCore();
  lone.reign();
  lone.packet(request(OPCODES.createSession, ANN, new Uint8Array([0, 0, 1, 0]))); // 256 ms
  for (let count = 0; count < 8; count++) {
    lone.pass(TICK_MS / 2);
    lone.packet({ kind: "ping", zxid: 0, touched: [] });
    lone.packet({ kind: "acks", first: z(4, 1), last: z(4, 2) });
  }
  const { createSession, closeSession } = OPCODES;
  assert.equal(proposedTypes(lone), [createSession, closeSession]);
});

test("a check that stands alone is refused (PP 2)", () => {
  const lone = new LoneCore();
  lone.reign();
  lone.packet(request(OPCODES.check));
  assert.equal(proposedTypes(lone), [-1]);
});

test("a sync is answered behind what was asked before it, and before what was asked later", () => {
  const lone = new LoneCore();
  lone.reign();
  lone.step({ kind: "sync", session: ANN });
  assert.equal(lone.take("synced"), []); // Never from within the call.
  lone.step(writeRequest(1));
  lone.packet(request(OPCODES.sync));
  lone.step({ kind: "sync", session: ANN });
  lone.step(writeRequest(2));
  lone.step({ kind: "flush" });
  assert.equal(lone.kinds(), ["proposals", "ping"]);
  lone.step({ kind: "durable", zxid: z(4, 2) });
  lone.effects = [];
  lone.packet({ kind: "acks", first: z(4, 1), last: z(4, 2) });
  assert.equal(lone.kinds(), ["commits", "sync", "commits"]);
  assert.equal(
    lone.effects.map((effect) => (effect.kind === "synced" ? effect.count : effect.kind)),
    [1, "deliver", 1, "deliver"],
  );
});

test("a sync is answered only after a quorum was heard of that still follows", () => {
  const lone = new LoneCore();
  lone.reign();
  lone.pass(TICK_MS / 2);
  assert.equal(lone.kinds(), ["ping"]);
  lone.packet(request(OPCODES.sync));
  lone.step({ kind: "flush" });
  lone.step({ kind: "sync", session: ANN });
  lone.step({ kind: "flush" });
  assert.equal(lone.kinds(), ["ping", "ping"]);
  const pong = (): void => lone.packet({ kind: "ping", zxid: 0, touched: [] });
  pong(); // This one was asked for before the syncs.
  assert.equal(lone.kinds(), []);
  pong();
  assert.equal(lone.kinds(), ["sync"]);
  assert.equal(lone.take("synced"), []);
  pong();
  assert.is(lone.take("synced")[0]?.count, 1);
});

test("a leader whose counter is used up steps down, and the last zxid is never used (1277)", () => {
  const lone = new LoneCore({ initialCounter: COUNTER_MAX - 2 });
  lone.reign();
  lone.write(1);
  assert.equal(
    lone.take("append").map(({ batch: b }) => b.lastZxid),
    [z(4, COUNTER_MAX - 1)],
  );
  assert.equal(lone.take("close"), []);
  lone.write(2);
  assert.equal(lone.take("append"), []);
  assert.match(lone.take("close")[0]?.reason ?? "", /no zxid left/);
});

test("with a long backlog a leader commits only what is on its own disk", () => {
  const lone = new LoneCore();
  lone.reign();
  lone.join(LINK + 1, 3);
  lone.packet({ kind: "ack-epoch", lastZxid: z(3, 2), currentEpoch: 3 }, LINK + 1);
  lone.packet({ kind: "acks", first: z(4, 0), last: z(4, 0) }, LINK + 1);
  lone.write(1);
  lone.write(2);
  lone.step({ kind: "backlog", isLong: true });
  for (const link of [LINK, LINK + 1]) {
    lone.packet({ kind: "acks", first: z(4, 1), last: z(4, 2) }, link);
  }
  assert.equal(lone.delivered(), []);
  lone.step({ kind: "durable", zxid: z(4, 1) });
  assert.is(lone.delivered().length, 1);
  lone.step({ kind: "backlog", isLong: false });
  assert.is(lone.delivered().length, 1);
});

test("a leader whose disk does not answer under a long backlog makes way for others", () => {
  const lone = new LoneCore();
  lone.reign();
  lone.write(1);
  lone.step({ kind: "backlog", isLong: true });
  const stays = (): boolean => {
    lone.packet({ kind: "ping", zxid: 0, touched: [] });
    lone.pass(TICK_MS / 2);
    return lone.core.status.role === "leader";
  };
  for (let half = 0; half < 8; half++) assert.ok(stays());
  lone.step({ kind: "durable", zxid: z(4, 1) });
  for (let half = 0; half < 9; half++) assert.ok(stays());
  for (let half = 0; half < 2; half++) stays();
  assert.is(lone.core.status.role, "looking");
});

test.run();
