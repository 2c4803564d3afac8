import { test } from "uvu";
import * as assert from "uvu/assert";
import { Applier } from "../../../core/tree/apply.ts";
import { Tree } from "../../../core/tree/tree.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { OPEN_ACL, READ_ACL } from "../../../core/wire/records.ts";
import { SessionId } from "../../../core/wire/session_id.ts";
import {
  create,
  digestFromScratch,
  digestOf,
  encodeTxn,
  fromHex,
  History,
  Recorder,
  refusal,
  remove,
  setData,
  text,
  withDigest,
} from "./history.ts";

const SESSION = { session: 5 };
const EPHEMERAL = { ephemeral: true };

// Captured from an Apache ensemble: the first session, and `create /a "hello"` (PP 1.1, PP 5.3).
const CAPTURED = [
  `0100001003e50000 00000000 0000000200000001 000001a200b15ca1 fffffff6 00004e20
   00000002 0000000051c6d660`,
  `0100001003e50000 00000001 0000000200000002 000001a200b15cb2 00000001
   00000002 2f61 00000005 68656c6c6f 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65
   00 00000001 00000002 0000000105a75872`,
].map(fromHex);

test("apply() gives the digests that a Java ensemble gave for its first transactions", () => {
  const tree = new Tree({ hashSeed: 1, extendedTypes: false });
  const applier = new Applier(tree, new Recorder());
  applier.verifiesDigest = true;
  assert.is(digestOf(tree), 0x51c6d660n);
  for (const bytes of CAPTURED) applier.apply(bytes, 0, bytes.length);
  assert.is(digestOf(tree), 0x105a75872n);
  assert.is(applier.digestMismatches, 0);
  assert.is(tree.sessions.get(new SessionId(0x0100_0010, 0x03e5_0000))?.timeoutMs, 20_000);
  assert.is(tree.lastZxid, 0x2_0000_0002);
});

test("apply() counts a digest that is not the tree's, and only when told to look", () => {
  const { applier } = new History();
  const wrong = withDigest(encodeTxn(create("/a"), { zxid: 9 }), 1, 2);
  applier.apply(wrong, 0, wrong.length);
  assert.is(applier.digestMismatches, 0);
  applier.verifiesDigest = true;
  applier.apply(wrong, 0, wrong.length);
  assert.is(applier.digestMismatches, 1);
});

test("create sets the new node's stat, and cversion and pzxid of the parent alone", () => {
  const h = new History();
  h.apply(create("/a", { data: text("data"), acls: READ_ACL, parentCversion: 3 }), { zxid: 77 });
  const { dataLength, cversion, pzxid, ...rest } = h.tree.stat(h.node("/a"));
  assert.equal([dataLength, cversion, pzxid], [4, 0, 77]);
  assert.equal([rest.czxid, rest.mzxid, rest.ctime, rest.mtime], [77, 77, h.timeMs, h.timeMs]);
  assert.equal([rest.version, rest.aversion, rest.ephemeralOwner, rest.numChildren], [0, 0, 0n, 0]);
  assert.equal(h.tree.acls(h.tree.aclId(h.node("/a"))), READ_ACL);
  assert.equal([h.tree.cversion(0), h.tree.pzxid(0), h.tree.mzxid(0)], [3, 77, 0]);
  assert.is(h.tree.stat(0).cversion, 2 * 3 - 2);
});

test("create onto an existing node keeps data and stat, takes the ACL, raises the parent", () => {
  const h = new History();
  h.apply(create("/a", { data: text("old"), parentCversion: 1 }), { zxid: 10 });
  const before = h.tree.stat(h.node("/a"));
  h.told.take();
  h.apply(create("/a", { data: text("new"), acls: READ_ACL, parentCversion: 4 }), { zxid: 11 });
  assert.equal(h.tree.stat(h.node("/a")), before);
  assert.equal(h.tree.data(h.node("/a")), text("old"));
  assert.equal(h.tree.acls(h.tree.aclId(h.node("/a"))), READ_ACL);
  assert.equal([h.tree.cversion(0), h.tree.pzxid(0)], [4, 11]);
  assert.equal(h.told.take(), ["failed -110"]);
});

