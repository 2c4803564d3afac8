/** How the learners of Apache's versions acknowledge what they are given as they join (PP 4.5). */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Zxid } from "../../../core/wire/zxid.ts";
import { PacketDecoder } from "../../../plugins/zab/wire/packet_decoder.ts";
import { PacketStream } from "../../../plugins/zab/wire/packet_stream.ts";
import { fromHex } from "../wire/hex.ts";
import { LINK, LoneCore, z } from "./lone_core.ts";

/** The learner's link; on the other one is a follower that falls silent. */
const LEARNER = LINK + 1;
const NEW_LEADER = z(4, 0);

/** It ends at 3:1; 3:2 and 4:1 are committed, 4:2 is on the leader's disk alone. */
const VERSIONS = [
  {
    versions: "3.8.0 to 3.8.4, 3.9.0 and 3.9.1, quick to log",
    beforeUpToDate: [z(3, 2), z(4, 1), NEW_LEADER],
    after: [NEW_LEADER, z(4, 2)],
  },
  {
    versions: "3.8.0 to 3.8.4, 3.9.0 and 3.9.1, slow to log",
    beforeUpToDate: [NEW_LEADER],
    after: [NEW_LEADER, z(3, 2), z(4, 1), z(4, 2)],
  },
  {
    versions: "3.8.5, 3.8.6 and 3.9.2",
    beforeUpToDate: [NEW_LEADER],
    after: [NEW_LEADER, z(3, 2), z(4, 1), z(4, 2)],
  },
  {
    versions: "3.9.3 and later",
    beforeUpToDate: [NEW_LEADER],
    after: [NEW_LEADER, z(4, 2)],
  },
] as const;

/** ACK packets in one chunk, as a learner of Java's sends them. */
function acknowledge(lone: LoneCore, zxids: readonly Zxid[]): void {
  const decoder = new PacketDecoder((packet) => lone.packet(packet, LEARNER));
  const stream = new PacketStream((packet) => decoder.packet(packet), 64);
  const packets = zxids.map((zxid) => {
    return fromHex(`00000003 ${zxid.toString(16).padStart(16, "0")} ffffffff ffffffff`);
  });
  stream.push(Buffer.concat(packets));
  decoder.flush();
}

/** Zxids that the leader has called committed to the other follower. */
function committed(lone: LoneCore): Zxid[] {
  return lone.sent(LINK).flatMap((packet) => (packet.kind === "commits" ? [packet.last] : []));
}

test("each version's acknowledgements make its learner up to date, and count", () => {
  for (const { versions, beforeUpToDate, after } of VERSIONS) {
    const lone = new LoneCore();
    lone.reign();
    lone.write(1);
    lone.write(2);
    lone.step({ kind: "durable", zxid: z(4, 2) });
    lone.packet({ kind: "acks", first: z(4, 1), last: z(4, 1) });
    assert.equal(committed(lone), [z(4, 1)]);

    lone.join(LEARNER, 3);
    lone.packet({ kind: "ack-epoch", lastZxid: z(3, 1), currentEpoch: 3 }, LEARNER);
    assert.is(lone.kinds(LEARNER).at(-1), "new-leader", versions);

    acknowledge(lone, beforeUpToDate.slice(0, -1));
    assert.not(lone.kinds(LEARNER).includes("up-to-date"), versions);
    acknowledge(lone, beforeUpToDate.slice(-1));
    assert.ok(lone.kinds(LEARNER).includes("up-to-date"), versions);
    assert.equal(committed(lone), [], `${versions}: 4:2 is not acknowledged yet`);
    acknowledge(lone, after);
    assert.equal(committed(lone), [z(4, 2)], versions);

    lone.write(3);
    lone.step({ kind: "durable", zxid: z(4, 3) });
    acknowledge(lone, [z(4, 3)]);
    assert.equal(committed(lone), [z(4, 3)], versions);
    assert.equal(lone.take("close"), [], versions);
  }
});

test.run();
