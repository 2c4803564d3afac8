import { test } from "uvu";
import * as assert from "uvu/assert";
import { JuteWriter } from "../../../core/wire/jute.ts";
import { SessionId } from "../../../core/wire/session_id.ts";
import { makeZxid } from "../../../core/wire/zxid.ts";
import type { QuorumPacket } from "../../../plugins/zab/messages.ts";
import { PACKET_TYPES, PeerProtocolError } from "../../../plugins/zab/wire/packet.ts";
import { PacketDecoder } from "../../../plugins/zab/wire/packet_decoder.ts";
import { PacketEncoder } from "../../../plugins/zab/wire/packet_encoder.ts";
import { PacketStream } from "../../../plugins/zab/wire/packet_stream.ts";
import { fromHex, toHex } from "./hex.ts";

const PART_BYTES_MAX = 4096;

// Captured between two Apache ZooKeeper 3.8.0 servers: server 1 joins leader 2 (PP 4.2, 5.3).
const FOLLOWER_INFO = fromHex(
  "0000000b 0000000100000000 00000014 0000000000000001 00010000 0000000000000000 ffffffff",
);
const LEADER_INFO = fromHex("00000011 0000000200000000 00000004 00010000 ffffffff");
const ACK_EPOCH = fromHex("00000012 0000000000000000 00000004 00000001 ffffffff");
const UP_TO_DATE = fromHex("0000000c ffffffffffffffff ffffffff ffffffff");
const PING_ECHO = fromHex("00000005 0000000200000000 00000000 ffffffff");
const PING = fromHex("00000005 0000000200000000 ffffffff ffffffff");
const TOUCHES = fromHex("00000005 0000000000000000 0000000c 0200001646560000 00004e20 ffffffff");
const NEW_LEADER = fromHex('0000000a 0000000200000000 00000004 "text" ffffffff');
const REQUEST = fromHex(`
  00000001 ffffffffffffffff 0000003e 0100001003e50000 00000001 00000001
  00000002 2f61 00000005 68656c6c6f 00000001 0000001f 00000005 "world" 00000006 "anyone" 00000000
  00000001 00000002 "ip" 00000009 "127.0.0.1"`);
const PROPOSAL = fromHex(`
  00000002 0000000200000002 0000005b
  0100001003e50000 00000001 0000000200000002 000001a200b15cb2 00000001
  00000002 2f61 00000005 68656c6c6f 00000001 0000001f 00000005 "world" 00000006 "anyone" 00
  00000001 00000002 0000000105a75872 ffffffff`);

/** What a link makes of chunks, as our types and in the order of arrival. */
function read(chunks: readonly Uint8Array[]): QuorumPacket[] {
  const packets: QuorumPacket[] = [];
  const decoder = new PacketDecoder((packet) => packets.push(kept(packet)));
  const stream = new PacketStream((packet) => decoder.packet(packet), PART_BYTES_MAX);
  for (const chunk of chunks) {
    stream.push(chunk);
    decoder.flush();
  }
  return packets;
}

/** A request's bytes are good during the call only. */
function kept(packet: QuorumPacket): QuorumPacket {
  if (packet.kind !== "request") return packet;
  const { request } = packet;
  const bytes = request.bytes.slice(request.bodyStart, request.bodyEnd);
  const body = { bytes, bodyStart: 0, bodyEnd: bytes.length };
  return { kind: "request", request: { ...request, ...body } };
}

function written(packets: readonly QuorumPacket[]): string {
  const writer = new JuteWriter();
  const encoder = new PacketEncoder();
  for (const packet of packets) encoder.encode(writer, packet);
  return toHex(writer.view());
}

test("packets of Apache's servers are read and written back byte for byte", () => {
  const captured = [
    FOLLOWER_INFO,
    LEADER_INFO,
    ACK_EPOCH,
    NEW_LEADER,
    UP_TO_DATE,
    PING,
    PING_ECHO,
    TOUCHES,
    REQUEST,
    PROPOSAL,
  ];
  const all = Buffer.concat(captured);
  assert.is(written(read([all])), toHex(all));
});

test("what packets say is read from them", () => {
  const [info, leader, epoch] = read([Buffer.concat([FOLLOWER_INFO, LEADER_INFO, ACK_EPOCH])]);
  assert.equal(info, {
    kind: "follower-info",
    acceptedEpoch: 1,
    serverId: 1,
    protocolVersion: 0x1_0000,
    membershipVersion: 0,
  });
  assert.equal(leader, { kind: "leader-info", epoch: 2, protocolVersion: 0x1_0000 });
  assert.equal(epoch, { kind: "ack-epoch", lastZxid: 0, currentEpoch: 1 });
  const [ping, echo, touches] = read([Buffer.concat([PING, PING_ECHO, TOUCHES])]);
  assert.equal(ping, { kind: "ping", zxid: makeZxid(2, 0), touched: undefined });
  assert.equal(echo, { kind: "ping", zxid: makeZxid(2, 0), touched: [] });
  const id = new SessionId(0x02000016, 0x46560000);
  assert.equal(touches, { kind: "ping", zxid: 0, touched: [{ id, timeoutMs: 20_000 }] });
  const [request] = read([REQUEST]);
  if (request?.kind !== "request") return assert.unreachable("not a request");
  assert.is(request.request.opcode, 1);
  assert.equal(request.request.ids, [{ scheme: "ip", id: "127.0.0.1" }]);
});

