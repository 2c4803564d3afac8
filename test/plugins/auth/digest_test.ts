import { test } from "uvu";
import * as assert from "uvu/assert";
import { DigestAuth } from "../../../plugins/auth/mod.ts";
import { testAuthProvider } from "../../conformance/auth.ts";

const PEER = { address: "127.0.0.1", port: 1, secure: false, certificateSubject: undefined };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

testAuthProvider({
  test,
  make: () => new DigestAuth(),
  accepted: { data: bytes("u:p"), peer: PEER },
  invalidIds: ["", "a", "a:", "a::", "a:b:c"],
});

test("DigestAuth gives the ids that Apache ZooKeeper gives", () => {
  const digest = new DigestAuth();
  assert.is(digest.digestOf("super:secret"), "super:lK75jTNcA+U9vtVEw5vB51mj/w4=");
  assert.is(digest.digestOf("u:p"), "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=");
  assert.match(digest.digestOf("ab"), /^ab:.{27}=$/);
  assert.match(digest.digestOf("ab:c:d"), /^ab:/);
  assert.is(digest.userName("u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ="), "u");
});

test("DigestAuth.isValid() cuts parts as Java does", () => {
  const digest = new DigestAuth();
  for (const id of ["a:b", ":b", "a:b:", "a:b::"]) assert.ok(digest.isValid(id), id);
});

test("DigestAuth makes whoever matches the super digest super, and nobody else", () => {
  const digest = new DigestAuth({ superDigest: "super:lK75jTNcA+U9vtVEw5vB51mj/w4=" });
  assert.equal(digest.authenticate(bytes("super:secret")), {
    ok: true,
    value: [
      { scheme: "super", id: "" },
      { scheme: "digest", id: "super:lK75jTNcA+U9vtVEw5vB51mj/w4=" },
    ],
  });
  const wrong = digest.authenticate(bytes("super:Secret"));
  assert.ok(wrong.ok);
  assert.equal(
    wrong.value.map(({ scheme }) => scheme),
    ["digest"],
  );
});

test("DigestAuth takes hashes by their Java names and refuses unknown ones", () => {
  for (const [algorithm, length] of [
    ["SHA1", 28],
    ["SHA-256", 44],
    ["SHA256", 44],
    ["SHA-512", 88],
    ["md5", 24],
  ] as const) {
    assert.is(new DigestAuth({ algorithm }).digestOf("u:p").length, 2 + length, algorithm);
  }
  assert.throws(() => new DigestAuth({ algorithm: "ROT13" }), /unknown digest algorithm ROT13/);
});

test.run();
