import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Clock } from "../../../core/contracts/clock.ts";
import type { PeerAddress } from "../../../core/contracts/peer_network.ts";
import { TransportError } from "../../../core/contracts/transport.ts";
import { ConsoleLogger, SystemClock } from "../../../plugins/system/mod.ts";
import type { Notification, ServerId } from "../../../plugins/zab/messages.ts";
import { ElectionPort } from "../../../plugins/zab/net/election_port.ts";
import { encodeElectionHello } from "../../../plugins/zab/wire/election_hello.ts";
import { freePort } from "../../../tools/free_ports.ts";
import { TcpPeerNetwork } from "../../../transports/tcp/mod.ts";
import { End } from "../../conformance/transport_pair.ts";
import { ManualClock } from "../../core/manual_clock.ts";
import { fromHex } from "../wire/hex.ts";

const HOST = "127.0.0.1";
const VOTE: Notification = {
  state: "looking",
  leader: 1,
  zxid: 0,
  round: 1,
  peerEpoch: 0,
  version: 2,
  membership: "server.1=127.0.0.1:1:2:participant",
  isZookit: true,
};
const network = new TcpPeerNetwork();

/** A port, and what it receives. */
class Voter {
  readonly port: ElectionPort;
  address: PeerAddress = { host: HOST, port: 0 };
  readonly received: [from: ServerId, leader: ServerId][] = [];
  #waiting: (() => void)[] = [];