test("LearnerInfo may be shorter, as older servers send it, but not of any length", () => {
  const short = fromHex("0000000b 0000000100000000 00000008 0000000000000001 ffffffff");
  const [info] = read([short]);
  assert.equal(info?.kind === "follower-info" && [info.serverId, info.protocolVersion], [1, 0]);
  const odd = fromHex("0000000b 0000000100000000 00000009 000000000000000100 ffffffff");
  assert.throws(() => read([odd]), /9 bytes of learner info/);
});

test("packets that follow one another become ranges, never across an epoch or a NEWLEADER", () => {
  const writer = new JuteWriter();
  const encoder = new PacketEncoder();
  const ranges = [
    { kind: "acks", first: makeZxid(2, 0), last: makeZxid(2, 0) },
    { kind: "acks", first: makeZxid(2, 1), last: makeZxid(2, 5) },
    { kind: "acks", first: makeZxid(2, 7), last: makeZxid(2, 7) },
    { kind: "acks", first: makeZxid(3, 0), last: makeZxid(3, 0) },
    { kind: "commits", first: makeZxid(3, 1), last: makeZxid(3, 400) },
  ] as const;
  for (const range of ranges) encoder.encode(writer, range);
  assert.equal(read([writer.view()]), ranges);
});

test("proposals become one batch of length and transaction; history comes with its commits", () => {
  const [proposals] = read([PROPOSAL]);
  if (proposals?.kind !== "proposals") return assert.unreachable("no proposals");
  const { batch } = proposals;
  assert.is(batch.firstZxid, makeZxid(2, 2));
  assert.is(batch.count, 1);
  assert.is(toHex(batch.bytes), toHex(PROPOSAL.subarray(12, PROPOSAL.length - 4)));
  const kinds = read([fromHex(written([{ kind: "history", batch }]))]).map(({ kind }) => kind);
  assert.equal(kinds, ["proposals", "commits"]);
});

test("a proposal whose transaction has another zxid is refused", () => {
  const other = PROPOSAL.slice();
  other[11] = 3;
  assert.throws(() => read([other]), /not 200000003/);
});

test("inform-and-activate has the designated leader before its transaction", () => {
  const [proposals] = read([PROPOSAL]);
  if (proposals?.kind !== "proposals") return assert.unreachable("no proposals");
  const packet = { kind: "inform-and-activate", batch: proposals.batch, leader: 3 } as const;
  const commit = { kind: "commit-and-activate", zxid: makeZxid(2, 9), leader: 2 } as const;
  assert.equal(read([fromHex(written([packet, commit]))]), [packet, commit]);
});

test("PacketStream puts packets together that are cut anywhere", () => {
  const all = Buffer.concat([REQUEST, PING_ECHO, LEADER_INFO]);
  for (let cut = 1; cut < all.length; cut++) {
    const packets = read([all.subarray(0, cut), all.subarray(cut)]);
    assert.equal(
      packets.map(({ kind }) => kind),
      ["request", "ping", "leader-info"],
    );
  }
  assert.is(read([...all].map((byte) => new Uint8Array([byte]))).length, 3);
});

test("PacketStream refuses lengths that cannot be before it keeps anything", () => {
  const tooLong = fromHex("00000002 0000000200000001 00001001 00000000");
  assert.throws(
    () => read([tooLong]),
    (error: unknown) => error instanceof PeerProtocolError,
  );
  const negative = fromHex("00000002 0000000200000001 fffffffe 00000000");
  assert.throws(() => read([negative]), /-2 bytes/);
  const manyIds = fromHex("00000002 0000000200000001 ffffffff 7fffffff");
  assert.throws(() => read([manyIds]), /2147483647 identities/);
  const epoch = fromHex("00000002 0020000000000000 ffffffff ffffffff");
  assert.throws(() => read([epoch]), /too high/);
});

test("PacketStream hands on each packet once and whole, whatever the chunks are", () => {
  const all = new JuteWriter();
  const sizes = Array.from({ length: 60 }, (_, i) => (i * 397) % 3000);
  for (const [i, size] of sizes.entries()) {
    all.int(i);
    all.long(i);
    all.buffer(new Uint8Array(size).fill(i));
    all.int(-1);
  }
  for (const chunkBytes of [1, 7, 511, 512, 513, 2000, 5000, 40_000]) {
    const found: [number, number, boolean][] = [];
    const stream = new PacketStream(({ type, data }) => {
      found.push([type, data?.length ?? 0, data?.every((byte) => byte === type) ?? true]);
    }, PART_BYTES_MAX);
    for (let at = 0; at < all.length; at += chunkBytes) {
      stream.push(all.view().slice(at, at + chunkBytes));
    }
    assert.equal(
      found,
      sizes.map((size, i) => [i, size, true]),
    );
  }
});

test("PacketStream.stop() leaves what follows to the snapshot, wherever chunks end", () => {
  const all = Buffer.concat([UP_TO_DATE, PING_ECHO, fromHex("aabb")]);
  for (let cut = 1; cut <= all.length; cut++) {
    const types: number[] = [];
    const stream = new PacketStream(({ type }) => {
      types.push(type);
      if (type === PACKET_TYPES.ping) stream.stop();
    }, PART_BYTES_MAX);
    stream.push(all.subarray(0, cut));
    stream.push(all.subarray(cut));
    stream.push(fromHex("cc"));
    assert.is(toHex(stream.rest()), "aabbcc");
    stream.push(UP_TO_DATE);
    stream.resume();
    assert.equal(types, [PACKET_TYPES.upToDate, PACKET_TYPES.ping, PACKET_TYPES.upToDate]);
  }
});

test.run();
