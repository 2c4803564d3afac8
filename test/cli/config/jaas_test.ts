import { test } from "uvu";
import * as assert from "uvu/assert";
import { JaasError, parseJaasUsers } from "../../../cli/config/jaas.ts";

const MODULE = "org.apache.zookeeper.server.auth.DigestLoginModule";

test("parseJaasUsers() reads the file of Apache's manual: comments, sections, quotes", () => {
  const text = `
    /* who may
       log in */
    QuorumServer { ${MODULE} required user_peer="none"; };
    Server { // DIGEST-MD5
      ${MODULE} required # as a shell comments
      user_super="adminsecret"
      user_bob="b{o}b;\\"=" user_eve=plain
      debug=true;
    };`;
  assert.equal(parseJaasUsers(text, "Server"), {
    super: "adminsecret",
    bob: 'b{o}b;"=',
    eve: "plain",
  });
  assert.equal(parseJaasUsers(text, "QuorumServer"), { peer: "none" });
});

test("parseJaasUsers() takes a section without users", () => {
  assert.equal(parseJaasUsers(`Server { ${MODULE} required; };`, "Server"), {});
});

test("parseJaasUsers() says what is wrong with what it cannot use", () => {
  for (const [text, message] of [
    ["", /no section Server/],
    [`Client { ${MODULE} required; };`, /no section Server/],
    ["Server { com.sun.security.auth.module.Krb5LoginModule required; };", /must begin with org/],
    ["Server { };", /not nothing/],
    [`Server { ${MODULE} required user_a="b"; }`, /not written as/],
    [`Server { ${MODULE} required user_a="b" };`, /must end in ; and/],
    [`Server { ${MODULE} required user_a "b"; };`, /must hold/],
    [`Server ${MODULE}`, /not written as/],
  ] as const) {
    const isRight = (error: unknown): boolean =>
      error instanceof JaasError && message.test(error.message);
    assert.throws(() => parseJaasUsers(text, "Server"), isRight, text);
  }
});

test.run();
