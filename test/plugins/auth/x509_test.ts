import { test } from "uvu";
import * as assert from "uvu/assert";
import { X509Auth } from "../../../plugins/auth/x509.ts";
import { testAuthProvider } from "../../conformance/auth.ts";

const SUBJECT = "CN=worker\\, 7,OU=Zoo,C=DE";
const PEER = { address: "10.1.2.3", port: 1, secure: true, certificateSubject: SUBJECT };
const NOTHING = new Uint8Array(0);

testAuthProvider({
  test,
  make: () => new X509Auth(),
  accepted: { data: NOTHING, peer: PEER },
  invalidIds: [
    "worker",
    "CN=a,",
    ",CN=a",
    "CN=a,,C=DE",
    "NOSUCH=a",
    "CN=a+",
    "CN=a b=c",
    'CN="a',
    "CN=#1",
    "CN=a\\",
    "1=a",
  ],
});

test("X509Auth.isValid() takes names as certificates and people write them", () => {
  for (const id of [
    SUBJECT,
    "CN=a",
    "cn=a , o=b",
    "CN=a;O=b",
    "CN=a+OU=b,C=DE",
    'CN="a, b",O=c',
    "1.2.840.113549.1.9.1=#160161,CN=a",
    "EMAILADDRESS=a@b.c,CN=ä",
    "CN=",
    "",
  ]) {
    assert.ok(new X509Auth().isValid(id), id);
  }
});

test("X509Auth.isValid() answers long text in time that grows with its length", () => {
  const id = `${"CN=a,".repeat(50_000)}CN`;
  assert.is(new X509Auth().isValid(id), false);
  assert.is(new X509Auth().isValid(`CN="${"\\".repeat(100_000)}`), false);
  assert.is(new X509Auth().isValid(" ".repeat(100_000).concat("x")), false);
});

test("X509Auth knows nobody who showed no certificate, or one without a subject", () => {
  for (const certificateSubject of [undefined, ""]) {
    const peer = { ...PEER, certificateSubject };
    assert.equal(new X509Auth().identify(peer), []);
    assert.equal(new X509Auth().authenticate(NOTHING, peer), { ok: false, error: "AuthFailed" });
  }
});

test("X509Auth.identify() makes the super user super, and nobody else", () => {
  const own = { scheme: "x509", id: SUBJECT };
  const auth = new X509Auth({ superUser: SUBJECT });
  assert.equal(auth.identify(PEER), [{ scheme: "super", id: "" }, own]);
  const other = new X509Auth({ superUser: "CN=worker" });
  assert.equal(other.identify(PEER), [own]);
});

test.run();
