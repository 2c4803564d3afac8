import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../../client/mod.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { SessionId } from "../../../core/wire/session_id.ts";
import { EPOCH_MAX, makeZxid } from "../../../core/wire/zxid.ts";
import type { QuorumPacket } from "../../../plugins/zab/messages.ts";
import { Ledger } from "../ensemble/ledger.ts";
import { Members } from "../ensemble/members.ts";
import { fromHex } from "../wire/hex.ts";
import { hello, introduction, packets, Stranger, vote } from "./stranger.ts";

const HOST = "127.0.0.1";
const IDLE = 1_000;
const RESIDENT_MIB_MAX = 400;
/** Nobody's id. */
const NOBODY = 77;
const members = await Members.plan(
  [1, 2, 3].map(() => ({ kind: "zookit" as const, settings: ["initLimit=6"] })),
);
members.startAll();
const leader = await members.serving();
const followers = members.ids.filter((id) => id !== leader);
const ledger = await Ledger.open(members.address(), "/under-attack");
const { quorum, election } = members.ports(leader);
/** Ends by itself after the longest time for a hello; looked at in the last test but one. */
const loris = await Stranger.dial(election);
loris.socket.write(hello(NOBODY).subarray(0, 11));
/** Begun now: a later test makes the leader say more than is kept. */
const lorisEnd = loris.closed().then(() => said("it does not say who it is"));
lorisEnd.catch(() => {}); // Awaited in its test.
let epoch = 0;
let isOver = false;
const writing = (async () => {
  while (!isOver) await ledger.write(1);
})();

test.before(async () => {
  epoch = await epochNow();
});

test.after.each(async () => {
  if (!isOver) await unharmed(); // The last test kills the leader.
});

test.after(async () => {
  isOver = true;
  await writing.catch(() => {});
  await ledger.close();
  await members.discard();
});

async function epochNow(id = leader): Promise<number> {
  const zxid = /^Zxid: 0x([0-9a-f]+)$/m.exec(await members.ask(id, "srvr"))?.[1] ?? "0";
  return Number(BigInt(`0x${zxid}`) >> 32n);
}

/** Writes go on, under the same leader, in the same epoch; nobody's memory has swollen. */
async function unharmed(): Promise<void> {
  const before = ledger.acknowledged.length;
  await members.until("more writes", async () => {
    return ledger.acknowledged.length >= before + 20 ? true : undefined;
  });
  assert.is(await members.serving(), leader);
  assert.is(await epochNow(), epoch);
  for (const id of members.ids) assert.ok(members.residentMib(id) < RESIDENT_MIB_MAX);
}

/** Resolves once the leader has said this. */
async function said(text: string): Promise<void> {
  await members.until(`"${text}" in the log`, async () => {
    return members.log(leader).includes(text) ? true : undefined;
  });
}

test("garbage and lengths beyond all bounds are refused on both ports", async () => {
  const garbage = [
    Buffer.from("GET / HTTP/1.1\r\nHost: zookit.example\r\n\r\n"),
    fromHex("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff"),
    fromHex("0000000b 0000000100000000 7fffffff 0000000000000001"),
    fromHex("0000000b 0000000100000000 00000900 0000000000000001"), // Too long to be a name.
    packets({ kind: "sync" }),
  ];
  for (const bytes of garbage) await Stranger.thrownOut(quorum, bytes);
  await said('"reason":"what it sends is not the protocol');
  await said('"reason":"began with sync"');
  const frames = ["7fffffff", "ffffffff", "00080001"].map((length) => fromHex(length));
  for (const frame of frames) await Stranger.thrownOut(election, hello(NOBODY), frame);
  await said('"reason":"a vote of 2147483647 bytes"');
  for (const lie of [
    "fffffffffffefffe 0000000000000003",
    "ffffffffffff0000 0000000000000009 7fff",
  ]) {
    await Stranger.thrownOut(election, fromHex(`${lie} ffffffff`));
  }
  await said("election connection refused");
});

test("who claims the id of a server that is there does not displace it", async () => {
  await Stranger.thrownOut(quorum, introduction(leader, epoch));
  await said("claims to be this server");
  for (const id of followers) await Stranger.thrownOut(quorum, introduction(id, epoch + 500));
  await said("another learner with this id is there");
  await Stranger.thrownOut(election, hello(leader));
  await said("it claims to be this server");
  for (const id of followers) {
    for (const target of members.ids.filter((other) => other !== id)) {
      const liar = await Stranger.dial(members.ports(target).election);
      liar.socket.write(hello(id));
      liar.socket.write(vote(id, epoch + 500));
      if (id > target) await liar.bytes(1); // Who has the smaller id is called back.
      liar.socket.destroy();
    }
  }
});