  constructor(serverId: ServerId, clock: Clock = new SystemClock()) {
    this.port = new ElectionPort({
      network,
      clock,
      logger: new ConsoleLogger("silent"),
      serverId,
      received: (from, { leader }) => {
        this.received.push([from, leader]);
        for (const wake of this.#waiting.splice(0)) wake();
      },
    });
  }

  async start(): Promise<void> {
    this.address = { host: HOST, port: await freePort() };
    await this.port.start(this.address);
  }

  /** Resolves once a vote for `leader` has come from `from`. */
  async heard(from: ServerId, leader: ServerId): Promise<void> {
    while (!this.received.some((vote) => vote[0] === from && vote[1] === leader)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

async function startVoters(ids: readonly ServerId[]): Promise<Map<ServerId, Voter>> {
  const voters = new Map(ids.map((id) => [id, new Voter(id)]));
  for (const voter of voters.values()) await voter.start();
  const members = new Map([...voters].map(([id, { address }]) => [id, [address]]));
  for (const { port } of voters.values()) port.setMembers(members);
  return voters;
}

async function stopAll(voters: Iterable<Voter>): Promise<void> {
  for (const { port } of voters) await port.stop();
}

async function dial(address: PeerAddress): Promise<End> {
  let end: End | undefined;
  await network.dial(address, 5_000, (connection) => {
    end = new End(connection);
    return end;
  });
  return end as End;
}

test("votes reach every server from every other, whoever has to dial", async () => {
  const ids = [1, 2, 3];
  const voters = await startVoters(ids);
  for (const [from, { port }] of voters) {
    for (const to of ids) if (to !== from) port.notify(to, { ...VOTE, leader: from });
  }
  for (const [to, voter] of voters) {
    for (const from of ids) if (from !== to) await voter.heard(from, from);
  }
  await stopAll(voters.values());
});

test("a server that comes back gets the last vote again", async () => {
  const voters = await startVoters([1, 2]);
  const [first, second] = [...voters.values()] as [Voter, Voter];
  second.port.notify(1, { ...VOTE, leader: 2 });
  await first.heard(2, 2);
  await first.port.stop();
  const again = new Voter(1);
  await again.port.start(first.address);
  again.port.setMembers(new Map([[2, [second.address]]]));
  again.port.notify(2, VOTE); // The smaller id: it is called back.
  await second.heard(1, 1);
  await again.heard(2, 2);
  await stopAll([again, second]);
});

test("a server that no membership names is called back and answered", async () => {
  const [voter] = [...(await startVoters([5])).values()] as [Voter];
  let called: (end: End) => void = () => {};
  const back = new Promise<End>((resolve) => {
    called = resolve;
  });
  const listener = await network.listen({ host: HOST, port: 0 }, (connection) => {
    const end = new End(connection);
    called(end);
    return end;
  });
  const hello = encodeElectionHello(2, { host: HOST, port: listener.port });
  const stranger = await dial(voter.address);
  stranger.connection.write(hello);
  await stranger.untilGone();
  const end = await back;
  await end.untilBytes(hello.length);
  end.connection.write(fromHex(`0000001c 00000000 ${"0000000000000002".repeat(3)}`));
  await voter.heard(2, 2);
  const before = end.receivedBytes;
  voter.port.notify(2, VOTE);
  await end.untilBytes(before + 50);
  await voter.port.stop();
  await end.untilGone();
  await listener.close();
});

test("garbage, a lying id and a frame that is too long cost that connection only", async () => {
  const voters = await startVoters([2, 3]);
  const { address } = voters.get(2) as Voter;
  const lies = [
    fromHex("fffffffffffefffe 0000000000000003 00000001 61"),
    encodeElectionHello(2, address),
    fromHex('ffffffffffff0000 0000000000000009 00000007 "no port"'),
    Buffer.concat([encodeElectionHello(9, { host: HOST, port: 1 }), fromHex("00080001")]),
  ];
  for (const lie of lies) {
    const end = await dial(address);
    end.connection.write(lie);
    await end.untilGone();
  }
  voters.get(3)?.port.notify(2, { ...VOTE, leader: 3 });
  await voters.get(2)?.heard(3, 3);
  await stopAll(voters.values());
});

test("who claims the id of a server that is connected does not displace it", async () => {
  const voters = await startVoters([1, 2, 3]);
  const [first, second, third] = [...voters.values()] as [Voter, Voter, Voter];
  third.port.notify(2, { ...VOTE, leader: 3 });
  second.port.notify(1, { ...VOTE, leader: 2 });
  await second.heard(3, 3);
  await first.heard(2, 2);
  const liars: End[] = [];
  for (const id of [1, 3]) {
    for (let i = 0; i < 5; i++) {
      const liar = await dial(second.address);
      liars.push(liar);
      liar.connection.write(encodeElectionHello(id, { host: HOST, port: 1 }));
      if (id === 1) await liar.untilGone(); // The real one is called instead.
    }
  }
  const isGone = (end: End): boolean => end.isClosed || end.count("ended") > 0;
  while (liars.slice(5).filter(isGone).length < 3) await new Promise(setImmediate);
  second.port.notify(3, { ...VOTE, leader: 1 });
  second.port.notify(1, { ...VOTE, leader: 3 });
  await third.heard(2, 1);
  await first.heard(2, 3);
  third.port.notify(2, { ...VOTE, leader: 2 });
  await second.heard(3, 2);
  await stopAll(voters.values());
  for (const liar of liars) await liar.untilGone();
});

test("of strangers that cannot be called back nothing is kept", async () => {
  const [voter] = [...(await startVoters([200])).values()] as [Voter];
  for (let id = 0; id < 100; id++) {
    const stranger = await dial(voter.address);
    stranger.connection.write(encodeElectionHello(id, { host: HOST, port: 1 }));
    await stranger.untilGone();
  }
  const welcome = await dial(voter.address);
  welcome.connection.write(encodeElectionHello(250, { host: HOST, port: 1 }));
  welcome.connection.write(fromHex(`0000001c 00000000 ${"0000000000000002".repeat(3)}`));
  await voter.heard(250, 2);
  await voter.port.stop();
  await welcome.untilGone();
});

test("a server that floods another with votes is closed", async () => {
  const voter = new Voter(5, new ManualClock()); // All of it comes in one second.
  await voter.start();
  const flood = await dial(voter.address);
  flood.connection.write(encodeElectionHello(9, { host: HOST, port: 1 }));
  const vote = fromHex(`0000001c 00000000 ${"0000000000000002".repeat(3)}`);
  for (let i = 0; i < 2_000; i++) flood.connection.write(vote);
  await flood.untilGone();
  assert.is(voter.received.length, 1_000);
  await voter.port.stop();
});

test("start() rejects when the address is taken", async () => {
  const [voter] = [...(await startVoters([1])).values()] as [Voter];
  const other = new Voter(2);
  let error: unknown;
  await other.port.start(voter.address).catch((reason) => {
    error = reason;
  });
  assert.instance(error, TransportError);
  await stopAll([voter, other]);
});

test.run();
