/** What a learner may have under way at its leader, and what comes of one that wants more. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import type { QuorumPacket } from "../../../plugins/zab/messages.ts";
import { LINK, LoneCore, TICK_MS, z } from "./lone_core.ts";
import { writeRequest } from "./node.ts";

const OBSERVER = LINK + 1;
/** More small writes than anybody without a vote may have under way, and than a voter may. */
const [MANY, FAR_TOO_MANY] = [10_000, 600_000];
const WRITE: QuorumPacket = { kind: "request", request: writeRequest(1).request };
const SYNC: QuorumPacket = {
  kind: "request",
  request: { ...writeRequest(1).request, opcode: OPCODES.sync },
};

/** A leader of server 2, and of server 4, which observes. */
function reigning(): LoneCore {
  const lone = new LoneCore();
  lone.reign();
  lone.join(OBSERVER, 4);
  lone.packet({ kind: "ack-epoch", lastZxid: z(3, 2), currentEpoch: 3 }, OBSERVER);
  lone.packet({ kind: "acks", first: z(4, 0), last: z(4, 0) }, OBSERVER);
  lone.effects = [];
  return lone;
}

/** Sends until it is held, `max` packets at most. @returns how many. */
function flood(lone: LoneCore, packet: QuorumPacket, link: number, max: number): number {
  for (let count = 1; count <= max; count++) {
    lone.packet(packet, link);
    if (lone.effects.some(({ kind }) => kind === "hold")) return count;
    if (count % 1000 === 0) lone.effects = [];
  }
  throw new Error("was never held");
}

function holds(lone: LoneCore): string[] {
  return lone.take("hold").map(({ link, isHeld }) => `${link} ${isHeld}`);
}

/** Server 2 has everything on disk. */
function acknowledge(lone: LoneCore, through: number): void {
  lone.step({ kind: "flush" });
  lone.packet({ kind: "acks", first: z(4, 1), last: z(4, through) });
}

/** And so has the leader. */
function commit(lone: LoneCore, through: number): void {
  acknowledge(lone, through);
  lone.step({ kind: "durable", zxid: z(4, through) });
}

/** So many half ticks in which server 2 answers. */
function pass(lone: LoneCore, halfTicks: number): string[] {
  for (let i = 0; i < halfTicks; i++) {
    lone.pass(TICK_MS / 2);
    lone.packet({ kind: "ping", zxid: z(4, 0), touched: [] });
  }
  return lone.take("close").map(({ reason }) => reason);
}

test("who has no vote and asks for too much is not read, and goes on as that is committed", () => {
  const lone = reigning();
  const count = flood(lone, WRITE, OBSERVER, MANY);
  assert.equal(holds(lone), [`${OBSERVER} true`]);
  acknowledge(lone, count);
  assert.equal(pass(lone, 40), [], "what is not read of it is no silence of its own");
  commit(lone, count);
  assert.equal(holds(lone), [`${OBSERVER} false`]);
  assert.equal(pass(lone, 4), []);
  assert.ok(flood(lone, WRITE, OBSERVER, MANY) <= count);
});

test("what is committed as fast as it is asked for is never held", () => {
  const lone = reigning();
  for (let count = 1; count <= MANY; count++) {
    lone.packet(WRITE, OBSERVER);
    if (count % 500 === 0) commit(lone, count);
  }
  assert.equal(holds(lone), []);
});

test("syncs count too, until they are answered", () => {
  const lone = reigning();
  const count = flood(lone, SYNC, OBSERVER, MANY);
  lone.step({ kind: "flush" });
  lone.sent(OBSERVER);
  lone.packet({ kind: "ping", zxid: z(4, 0), touched: [] });
  assert.is(lone.kinds(OBSERVER).filter((kind) => kind === "sync").length, count);
  assert.equal(holds(lone), [`${OBSERVER} true`, `${OBSERVER} false`]);
});

test("a voter may have more under way; with acknowledgements behind that, it is given up", () => {
  const lone = reigning();
  lone.step({ kind: "flush" });
  flood(lone, WRITE, LINK, FAR_TOO_MANY);
  assert.equal(holds(lone), [`${LINK} true`]);
  lone.effects = [];
  for (let i = 0; i < 12; i++) lone.pass(TICK_MS / 2);
  assert.match(lone.take("close")[0]?.reason ?? "", /nothing of it gets done/);
});

test.run();
