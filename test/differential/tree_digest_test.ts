import { test } from "uvu";
import * as assert from "uvu/assert";
import { DigestedTree } from "./tree_digest.ts";
import { fromHex } from "./wire.ts";

/** As Apache proposed it on a fresh tree: create /a "hello" (peer reference section 5.3). */
const CREATE = [
  "0100001003e50000 00000001 0000000200000002 000001a200b15cb2 00000001",
  "00000002 2f61 00000005 68656c6c6f",
  "00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00 00000001",
].join("");
const DIGEST = "00000002 0000000105a75872";

function apply(...hex: readonly string[]): DigestedTree {
  const tree = new DigestedTree();
  for (const each of hex) tree.apply(fromHex(each.replaceAll(" ", "")));
  return tree;
}

test("the digest that Apache announced for a create is the one by the rule", () => {
  const { report } = apply(CREATE + DIGEST);
  assert.equal(report.mismatches, []);
  assert.is(report.digestCount, 1);
});

test("a digest that is off by one is told", () => {
  const { report } = apply(`${CREATE}00000002 0000000105a75873`);
  assert.is(report.mismatches.length, 1);
});

test("an error changes nothing, and its digest is that of a fresh tree", () => {
  const error = "0100001003e50000 00000001 0000000000000080 000001a200b15cb2 ffffffff ffffff9b";
  assert.is(apply(error).report.noted.get(128n), 0x51c6d660n);
});

test.run();
