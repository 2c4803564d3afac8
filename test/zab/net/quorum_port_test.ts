import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PeerAddress } from "../../../core/contracts/peer_network.ts";
import { makeZxid } from "../../../core/wire/zxid.ts";
import { ConsoleLogger, SystemClock } from "../../../plugins/system/mod.ts";
import type { QuorumPacket } from "../../../plugins/zab/messages.ts";
import { QuorumPort } from "../../../plugins/zab/net/quorum_port.ts";
import { freePort } from "../../../tools/free_ports.ts";
import { TcpPeerNetwork } from "../../../transports/tcp/mod.ts";
import { End } from "../../conformance/transport_pair.ts";
import { fromHex } from "../wire/hex.ts";

const HOST = "127.0.0.1";
const PART_BYTES_MAX = 4096;
const network = new TcpPeerNetwork();

/** A port, and what it tells its user. */
class Listening {
  readonly packets: [link: number, packet: QuorumPacket][] = [];
  readonly closed: string[] = [];
  /** What was logged of strangers. */
  readonly refused: string[] = [];
  readonly port: QuorumPort;
  address: PeerAddress = { host: HOST, port: 0 };
  #waiting: (() => void)[] = [];

  constructor(firstPacketMsMax = 5_000) {
    const wake = (): void => {
      for (const resolve of this.#waiting.splice(0)) resolve();
    };
    this.port = new QuorumPort({
      network,
      clock: new SystemClock(),
      logger: new ConsoleLogger("warn", (line) => {
        this.refused.push(line);
        wake();
      }),
      partBytesMax: PART_BYTES_MAX,
      firstPacketMsMax,
      user: {
        packet: (link, packet) => {
          this.packets.push([link, packet]);
          wake();
        },
        progress: () => {},
        closed: (_, reason) => {
          this.closed.push(reason);
          wake();
        },
      },
    });
  }

  async start(): Promise<this> {
    this.address = { host: HOST, port: await freePort() };
    assert.is(await this.port.listen(this.address), true);
    return this;
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

async function dial(address: PeerAddress): Promise<End> {
  let end: End | undefined;
  await network.dial(address, 5_000, (connection) => {
    end = new End(connection);
    return end;
  });
  return end as End;
}

test("what is sent in a turn leaves at flush(), in order", async () => {
  const leader = await new Listening().start();
  const learner = await new Listening().start();
  const link = (await learner.port.dial(leader.address, 5_000)) ?? 0;
  for (let i = 1; i <= 3; i++) {
    learner.port.send(link, { kind: "acks", first: makeZxid(1, i), last: makeZxid(1, i) });
  }
  learner.port.send(link, { kind: "sync" });
  learner.port.flush();
  await leader.until(() => leader.packets.length >= 2);
  assert.equal(
    leader.packets.map(([, packet]) => packet),
    [{ kind: "acks", first: makeZxid(1, 1), last: makeZxid(1, 3) }, { kind: "sync" }],
  );
  learner.port.stop();
  await leader.until(() => leader.closed.length === 1);
  leader.port.stop();
});

test("a stream stands between what was sent before it and after it", async () => {
  const near = await new Listening().start();
  const listener = await network.listen({ host: HOST, port: 0 }, (connection) => {
    far = new End(connection);
    return far;
  });
  let far: End | undefined;
  const link = (await near.port.dial({ host: HOST, port: listener.port }, 5_000)) ?? 0;
  const parts = [fromHex("aa"), fromHex("bb")];
  near.port.send(link, { kind: "sync" });
  near.port.link(link)?.sendStream({
    next: async () => parts.shift(),
    close: () => {},
  });
  near.port.send(link, { kind: "up-to-date" });
  near.port.flush();
  await far?.untilBytes(42);
  const received = far?.received() ?? new Uint8Array(0);
  assert.equal([received[3], received[20], received[21], received[25]], [7, 0xaa, 0xbb, 12]);
  near.port.stop();
  await far?.untilGone();
  await listener.close();
});

test("garbage costs the link that it comes on, and no other", async () => {
  const leader = await new Listening().start();
  const good = await dial(leader.address);
  for (const garbage of [
    "474554202f20485454502f312e310d0a0d0a00000000",
    "00000002 0000000100000001 7fffffff 00000000",
    "0000000b 0000000100000000 00000003 000000 ffffffff",
  ]) {
    const bad = await dial(leader.address);
    bad.connection.write(fromHex(garbage));
    await bad.untilGone();
  }
  assert.is(leader.refused.length, 3);
  assert.match(leader.refused[0] ?? "", /learner connection refused .*"address":"127\.0\.0\.1"/);
  assert.equal(leader.closed, []);
  good.connection.write(fromHex("00000007 0000000000000000 ffffffff ffffffff"));
  await leader.until(() => leader.packets.length > 0);
  assert.is(leader.packets[0]?.[1].kind, "sync");
  leader.port.stop();
  await good.untilGone();
});

test("the first packet is short, or nobody waits for the rest of it", async () => {
  const leader = await new Listening().start();
  const long = await dial(leader.address);
  long.connection.write(fromHex("0000000b 0000000100000000 00000401 00000000"));
  await long.untilGone();
  assert.match(leader.refused[0] ?? "", "1025 bytes announced in a packet, at most 1024");
  const named = await dial(leader.address);
  named.connection.write(fromHex("00000007 0000000000000000 ffffffff ffffffff"));
  await leader.until(() => leader.packets.length === 1);
  named.connection.write(
    fromHex(`00000007 0000000000000000 00000401 ${"00".repeat(1025)} ffffffff`),
  );
  await leader.until(() => leader.packets.length === 2);
  leader.port.stop();
  await named.untilGone();
});

test("above 256 connections that say nothing the oldest goes, and a learner gets in", async () => {
  const leader = await new Listening().start();
  const idle: End[] = [];
  for (let i = 0; i < 256; i++) idle.push(await dial(leader.address));
  const learner = await dial(leader.address);
  await idle[0]?.untilGone();
  learner.connection.write(fromHex("00000007 0000000000000000 ffffffff ffffffff"));
  await leader.until(() => leader.packets.length === 1);
  assert.match(leader.refused[0] ?? "", "too many connections that do not say who they are");
  assert.is(idle[1]?.isClosed, false);
  leader.port.stop();
  for (const end of [...idle.slice(1), learner]) await end.untilGone();
});

test("whoever says nothing is closed, and dial() to nobody gives no link", async () => {
  const leader = await new Listening(50).start();
  const silent = await dial(leader.address);
  await silent.untilGone();
  leader.port.stop();
  assert.is(await leader.port.dial(leader.address, 1_000), undefined);
});

test("from a leader that is held nothing comes until it is let go on", async () => {
  const leader = await new Listening().start();
  const learner = await new Listening().start();
  const link = (await learner.port.dial(leader.address, 5_000)) ?? 0;
  learner.port.send(link, { kind: "sync" });
  learner.port.flush();
  await leader.until(() => leader.packets.length === 1);
  const back = leader.packets[0]?.[0] ?? 0;
  learner.port.holdLeader(true);
  leader.port.send(back, { kind: "up-to-date" });
  leader.port.flush();
  // What goes the other way is not held, and neither are learners.
  leader.port.holdLeader(true);
  learner.port.send(link, { kind: "sync" });
  learner.port.flush();
  await leader.until(() => leader.packets.length === 2);
  assert.equal(learner.packets, []);
  learner.port.holdLeader(false);
  await learner.until(() => learner.packets.length === 1);
  assert.equal(learner.packets[0]?.[1], { kind: "up-to-date" });
  learner.port.stop();
  leader.port.stop();
});

test.run();
