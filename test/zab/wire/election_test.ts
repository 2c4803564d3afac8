import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_VOTE, type Notification } from "../../../plugins/zab/messages.ts";
import {
  decodeElectionHello,
  encodeElectionHello,
  parseAddress,
} from "../../../plugins/zab/wire/election_hello.ts";
import { decodeNotification, encodeNotification } from "../../../plugins/zab/wire/notification.ts";
import { fromHex, toHex } from "./hex.ts";

// Captured between two Apache ZooKeeper 3.8.0 servers (PP 3.2).
const HELLO = fromHex('ffffffffffff0000 0000000000000002 0000000f "127.0.0.1:23382"');
const CONFIG = "server.1=127.0.0.1:1:2:participant\nserver.2=127.0.0.1:3:4:participant\nversion=0";
const VOTE = fromHex(`
  00000000 0000000000000002 0000000000000000 0000000000000001 0000000000000001 00000002
  0000004f "${CONFIG}"`);

test("the hello of Apache's server is read, and written byte for byte", () => {
  const read = decodeElectionHello(Buffer.concat([HELLO, fromHex("00000028")]));
  assert.is(read?.end, HELLO.length);
  assert.equal(read?.hello, { serverId: 2, addresses: [{ host: "127.0.0.1", port: 23382 }] });
  assert.is(toHex(encodeElectionHello(2, { host: "127.0.0.1", port: 23382 })), toHex(HELLO));
});

test("a hello that is cut anywhere is waited for", () => {
  for (let cut = 0; cut < HELLO.length; cut++) {
    assert.is(decodeElectionHello(HELLO.slice(0, cut)), undefined);
  }
});

test("a hello may name several addresses, or nothing but the server in the ancient format", () => {
  const several = fromHex('ffffffffffff0001 0000000000000003 0000000d "a:1|[::1]:234"');
  const read = decodeElectionHello(several);
  assert.equal(read?.hello.addresses, [
    { host: "a", port: 1 },
    { host: "::1", port: 234 },
  ]);
  assert.equal(decodeElectionHello(fromHex("0000000000000007")), {
    hello: { serverId: 7, addresses: [] },
    end: 8,
  });
});

test("a hello with another version, a wrong length or no address is refused", () => {
  assert.throws(() => decodeElectionHello(fromHex("fffffffffffefffe")), /not known/);
  const long = fromHex("ffffffffffff0000 0000000000000002 00000801");
  assert.throws(() => decodeElectionHello(long), /2049 bytes/);
  assert.throws(() => parseAddress("host:99999"), /no address/);
  assert.throws(() => parseAddress("no port"), /no address/);
});

test("a notification is read and written byte for byte, and may bear our mark", () => {
  const vote = decodeNotification(VOTE);
  assert.equal(vote, {
    state: "looking",
    leader: 2,
    zxid: 0,
    round: 1,
    peerEpoch: 1,
    version: 2,
    membership: CONFIG,
    isZookit: false,
  });
  assert.is(toHex(encodeNotification(vote as Notification)), toHex(VOTE));
  const marked = encodeNotification({ ...(vote as Notification), isZookit: true });
  assert.is(toHex(marked), toHex(VOTE) + toHex(fromHex('"Zookit"')));
  assert.is(decodeNotification(marked)?.isZookit, true);
  const pending = CONFIG.replace("version=0", "version=100000001");
  const told = { ...(vote as Notification), isZookit: true, pending };
  assert.equal(decodeNotification(encodeNotification(told)), told);
});

test("older notifications have 28 or 40 bytes; other lengths are ignored", () => {
  const lengths = Array.from({ length: VOTE.length + 1 }, (_, length) => length);
  const read = lengths.filter((length) => decodeNotification(VOTE.slice(0, length)) !== undefined);
  assert.equal(read, [28, 40, VOTE.length]);
  for (const membershipBytes of ["7fffffff", "00080000", "80000000", "ffffffff"]) {
    const lie = Buffer.concat([VOTE.slice(0, 40), fromHex(membershipBytes), VOTE.slice(44)]);
    assert.is(decodeNotification(lie), undefined);
  }
  assert.is(decodeNotification(fromHex(`00000004 ${"00".repeat(24)}`)), undefined);
  const epochOfZxid = fromHex("00000002 0000000000000002 0000000500000007 0000000000000001");
  assert.is(decodeNotification(epochOfZxid)?.peerEpoch, 5);
});

test("who may not vote says so with Java's least long", () => {
  const none = { leader: NO_VOTE, zxid: NO_VOTE, peerEpoch: NO_VOTE };
  const rest = { round: 0, version: 2, membership: CONFIG, isZookit: false };
  const bytes = encodeNotification({ state: "looking", ...none, ...rest });
  assert.is(toHex(bytes.subarray(4, 20)), "8000000000000000".repeat(2));
  assert.is(decodeNotification(bytes)?.leader, NO_VOTE);
});

test.run();