test("every kind of create onto an existing node raises the parent, or numbers come twice", () => {
  const { create2, createContainer, createTtl } = OPCODES;
  for (const type of [create2, createContainer, createTtl]) {
    const h = new History();
    h.apply(create("/a", { parentCversion: 1 }), { zxid: 10 });
    h.apply(create("/a", { type, parentCversion: 4 }), { zxid: 11 });
    assert.equal([h.tree.cversion(0), h.tree.pzxid(0)], [4, 11]);
  }
});

test("create without a parent is passed over, its zxid consumed", () => {
  const h = new History();
  h.apply(create("/gone/a"), { zxid: 12 });
  assert.is(h.node("/gone/a"), -1);
  assert.is(h.tree.lastZxid, 12);
  assert.equal(h.told.take(), ["failed -101"]);
});

test("create leaves a parent alone whose cversion is not below the transaction's", () => {
  const h = new History();
  h.apply(create("/a", { parentCversion: 5 }), { zxid: 10 });
  h.apply(create("/b", { parentCversion: 5 }), { zxid: 11 });
  assert.equal([h.tree.cversion(0), h.tree.pzxid(0)], [5, 10]);
  assert.ok(h.node("/b") > 0);
});

test("create with parentCversion -1, or from a server that wrote none, counts on by one", () => {
  const h = new History();
  h.apply(create("/a", { parentCversion: 5 }));
  h.apply(create("/b", { parentCversion: -1 }));
  assert.is(h.tree.cversion(0), 6);
  const whole = encodeTxn(create("/c", { parentCversion: 0 }), { zxid: h.zxid + 1 });
  h.applier.apply(whole, 0, whole.length - 4);
  assert.ok(h.node("/c") > 0);
  assert.is(h.tree.cversion(0), 7);
});

test("delete of a missing node still raises the parent's pzxid", () => {
  const h = new History();
  h.apply(remove("/a"), { zxid: 20 });
  assert.is(h.tree.pzxid(0), 20);
  assert.equal(h.told.take(), ["failed -101"]);
  h.apply(remove("/a/b"), { zxid: 21 });
  assert.is(h.tree.pzxid(0), 20);
});

test("delete removes the node and raises the parent's pzxid, never lowers it", () => {
  const h = new History();
  h.apply(create("/a", { parentCversion: 1 }), { zxid: 10 });
  h.apply(create("/b", { parentCversion: 2 }), { zxid: 30 });
  h.apply(remove("/a"), { zxid: 20 });
  assert.equal([h.node("/a"), h.tree.pzxid(0), h.tree.cversion(0)], [-1, 30, 2]);
  h.apply(remove("/b"), { zxid: 40 });
  assert.equal([h.tree.pzxid(0), h.tree.cversion(0), h.tree.childCount(0)], [40, 2, 1]);
});

test("delete takes along children that a fuzzy snapshot had from later on", () => {
  const h = new History();
  h.apply(create("/a"));
  h.apply(create("/a/b", EPHEMERAL), SESSION);
  h.apply(remove("/a"));
  assert.equal([h.node("/a"), h.node("/a/b"), h.tree.ephemeralCount], [-1, -1, 0]);
  assert.is(digestOf(h.tree), digestFromScratch(h.tree));
});

test("delete of the root is passed over", () => {
  const h = new History();
  h.apply(remove("/"));
  assert.is(h.node("/"), 0);
  assert.is(h.tree.nodeCount, 4);
});

test("setData sets data, version, mzxid and mtime, as absolute values", () => {
  const h = new History();
  h.apply(create("/a", { data: text("x") }), { zxid: 10, timeMs: 1_000 });
  h.apply(setData("/a", text("longer"), 41), { zxid: 11, timeMs: 2_000 });
  h.apply(setData("/a", text("longer"), 41), { zxid: 11, timeMs: 2_000 });
  const stat = h.tree.stat(h.node("/a"));
  assert.equal([stat.version, stat.mzxid, stat.mtime, stat.dataLength], [41, 11, 2_000, 6]);
  assert.equal([stat.czxid, stat.ctime, stat.pzxid], [10, 1_000, 10]);
  h.apply(setData("/a", null, 42));
  assert.is(h.tree.data(h.node("/a")), null);
});

test("setData and setACL of a missing node are ignored", () => {
  const h = new History();
  h.apply(setData("/a", text("x"), 1));
  h.apply({ type: OPCODES.setAcl, path: "/a", acls: READ_ACL, version: 1 });
  assert.equal(h.told.take(), ["failed -101", "failed -101"]);
});

