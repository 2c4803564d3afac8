/** Rules of a learner that keep known errors out, one by one. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SessionId } from "../../../core/wire/session_id.ts";
import { batch, LINK, LoneCore, TICK_MS, z } from "./lone_core.ts";

const ANN = new SessionId(0x0100_0000, 1);

test("DIFF moves nothing; what is applied is what was delivered (ZOOKEEPER-2355)", () => {
  const lone = new LoneCore();
  lone.discover();
  lone.packet({ kind: "diff", zxid: z(3, 9) });
  assert.equal(lone.delivered(), []);
  lone.packet({ kind: "history", batch: batch(z(3, 3)) });
  assert.equal(lone.delivered(), []); // Not before UPTODATE: no quorum may have it yet.
});

test("a gap in the proposals ends the leader's reign over this learner (ZOOKEEPER-558)", () => {
  const lone = new LoneCore();
  lone.serve();
  lone.packet({ kind: "proposals", batch: batch(z(4, 1)) });
  lone.packet({ kind: "proposals", batch: batch(z(4, 3)) });
  assert.is(lone.take("append").length, 1);
  assert.match(lone.take("close")[0]?.reason ?? "", /does not follow/);
});

test("what is proposed twice is logged once", () => {
  const lone = new LoneCore();
  lone.serve();
  lone.packet({ kind: "proposals", batch: batch(z(4, 1)) });
  lone.packet({ kind: "proposals", batch: batch(z(4, 1), z(4, 2)) });
  assert.equal(
    lone.take("append").map(({ batch: b }) => b.firstZxid),
    [z(4, 1), z(4, 2)],
  );
  assert.equal(lone.take("close"), []);
});

test("a commit of what was never proposed ends the reign as well", () => {
  const lone = new LoneCore();
  lone.serve();
  lone.packet({ kind: "commits", first: z(4, 1), last: z(4, 1) });
  assert.match(lone.take("close")[0]?.reason ?? "", /not in the log/);
});

test("TRUNC cuts the log before anything that follows is logged", () => {
  const lone = new LoneCore();
  lone.discover();
  lone.packet({ kind: "trunc", zxid: z(3, 1) });
  lone.packet({ kind: "proposals", batch: batch(z(4, 1)) });
  assert.equal(lone.take("truncate"), [{ kind: "truncate", through: z(3, 1), reload: true }]);
  assert.equal(lone.take("append"), []);
  lone.step({ kind: "truncated", ok: true });
  assert.is(lone.take("append").length, 1);
});

test("a log that cannot be cut is kept, and a snapshot asked for (ZOOKEEPER-1549)", () => {
  const lone = new LoneCore();
  lone.discover();
  lone.packet({ kind: "trunc", zxid: z(3, 1) });
  lone.step({ kind: "truncated", ok: false });
  assert.is(lone.take("close").length, 1);
  lone.pass(TICK_MS);
  assert.equal(lone.take("notify")[0]?.vote.zxid, z(3, 2));
  const round = { round: 2 };
  lone.vote(2, 3, round);
  lone.vote(3, 3, round);
  lone.step({ kind: "dialled", sid: 3, link: LINK + 1 });
  lone.packet({ kind: "leader-info", epoch: 4, protocolVersion: 0x10000 }, LINK + 1);
  const [, ack] = lone.sent(LINK + 1);
  assert.equal(ack, { kind: "ack-epoch", lastZxid: 0, currentEpoch: -1 });
});

test("an epoch below the promised one is refused", () => {
  const lone = new LoneCore({}, { acceptedEpoch: 9, currentEpoch: 3 });
  lone.follow();
  lone.packet({ kind: "leader-info", epoch: 8, protocolVersion: 0x10000 });
  assert.match(lone.take("close")[0]?.reason ?? "", /epoch 8 is refused/);
});

test("a log that ends above the stored epoch raises it before the first vote (1653, 2307)", () => {
  const lone = new LoneCore({}, { acceptedEpoch: 2, currentEpoch: 2 });
  assert.equal(lone.take("notify"), []);
  assert.equal(
    lone.take("store-epoch").map(({ which, epoch }) => [which, epoch]),
    [
      ["accepted", 3],
      ["current", 3],
    ],
  );
  lone.step({ kind: "epoch-stored", which: "accepted", epoch: 3 });
  lone.step({ kind: "epoch-stored", which: "current", epoch: 3 });
  assert.equal(lone.take("notify")[0]?.vote.peerEpoch, 3);
});

test("a learner that settled tells the new epoch, with its vote's zxid and round (1732)", () => {
  const lone = new LoneCore();
  lone.serve();
  lone.vote(2, 2);
  const [told] = lone.take("notify");
  const { state, leader, peerEpoch, zxid } = told!.vote;
  assert.equal([state, leader, peerEpoch, zxid], ["following", 3, 4, z(3, 2)]);
});

test("a leader that is silent for syncLimit ticks is given up", () => {
  const lone = new LoneCore();
  lone.serve();
  lone.pass(5 * TICK_MS - 1);
  assert.equal(lone.take("close"), []);
  lone.pass(1);
  assert.is(lone.take("close").length, 1);
});

test("a leader that cannot be reached is given up after ten attempts", () => {
  const lone = new LoneCore();
  lone.vote(2, 3);
  lone.vote(3, 3);
  let dials = 0;
  while (lone.take("dial").length > 0) {
    dials += 1;
    lone.step({ kind: "dialled", sid: 3, link: undefined });
    lone.pass(Math.min(100, lone.core.nextTickMs - lone.nowMs));
  }
  assert.is(dials, 10);
  assert.ok(lone.nowMs >= 500 && lone.nowMs < 10 * TICK_MS, `${lone.nowMs} ms`);
});

test("PING is echoed with the sessions that were heard of, once", () => {
  const lone = new LoneCore();
  lone.serve();
  lone.core.touch(ANN, 4000, lone.nowMs);
  lone.packet({ kind: "ping", zxid: z(4, 0), touched: undefined });
  lone.packet({ kind: "ping", zxid: z(4, 0), touched: undefined });
  const touched = lone.sent().map((packet) => packet.kind === "ping" && packet.touched?.length);
  assert.equal(touched, [1, 0]);
});

test("newer members that the leader names are taken over with UPTODATE, if allowed (2819)", () => {
  for (const reconfigEnabled of [true, false]) {
    const lone = new LoneCore({ reconfigEnabled });
    const membership = `${lone.core.membership.replace("version=0", "version=400000000")}`;
    lone.discover();
    lone.packet({ kind: "diff", zxid: z(3, 2) });
    lone.packet({ kind: "new-leader", epoch: 4, membership });
    lone.step({ kind: "epoch-stored", which: "current", epoch: 4 });
    assert.match(lone.core.membership, /version=0$/);
    lone.packet({ kind: "up-to-date" });
    assert.is(lone.core.membership === membership, reconfigEnabled);
  }
});

test("an observer logs and applies INFORM, and acknowledges no proposal", () => {
  const lone = new LoneCore({ serverId: 4 });
  const settled = { peerEpoch: 4, round: 3 };
  lone.vote(3, 3, { ...settled, state: "leading" });
  lone.vote(2, 3, { ...settled, state: "following" });
  lone.step({ kind: "dialled", sid: 3, link: LINK });
  assert.equal(lone.kinds(), ["observer-info"]);
  lone.packet({ kind: "leader-info", epoch: 4, protocolVersion: 0x10000 });
  lone.step({ kind: "epoch-stored", which: "accepted", epoch: 4 });
  lone.packet({ kind: "diff", zxid: z(3, 2) });
  lone.packet({ kind: "new-leader", epoch: 4, membership: "" });
  lone.step({ kind: "epoch-stored", which: "current", epoch: 4 });
  lone.packet({ kind: "up-to-date" });
  lone.sent();
  lone.packet({ kind: "informs", batch: batch(z(4, 1)) });
  lone.step({ kind: "durable", zxid: z(4, 1) });
  assert.is(lone.delivered().length, 1);
  assert.equal(lone.sent(), []);
  assert.is(lone.core.status.role, "observer");
});

test.run();
