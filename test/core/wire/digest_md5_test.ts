import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  digestProof,
  formatDirectives,
  hex,
  parseDirectives,
  quoted,
} from "../../../core/wire/digest_md5.ts";
import { md5 } from "../../../core/wire/md5.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (text: string): unknown => {
  const directives = parseDirectives(bytes(text));
  return directives === undefined ? undefined : [...directives];
};

test("md5() gives the hashes of RFC 1321", () => {
  assert.is(hex(md5(bytes(""))), "d41d8cd98f00b204e9800998ecf8427e");
  assert.is(hex(md5(bytes("message digest"))), "f96b697d7cb7938d525a2f31aaf161d0");
});

test("md5() agrees with OpenSSL on every length around the ends of blocks", () => {
  for (let length = 0; length < 200; length++) {
    const message = Uint8Array.from({ length }, (_, i) => (i * 167) & 0xff);
    assert.is(hex(md5(message)), createHash("md5").update(message).digest("hex"), `${length}`);
  }
});

test("digestProof() gives the proofs of the example in RFC 2831, section 4", () => {
  const login = {
    username: "chris",
    password: "secret",
    realm: "elwood.innosoft.com",
    nonce: "OA6MG9tEQGm2hh",
    cnonce: "OA6MHXh6VqTrRk",
    uri: "imap/elwood.innosoft.com",
  };
  assert.is(digestProof(login, "client"), "d388dad90d4bbd760a152321f2143af7");
  assert.is(digestProof(login, "server"), "ea40f60335c427b5527b84dbabcdfffd");
});

test("parseDirectives() reads what Java and Python clients write", () => {
  assert.equal(parse('charset=utf-8,username="u",realm="zk-sasl-md5",nc=00000001,qop=auth'), [
    ["charset", "utf-8"],
    ["username", "u"],
    ["realm", "zk-sasl-md5"],
    ["nc", "00000001"],
    ["qop", "auth"],
  ]);
  assert.equal(parse(' a = "1,2" , B=\t3'), [
    ["a", "1,2"],
    ["b", "3"],
  ]);
});

test("parseDirectives() reads back what quoted() and formatDirectives() write", () => {
  for (const value of ["", 'a"b', "a\\b", "\\", "ü,=", "日本\n"]) {
    const token = formatDirectives([["x", quoted(value)]]);
    assert.equal([...(parseDirectives(token) ?? [])], [["x", value]]);
  }
});

test("parseDirectives() refuses what is malformed, doubled or too long", () => {
  for (const text of ["a", "=1", 'a="1', 'a="1"2', "a=1,a=2", 'a=b"c', `a=${"1".repeat(4_095)}`]) {
    assert.is(parse(text), undefined, text);
  }
  assert.equal(parse(""), []);
});

test.run();