test("setACL sets ACL and aversion, no zxid and no time", () => {
  const h = new History();
  h.apply(create("/a"), { zxid: 10 });
  const { aversion: _, ...before } = h.tree.stat(h.node("/a"));
  h.apply({ type: OPCODES.setAcl, path: "/a", acls: READ_ACL, version: 9 });
  const { aversion, ...after } = h.tree.stat(h.node("/a"));
  assert.is(aversion, 9);
  assert.equal(after, before);
  assert.equal(h.tree.acls(h.tree.aclId(h.node("/a"))), READ_ACL);
  h.apply({ type: OPCODES.setAcl, path: "/a", acls: OPEN_ACL, version: 10 });
  assert.is(h.tree.aclId(h.node("/a")), -1);
});

test("closeSession deletes what it lists, then the session's other ephemerals and itself", () => {
  const h = new History();
  h.apply({ type: OPCODES.createSession, timeoutMs: 4_000 }, SESSION);
  for (const path of ["/one", "/two", "/three"]) h.apply(create(path, EPHEMERAL), SESSION);
  h.apply(create("/other", EPHEMERAL), { session: 6 });
  h.told.take();
  h.apply({ type: OPCODES.closeSession, paths: ["/two", "/missing"] }, { ...SESSION, zxid: 5e9 });
  const told = ["deleted /two", "deleted /one", "deleted /three", "session closed"];
  assert.equal(h.told.take(), told);
  assert.equal([h.tree.sessions.size, h.tree.ephemeralCount, h.tree.pzxid(0)], [0, 1, 5e9]);
});

test("closeSession of an old server, without a list, deletes all ephemerals of the session", () => {
  const h = new History();
  h.apply(create("/one", EPHEMERAL), SESSION);
  const whole = encodeTxn({ type: OPCODES.closeSession, paths: [] }, { ...SESSION, zxid: 5e9 });
  h.applier.apply(whole, 0, whole.length - 4);
  assert.is(h.node("/one"), -1);
});

test("multi applies its operations in order, each told with its own intermediate state", () => {
  const h = new History();
  const stats: number[] = [];
  const { dataSet } = h.told;
  h.told.dataSet = (node, path) => {
    stats.push(h.tree.version(node), h.tree.dataLength(node));
    dataSet(node, path);
  };
  const check = { type: OPCODES.check, path: "/a", version: 3 } as const;
  h.apply({
    type: OPCODES.multi,
    txns: [
      create("/a"),
      setData("/a", text("1"), 1),
      setData("/a", text("22"), 2),
      check,
      create("/a/b", { type: OPCODES.create2 }),
      remove("/a/b"),
    ],
  });
  assert.equal(h.told.take(), [
    "multi 6",
    "created /a",
    "dataSet /a",
    "dataSet /a",
    "checked",
    "created /a/b",
    "deleted /a/b",
    "multi end",
  ]);
  assert.equal(stats, [1, 1, 2, 2]);
  const stat = h.tree.stat(h.node("/a"));
  assert.equal([stat.czxid, stat.mzxid, stat.pzxid], [h.zxid, h.zxid, h.zxid]);
});

test("multi with an error in it applies nothing, and its zxid is consumed", () => {
  const h = new History();
  const before = h.dump();
  h.apply({
    type: OPCODES.multi,
    txns: [create("/a"), { type: OPCODES.error, code: -101 }, { type: OPCODES.error, code: -2 }],
  });
  assert.equal(h.dump(), before);
  assert.is(h.tree.lastZxid, h.zxid);
  assert.equal(h.told.take(), ["multi 3", "failed 0", "failed -101", "failed -2", "multi end"]);
});

test("multi accepts an error that still has the body of the create it was", () => {
  const h = new History();
  const bytes = encodeTxn({
    type: OPCODES.multi,
    txns: [create("/a"), { type: OPCODES.error, code: -101 }],
  });
  // Header and count are 36 bytes; then the type of the first operation.
  bytes.set([0xff, 0xff, 0xff, 0xff], 36);
  h.applier.apply(bytes, 0, bytes.length);
  assert.equal(h.told.take(), ["multi 2", "failed 0", "failed -101", "multi end"]);
});