test("no epoch that a liar promises counts", async () => {
  for (const accepted of [epoch + 5_000, EPOCH_MAX - 2, EPOCH_MAX - 1]) {
    for (const id of [...followers, NOBODY]) {
      await Stranger.thrownOut(quorum, introduction(id, accepted));
    }
  }
  await said("promised an epoch too far ahead");
  const replayed = await Stranger.dial(quorum);
  replayed.socket.write(introduction(NOBODY, 0));
  await replayed.bytes(24);
  replayed.socket.write(packets({ kind: "ack-epoch", lastZxid: 0, currentEpoch: EPOCH_MAX }));
  replayed.socket.destroy();
});

test("a learner that sends what only leaders do, or acknowledges too much, is closed", async () => {
  const forged: readonly QuorumPacket[] = [
    { kind: "new-leader", epoch: epoch + 1, membership: "" },
    { kind: "leader-info", epoch: epoch + 1, protocolVersion: 0x10000 },
    { kind: "commits", first: makeZxid(epoch, 1), last: makeZxid(epoch, 1) },
    { kind: "up-to-date" },
    { kind: "acks", first: makeZxid(epoch, 9_000_000), last: makeZxid(epoch, 9_000_000) },
  ];
  for (const packet of forged) {
    await Stranger.thrownOut(quorum, introduction(NOBODY, epoch), packets(packet));
  }
  await said("sent new-leader, which no learner sends here");
  await said("acknowledged what was not proposed");
  const twice = introduction(NOBODY, epoch);
  await Stranger.thrownOut(quorum, twice, twice);
  const promise = packets({ kind: "ack-epoch", lastZxid: 0, currentEpoch: 0 });
  await Stranger.thrownOut(quorum, introduction(NOBODY, epoch), promise, promise);
});

test("who floods an election port with votes is closed", async () => {
  const flood = Buffer.concat(Array.from({ length: 5_000 }, () => vote(NOBODY, epoch)));
  await Stranger.thrownOut(election, hello(NOBODY), flood);
  await said("it floods this server with votes");
});

test("a follower comes back while a thousand idle connections are held on each port", async () => {
  const idle: Socket[] = [];
  for (const id of members.ids) {
    for (const port of [members.ports(id).quorum, members.ports(id).election]) {
      if (id !== leader && port === members.ports(id).quorum) continue; // Leaders alone have it.
      for (let i = 0; i < IDLE; i++) {
        const socket = connectTcp(port, HOST);
        socket.on("error", () => {});
        idle.push(socket);
      }
    }
  }
  await Promise.all(idle.map((socket) => once(socket, "connect").catch(() => {})));
  await said("too many connections that do not say who they are");
  const [lost = 0] = followers;
  await members.signal(lost, "SIGKILL");
  members.start(lost);
  await members.serving();
  for (const socket of idle) socket.destroy();
});

test("learners that never take their snapshot, or nothing after it, are given up", async () => {
  await using client = await connect({ servers: members.address(leader), timeoutMs: 10_000 });
  const big = new Uint8Array(900_000);
  for (let i = 0; i < 20; i++) await client.create(`/big${i}`, big);
  const lazy: Stranger[] = [];
  for (let i = 0; i < 5; i++) {
    const stranger = await Stranger.dial(quorum);
    stranger.socket.write(introduction(NOBODY + i, epoch, "observer-info"));
    await stranger.bytes(24);
    stranger.socket.pause();
    stranger.socket.write(packets({ kind: "ack-epoch", lastZxid: 0, currentEpoch: 0 }));
    lazy.push(stranger);
  }
  await said("synchronises too long");
  for (const { socket } of lazy) socket.destroy();
});

test("a learner that floods the leader with requests keeps nobody from writing", async () => {
  const flooding = await Stranger.dial(quorum);
  flooding.socket.write(introduction(NOBODY, epoch, "observer-info"));
  await flooding.bytes(24);
  flooding.socket.write(packets({ kind: "ack-epoch", lastZxid: 0, currentEpoch: 0 }));
  await flooding.bytes(25); // Its snapshot begins.
  const zxid = makeZxid(epoch, 0);
  flooding.socket.write(packets({ kind: "acks", first: zxid, last: zxid }));
  const request = {
    session: new SessionId(1, 1),
    cxid: 1,
    opcode: OPCODES.setData,
    ...{ bytes: new Uint8Array(0), bodyStart: 0, bodyEnd: 0, ids: [] },
  };
  const flood = packets(
    ...Array.from({ length: 1_000 }, () => ({ kind: "request", request }) as const),
  );
  for (let i = 0; i < 20; i++) flooding.socket.write(flood);
  await unharmed();
  flooding.socket.destroy();
});

test("who says a hello too slowly is closed", async () => {
  await lorisEnd;
});

test("after all of it another leader is elected, of the next epoch", async () => {
  isOver = true;
  const killed = members.signal(leader, "SIGKILL");
  const successor = await members.serving(followers);
  await killed;
  members.start(leader);
  await members.serving();
  assert.ok((await epochNow(successor)) <= epoch + 2);
  await writing;
  for (const id of members.ids) await ledger.check(members.address(id));
});

test.run();
