import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Certificates } from "../../transports/certificates.ts";
import { Ledger } from "../ensemble/ledger.ts";
import { Members } from "../ensemble/members.ts";
import { hello, introduction, Stranger } from "./stranger.ts";

const HOST = "127.0.0.1";
const IDLE = 1_000;
const certificates = new Certificates();
certificates.authority("ca");
certificates.authority("other");
certificates.leaf("member", "ca");
certificates.leaf("stranger", "other");

const settings = [
  "sslQuorum=true",
  `ssl.quorum.keyStore.location=${certificates.path("member.both.pem")}`,
  `ssl.quorum.trustStore.location=${certificates.path("ca.pem")}`,
];
const members = await Members.plan([1, 2, 3].map(() => ({ kind: "zookit" as const, settings })));
members.startAll();
const leader = await members.serving();
const ledger = await Ledger.open(members.address(), "/tls");
const ports = [members.ports(leader).quorum, members.ports(leader).election];

test.after.each(async () => {
  await ledger.write(20);
  assert.is(await members.serving(), leader);
});

test.after(async () => {
  await ledger.close();
  await members.discard();
  certificates.remove();
});

/** Dials by TLS with a certificate, or none; whether the server has answered or kept it is seen. */
function dial(port: number, name?: string): Stranger {
  const own = name === undefined ? [] : [`${name}.pem`, `${name}.key`];
  const [cert, key] = own.map((file) => certificates.text(file));
  const ca = certificates.text("ca.pem");
  return new Stranger(connectTls({ host: HOST, port, ca, ...(cert && { cert, key }) }));
}

async function said(text: string): Promise<void> {
  await members.until(`"${text}" in the log`, async () => {
    return members.log(leader).includes(text) ? true : undefined;
  });
}

test("nobody gets in without a certificate of the ensemble's authority", async () => {
  const [quorum = 0, election = 0] = ports;
  for (const [port, words] of [
    [quorum, introduction(77, 1)],
    [election, hello(77)],
  ] as const) {
    await Stranger.thrownOut(port, words);
    for (const name of [undefined, "stranger"]) {
      const stranger = dial(port, name);
      stranger.socket.write(words);
      await stranger.closed();
      assert.is(stranger.receivedBytes, 0);
    }
  }
  await said("a TLS handshake failed");
  const trusted = dial(quorum, "member");
  trusted.socket.write(introduction(77, 1));
  await trusted.bytes(24); // LEADERINFO: the same words, from somebody whom the authority knows.
  assert.is(trusted.receivedBytes, 24);
  trusted.socket.destroy();
});

test("a follower comes back while a thousand handshakes on each port are never ended", async () => {
  const idle: Socket[] = [];
  for (const port of ports) {
    for (let i = 0; i < IDLE; i++) {
      const socket = connectTcp(port, HOST);
      socket.on("error", () => {});
      idle.push(socket);
    }
  }
  await Promise.all(idle.map((socket) => once(socket, "connect").catch(() => {})));
  const [lost = 0] = members.ids.filter((id) => id !== leader);
  await members.signal(lost, "SIGKILL");
  members.start(lost);
  await members.serving();
  for (const socket of idle) socket.destroy();
});

test.run();
