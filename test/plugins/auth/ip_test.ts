import { test } from "uvu";
import * as assert from "uvu/assert";
import { IpAuth } from "../../../plugins/auth/mod.ts";
import { testAuthProvider } from "../../conformance/auth.ts";

const PEER = { address: "10.1.2.3", port: 1, secure: false, certificateSubject: undefined };

testAuthProvider({
  test,
  make: () => new IpAuth(),
  accepted: { data: new Uint8Array(0), peer: PEER },
  invalidIds: [
    "",
    "localhost",
    "10.1.2",
    "10.1.2.256",
    "10.1.2.3/33",
    "10.1.2.3/-1",
    "10.1.2.3/",
    "10.1.2.3/8/8",
    "::1::2",
    "1:2:3",
    "::1/129",
    "12345::",
    ":",
    "1:2:3:4:5:6:7:8::",
  ],
});

test("IpAuth.matches() compares as many bits as the ACL says", () => {
  const ip = new IpAuth();
  for (const [acl, isMeant] of [
    ["10.1.2.3", true],
    ["10.1.2.4", false],
    ["10.1.2.0/24", true],
    ["10.1.3.0/24", false],
    ["10.1.3.0/23", true],
    ["10.1.2.2/31", true],
    ["10.1.2.0/31", false],
    ["192.0.0.0/0", true],
    ["::/0", false],
    ["::ffff:10.1.2.3", true],
  ] as const) {
    assert.is(ip.matches("10.1.2.3", acl), isMeant, acl);
  }
});

test("IpAuth knows IPv6 in every way of writing it", () => {
  const ip = new IpAuth();
  for (const [acl, isMeant] of [
    ["2001:db8:0:0:0:0:0:7", true],
    ["2001:DB8::7", true],
    ["2001:db8::/32", true],
    ["2001:db9::/32", false],
    ["2001:db8::/127", false],
    ["2001:db8::6/127", true],
    ["::/0", true],
    ["::0.0.0.7", false],
    ["0.0.0.0/0", false],
  ] as const) {
    assert.ok(ip.isValid(acl), acl);
    assert.is(ip.matches("2001:db8::7", acl), isMeant, acl);
  }
});

test("IpAuth.identify() names the address, plain and without its zone, and no other peer", () => {
  const ip = new IpAuth();
  const idOf = (address: string): string | undefined => ip.identify({ ...PEER, address })[0]?.id;
  assert.is(idOf("10.1.2.3"), "10.1.2.3");
  assert.is(idOf("::ffff:10.1.2.3"), "10.1.2.3");
  assert.is(idOf("fe80::1%eth0"), "fe80::1");
  assert.is(idOf("in-process"), undefined);
});

test.run();
