import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SaslStep } from "../../../core/contracts/auth.ts";
import type { Outcome } from "../../../core/errors/zk_error.ts";
import {
  digestProof,
  formatDirectives,
  parseDirectives,
  quoted,
} from "../../../core/wire/digest_md5.ts";
import { SaslDigestMd5 } from "../../../plugins/auth/mod.ts";
import { SystemEntropy } from "../../../plugins/system/mod.ts";

const EMPTY = new Uint8Array(0);
const OPTIONS = { users: { ann: "secret", 'bob,"\\': "pä日", super: "old" }, superUsers: ["ann"] };

function provider(options = {}): SaslDigestMd5 {
  return new SaslDigestMd5(new SystemEntropy(), { ...OPTIONS, ...options });
}

/** What a client says to the challenge `token`, with changes to what is right. */
function reply(
  token: Uint8Array,
  username: string,
  password: string,
  changes: Readonly<Record<string, string | undefined>> = {},
): Uint8Array {
  const challenge = parseDirectives(token);
  const [realm, uri] = [challenge?.get("realm") ?? "", "zookeeper/zk-sasl-md5"];
  const { authzid } = changes;
  const login = { realm, nonce: challenge?.get("nonce") ?? "", cnonce: "c", uri };
  const said = {
    username,
    ...login,
    nc: "00000001",
    qop: "auth",
    response: digestProof({ ...login, username, password, authzid }, "client"),
    "digest-uri": uri,
    ...changes,
  };
  const { uri: _, ...directives } = said;
  return formatDirectives(
    Object.entries(directives).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, quoted(value)] as const],
    ),
  );
}

function login(
  of: SaslDigestMd5,
  username: string,
  password: string,
  changes?: Readonly<Record<string, string | undefined>>,
): Outcome<SaslStep> {
  const exchange = of.beginSasl();
  const first = exchange.step(EMPTY);
  assert.ok(first.ok);
  return exchange.step(reply(first.value.token, username, password, changes));
}

const idsOf = (outcome: Outcome<SaslStep>): unknown =>
  outcome.ok ? outcome.value.gained?.map(({ scheme, id }) => `${scheme}:${id}`) : outcome.error;

test("SaslDigestMd5 challenges as Apache ZooKeeper does, with a nonce of its own each time", () => {
  const sasl = provider();
  const challenges = [1, 2].map(() => {
    const step = sasl.beginSasl().step(EMPTY);
    assert.ok(step.ok);
    assert.is(step.value.gained, undefined);
    return new TextDecoder().decode(step.value.token);
  });
  const form = /^realm="zk-sasl-md5",nonce="[0-9a-f]{48}",charset=utf-8,algorithm=md5-sess$/;
  for (const challenge of challenges) assert.match(challenge, form);
  assert.is.not(challenges[0], challenges[1]);
});

test("SaslDigestMd5 lets the right password in and proves that it knows it", () => {
  const outcome = login(provider({ superUsers: [] }), "ann", "secret");
  assert.equal(idsOf(outcome), ["sasl:ann"]);
  assert.match(
    outcome.ok ? new TextDecoder().decode(outcome.value.token) : "",
    /^rspauth=[0-9a-f]{32}$/,
  );
  assert.equal(idsOf(login(provider(), 'bob,"\\', "pä日")), ['sasl:bob,"\\']);
  assert.equal(idsOf(login(provider(), "ann", "secret", { authzid: "ann" })), [
    "sasl:ann",
    "super:",
  ]);
});

test("SaslDigestMd5 lets nobody else in", () => {
  const sasl = provider();
  assert.is(idsOf(login(sasl, "ann", "Secret")), "AuthFailed");
  assert.is(idsOf(login(sasl, "ann", "")), "AuthFailed");
  for (const user of ["eve", "", "constructor", "__proto__"]) {
    assert.is(idsOf(login(sasl, user, "secret")), "AuthFailed", user);
    assert.is(idsOf(login(sasl, user, "undefined")), "AuthFailed", user);
  }
});

test("SaslDigestMd5 refuses a proof for another realm, nonce, server, use or user", () => {
  const sasl = provider();
  for (const changes of [
    { realm: "elsewhere" },
    { realm: undefined },
    { nonce: "0".repeat(48) },
    { nonce: undefined },
    { nc: "00000002" },
    { cnonce: undefined },
    { cnonce: "" },
    { qop: "auth-int" },
    { "digest-uri": "imap/zk-sasl-md5" },
    { "digest-uri": undefined },
    { response: undefined },
    { username: undefined },
    { authzid: "super" },
  ]) {
    assert.is(idsOf(login(sasl, "ann", "secret", changes)), "AuthFailed", JSON.stringify(changes));
  }
});

test("SaslDigestMd5 takes a proof once, and nothing after a wrong one", () => {
  const sasl = provider();
  const exchange = sasl.beginSasl();
  const challenge = exchange.step(EMPTY);
  assert.ok(challenge.ok);
  const right = reply(challenge.value.token, "ann", "secret");
  assert.is(idsOf(sasl.beginSasl().step(right)), "AuthFailed");
  const other = sasl.beginSasl();
  other.step(EMPTY);
  assert.is(idsOf(other.step(right)), "AuthFailed");
  assert.ok(exchange.step(right).ok);
  assert.is(idsOf(exchange.step(right)), "AuthFailed");
  assert.is(idsOf(exchange.step(EMPTY)), "AuthFailed");
  const failing = sasl.beginSasl();
  const step = failing.step(EMPTY);
  assert.ok(step.ok);
  failing.step(reply(step.value.token, "ann", "wrong"));
  assert.is(idsOf(failing.step(reply(step.value.token, "ann", "secret"))), "AuthFailed");
});

test("superPassword is that of the user super, who is meant by every id", () => {
  const sasl = provider({ superPassword: "new" });
  assert.equal(idsOf(login(sasl, "super", "new")), ["sasl:super"]);
  assert.is(idsOf(login(sasl, "super", "old")), "AuthFailed");
  assert.ok(sasl.matches("super", "bob"));
  assert.ok(sasl.matches("bob", "bob"));
  assert.not(sasl.matches("bob", "super"));
});

test("SaslDigestMd5 takes anyUser in an ACL for whoever has logged in", () => {
  const sasl = provider({ anyUser: "all" });
  assert.ok(sasl.matches("bob", "all"));
  assert.not(sasl.matches("all", "bob"));
  assert.not(provider().matches("bob", "all"));
});

test("SaslDigestMd5 takes ids that are names, also of Kerberos, and no auth packet", () => {
  const sasl = provider();
  for (const id of ["ann", "zk/host@REALM", "zk@REALM", "a/b/c"]) assert.ok(sasl.isValid(id), id);
  for (const id of ["a@b@c", "a/b/c@d", "a@b/c"]) assert.not(sasl.isValid(id), id);
  assert.equal(sasl.authenticate(), { ok: false, error: "AuthFailed" });
});

test.run();