test("an empty multi, an error and a top-level check change nothing but lastZxid", () => {
  const h = new History();
  const before = h.dump();
  h.apply({ type: OPCODES.multi, txns: [] });
  h.apply({ type: OPCODES.error, code: -110 });
  h.apply({ type: OPCODES.check, path: "/", version: 1 });
  assert.equal(h.dump(), before);
  assert.is(h.tree.lastZxid, h.zxid);
  assert.equal(h.told.take(), ["multi 0", "multi end", "failed -110", "checked"]);
});

test("containers and TTL nodes have their kind, and report no owner", () => {
  const h = new History();
  h.apply(create("/c", { type: OPCODES.createContainer }));
  h.apply(create("/t", { type: OPCODES.createTtl, ttlMs: 0xff_ffff_ffff }));
  h.apply(create("/e", EPHEMERAL), SESSION);
  const kinds = ["/c", "/t", "/e", "/"].map((path) => h.tree.kind(h.node(path)));
  assert.equal(kinds, ["container", "ttl", "ephemeral", "persistent"]);
  assert.is(h.tree.ttlMs(h.node("/t")), 0xff_ffff_ffff);
  assert.is(h.tree.stat(h.node("/c")).ephemeralOwner, 0n);
  assert.is(h.tree.stat(h.node("/t")).ephemeralOwner, 0n);
  assert.is(h.tree.stat(h.node("/e")).ephemeralOwner, 0x0100_0000_0000_0005n);
  h.apply({ type: OPCODES.deleteContainer, path: "/c" });
  assert.is(h.node("/c"), -1);
});

test("without extended types a TTL owner is that of an ephemeral", () => {
  const h = new History(new Tree({ hashSeed: 7, extendedTypes: false }));
  h.apply(create("/t", { type: OPCODES.createTtl, ttlMs: 1 }));
  assert.is(h.tree.kind(h.node("/t")), "ephemeral");
  assert.is(h.tree.firstEphemeral(0xff00_0000 | 0, 1), h.node("/t"));
});

test("reconfig sets the data of /zookeeper/config, outside the digest", () => {
  const h = new History();
  const before = digestOf(h.tree);
  const path = "/zookeeper/config";
  h.apply({ type: OPCODES.reconfig, path, data: text("server.1=a"), version: -1 });
  assert.equal(h.tree.data(h.node(path)), text("server.1=a"));
  assert.is(h.tree.version(h.node(path)), -1);
  assert.is(digestOf(h.tree), before);
});

test("deleted() can still read the ACL of the node that is gone", () => {
  const h = new History();
  h.apply(create("/a", { acls: READ_ACL }));
  h.apply({
    type: OPCODES.setAcl,
    path: "/a",
    acls: [{ perms: 3, scheme: "ip", id: "::1" }],
    version: 1,
  });
  let perms = 0;
  h.told.deleted = (_path, aclId, parent) => {
    perms = h.tree.acls(aclId)[0]?.perms ?? 0;
    assert.is(parent, 0);
  };
  h.apply(remove("/a"));
  assert.is(perms, 3);
});

test("beforeChange() sees the data as it was", () => {
  const h = new History();
  const seen: unknown[] = [];
  const listener = Object.assign(h.told, {
    beforeChange: (node: number) => seen.push(h.tree.data(node)),
  });
  h.apply(create("/a", { data: text("1") }));
  h.apply(setData("/a", text("2"), 1));
  h.apply(remove("/a"));
  assert.equal(seen, [text("1"), text("2")]);
  assert.ok(listener);
});

test("apply() refuses bytes cut anywhere, having changed nothing", () => {
  const h = new History();
  const whole = encodeTxn(
    {
      type: OPCODES.multi,
      txns: [create("/a", { type: OPCODES.create2, data: text("d") }), setData("/", text("x"), 1)],
    },
    { zxid: 99 },
  );
  const before = h.dump();
  for (let end = 0; end < whole.length; end++) {
    assert.throws(() => h.applier.apply(whole, 0, end), refusal("MarshallingError"));
  }
  const unknown = encodeTxn({ type: OPCODES.error, code: 0 });
  unknown[31] = 99;
  assert.throws(() => h.applier.apply(unknown, 0, unknown.length), refusal("Unimplemented"));
  assert.equal(h.dump(), before);
  assert.equal([h.tree.lastZxid, h.told.take().length], [0, 0]);
});

test.run();
