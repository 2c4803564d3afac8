/** What must be on disk before which packet leaves: the table in docs/zab.md, row by row. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { batch, LINK, LoneCore, TICK_MS, z } from "./lone_core.ts";
import { writeRequest } from "./node.ts";

test("LEADERINFO waits for the leader's own accepted epoch", () => {
  const lone = new LoneCore();
  lone.elect();
  lone.join(LINK, 2, 5);
  assert.equal(
    lone.take("store-epoch").map(({ which, epoch }) => [which, epoch]),
    [["accepted", 6]],
  );
  assert.equal(lone.sent(), []);
  lone.step({ kind: "epoch-stored", which: "accepted", epoch: 6 });
  assert.equal(lone.kinds(), ["leader-info"]);
});

test("ACKEPOCH waits for the learner's accepted epoch, and needs none that it had", () => {
  const lone = new LoneCore();
  lone.follow();
  lone.packet({ kind: "leader-info", epoch: 4, protocolVersion: 0x10000 });
  assert.equal(lone.sent(), []);
  lone.step({ kind: "epoch-stored", which: "accepted", epoch: 4 });
  assert.equal(lone.sent(), [{ kind: "ack-epoch", lastZxid: z(3, 2), currentEpoch: 3 }]);
  const again = new LoneCore({}, { acceptedEpoch: 4, currentEpoch: 3 });
  again.follow();
  again.packet({ kind: "leader-info", epoch: 4, protocolVersion: 0x10000 });
  assert.equal(again.sent(), [{ kind: "ack-epoch", lastZxid: z(3, 2), currentEpoch: -1 }]);
});

test("NEWLEADER waits for the leader's own current epoch (ZOOKEEPER-1653)", () => {
  const lone = new LoneCore();
  lone.elect();
  lone.join(LINK, 2);
  lone.step({ kind: "epoch-stored", which: "accepted", epoch: 4 });
  lone.effects = [];
  lone.packet({ kind: "ack-epoch", lastZxid: z(3, 2), currentEpoch: 3 });
  assert.equal(lone.sent(), []);
  assert.equal(
    lone.take("store-epoch").map(({ which }) => which),
    ["current"],
  );
  lone.step({ kind: "epoch-stored", which: "current", epoch: 4 });
  assert.equal(lone.kinds(), ["diff", "new-leader"]);
});

test("ACK of NEWLEADER waits for history, then epoch (3023, 3911, 4643, 4646, 4785)", () => {
  const lone = new LoneCore();
  lone.discover();
  lone.packet({ kind: "diff", zxid: z(3, 4) });
  lone.packet({ kind: "history", batch: batch(z(3, 3), z(3, 4)) });
  lone.packet({ kind: "new-leader", epoch: 4, membership: "" });
  assert.is(lone.take("append").length, 1);
  assert.equal(lone.take("store-epoch"), []);
  lone.step({ kind: "durable", zxid: z(3, 4) });
  assert.equal(
    lone.take("store-epoch").map(({ which }) => which),
    ["current"],
  );
  assert.equal(lone.sent(), []);
  lone.step({ kind: "epoch-stored", which: "current", epoch: 4 });
  assert.equal(lone.sent(), [{ kind: "acks", first: z(4, 0), last: z(4, 0) }]);
});

test("ACK of NEWLEADER after SNAP waits for tree, log and epoch in one step", () => {
  const lone = new LoneCore();
  lone.discover();
  lone.packet({ kind: "snap", zxid: z(3, 9) });
  assert.is(lone.take("receive-snapshot").length, 1);
  // These come while the stream is read.
  lone.packet({ kind: "history", batch: batch(z(3, 10)) });
  lone.packet({ kind: "proposals", batch: batch(z(4, 1)) });
  lone.packet({ kind: "new-leader", epoch: 4, membership: "" });
  assert.equal(
    lone.effects.filter(({ kind }) => kind !== "note"),
    [],
  );
  lone.step({ kind: "snapshot-received", ok: true });
  assert.equal(
    lone.delivered().map(({ zxid }) => zxid),
    [z(3, 10)],
  );
  assert.equal(
    lone.take("install").map(({ epoch }) => epoch),
    [4],
  );
  assert.equal(lone.take("append"), []);
  assert.equal(lone.sent(), []);
  lone.step({ kind: "installed", members: "" });
  assert.equal(lone.sent(), [{ kind: "acks", first: z(4, 0), last: z(4, 0) }]);
  // What is not committed yet is kept, logged and acknowledged (ZOOKEEPER-4394).
  assert.equal(
    lone.take("append").map(({ batch: { firstZxid } }) => firstZxid),
    [z(4, 1)],
  );
  lone.step({ kind: "durable", zxid: z(4, 1) });
  assert.equal(lone.sent(), [{ kind: "acks", first: z(4, 1), last: z(4, 1) }]);
});

test("ACK of a proposal waits for its record, and for that of NEWLEADER (4685)", () => {
  const lone = new LoneCore();
  lone.discover();
  lone.packet({ kind: "diff", zxid: z(3, 2) });
  lone.packet({ kind: "proposals", batch: batch(z(4, 1), z(4, 2)) });
  lone.packet({ kind: "new-leader", epoch: 4, membership: "" });
  lone.step({ kind: "durable", zxid: z(4, 2) });
  assert.equal(lone.sent(), []);
  lone.step({ kind: "epoch-stored", which: "current", epoch: 4 });
  assert.equal(lone.sent(), [
    { kind: "acks", first: z(4, 0), last: z(4, 0) },
    { kind: "acks", first: z(4, 1), last: z(4, 2) },
  ]);
  lone.packet({ kind: "up-to-date" });
  lone.sent();
  lone.packet({ kind: "proposals", batch: batch(z(4, 3)) });
  assert.equal(lone.sent(), []);
  lone.step({ kind: "durable", zxid: z(4, 3) });
  assert.equal(lone.sent(), [{ kind: "acks", first: z(4, 3), last: z(4, 3) }]);
});

test("the leader's own log counts towards a commit only as far as it is on disk", () => {
  const lone = new LoneCore();
  lone.reign();
  lone.write(1);
  assert.equal(lone.kinds(), ["proposals"]);
  lone.packet({ kind: "acks", first: z(4, 1), last: z(4, 1) });
  assert.equal(lone.delivered(), []);
  lone.step({ kind: "durable", zxid: z(4, 1) });
  assert.equal(lone.sent(), [{ kind: "commits", first: z(4, 1), last: z(4, 1) }]);
  assert.is(lone.delivered().length, 1);
});

test("a vote waits until the log of the former role is on disk (2845, 4541, 4712)", () => {
  const lone = new LoneCore();
  lone.serve();
  lone.packet({ kind: "proposals", batch: batch(z(4, 1)) });
  lone.step({ kind: "closed", link: LINK });
  assert.equal(
    lone.take("status").map(({ status }) => status.serving),
    ["none"],
  );
  assert.equal(lone.take("notify"), []);
  lone.pass(10 * TICK_MS);
  assert.equal(lone.take("notify"), []);
  lone.step({ kind: "durable", zxid: z(4, 1) });
  assert.equal(
    lone.take("notify").map(({ vote }) => vote.zxid),
    [z(4, 1), z(4, 1)],
  );
  assert.equal(lone.delivered(), []);
});

test("a vote after a snapshot that did not become whole waits for the old tree (3642)", () => {
  const lone = new LoneCore();
  lone.discover();
  lone.packet({ kind: "snap", zxid: z(3, 9) });
  lone.step({ kind: "closed", link: LINK });
  lone.step({ kind: "snapshot-received", ok: false });
  assert.is(lone.take("reload").length, 1);
  lone.pass(TICK_MS);
  assert.equal(lone.take("notify"), []);
  lone.step({ kind: "reloaded" });
  assert.equal(lone.take("notify")[0]?.vote.zxid, z(3, 2));
});

test("the client's answer, a delivery, waits for the commit", () => {
  const lone = new LoneCore();
  lone.serve();
  lone.step(writeRequest(5));
  assert.equal(lone.kinds(), ["request"]);
  lone.packet({ kind: "proposals", batch: batch(z(4, 1)) });
  lone.step({ kind: "durable", zxid: z(4, 1) });
  assert.equal(lone.delivered(), []);
  lone.packet({ kind: "commits", first: z(4, 1), last: z(4, 1) });
  assert.is(lone.delivered().length, 1);
});

test.run();
