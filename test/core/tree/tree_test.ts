import { test } from "uvu";
import * as assert from "uvu/assert";
import { STAT_INTS } from "../../../core/tree/digest.ts";
import { NO_NODE, type NodeTracker, ROOT, STAT_BYTES, Tree } from "../../../core/tree/tree.ts";
import { JuteReader } from "../../../core/wire/jute.ts";
import { READ_ACL, readStat, type Stat } from "../../../core/wire/records.ts";
import { create, digestFromScratch, digestOf, History, remove, setData, text } from "./history.ts";

const ZERO: Stat = {
  czxid: 0,
  mzxid: 0,
  ctime: 0,
  mtime: 0,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
  pzxid: 0,
};

test("a fresh tree has the system nodes with the Stats of a fresh server (CP 3.4)", () => {
  const { tree } = new History();
  const stat = (path: string): Stat => tree.stat(tree.findPath(path));
  assert.equal(stat("/"), { ...ZERO, cversion: -1, numChildren: 1 });
  assert.equal(stat("/zookeeper"), { ...ZERO, cversion: -2, numChildren: 2 });
  assert.equal(stat("/zookeeper/quota"), ZERO);
  assert.equal(stat("/zookeeper/config"), { ...ZERO, aversion: -1 });
  assert.equal(tree.acls(tree.aclId(tree.findPath("/zookeeper/config"))), READ_ACL);
  assert.is(tree.aclId(tree.findPath("/zookeeper")), -1);
  assert.is(tree.nodeCount, 4);
});

test("find() knows the root by both names, and no node by what is nearly its path", () => {
  const h = new History();
  h.apply(create("/a"));
  h.apply(create("/a/bc"));
  assert.equal([h.node(""), h.node("/")], [ROOT, ROOT]);
  for (const path of [
    "a",
    "/a/",
    "//a",
    "/a/b",
    "/a/bcd",
    "/a//bc",
    "/a/bc/",
    "a/bc",
    "/bc",
    "/ a",
  ]) {
    assert.is(h.node(path), NO_NODE, path);
  }
});

test("find() takes a path from the middle of other bytes", () => {
  const h = new History();
  h.apply(create("/a"));
  assert.is(h.tree.find(text("xx/ayy"), 2, 4), h.node("/a"));
});

test("find() finds each of many nodes while half of them come and go, whatever the seed", () => {
  for (const hashSeed of [0, -1, 123_456_789]) {
    const h = new History(new Tree({ hashSeed, extendedTypes: true }));
    const missing = (i: number): boolean => i % 3 === 0;
    for (let i = 0; i < 20_000; i++) h.apply(create(`/n${i}`));
    for (let i = 0; i < 20_000; i++) if (missing(i)) h.apply(remove(`/n${i}`));
    for (let i = 0; i < 20_000; i++) {
      const node = h.node(`/n${i}`);
      assert.is(
        node === NO_NODE ? undefined : h.tree.nameOf(node),
        missing(i) ? undefined : `n${i}`,
      );
    }
    assert.is(h.tree.nodeCount, 4 + 20_000 - 6_667);
  }
});

test("writeStat() writes what stat() says, at an offset and no further", () => {
  const h = new History();
  h.apply(create("/a", { data: text("xyz"), ephemeral: true }), { session: 0xffff_fffe });
  const bytes = new Uint8Array(STAT_BYTES + 10).fill(0xee);
  h.tree.writeStat(h.node("/a"), bytes, 5);
  assert.equal(readStat(new JuteReader(bytes, 5)), h.tree.stat(h.node("/a")));
  assert.equal([...bytes.slice(0, 5), ...bytes.slice(-5)], new Array(10).fill(0xee));
});

test("writeData() and data() give copies, of null too", () => {
  const h = new History();
  h.apply(create("/a", { data: text("xyz") }));
  const target = new Uint8Array(5);
  h.tree.writeData(h.node("/a"), target, 1);
  assert.equal(target, Uint8Array.from([0, ...text("xyz"), 0]));
  const copy = h.tree.data(h.node("/a"));
  h.apply(setData("/a", text("abc"), 1));
  assert.equal(copy, text("xyz"));
  h.apply(setData("/a", null, 2));
  assert.equal([h.tree.data(h.node("/a")), h.tree.dataLength(h.node("/a"))], [null, 0]);
});

test("copyStatInts() and crcOfPathAndData() give what a node's digest is made of", () => {
  const h = new History();
  h.apply(create("/a", { data: text("xyz") }));
  const ints = new Int32Array(STAT_INTS + 1);
  h.tree.copyStatInts(h.node("/a"), ints, 1);
  assert.equal([ints[2], ints[4]], [h.zxid | 0, h.zxid | 0]);
  const node = h.node("/zookeeper/quota");
  assert.equal([h.tree.digest(node), h.tree.isOutsideDigest(node)], [0, true]);
  assert.not(h.tree.isOutsideDigest(h.node("/zookeeper")));
});

test("the digest leaves out what is below /zookeeper also after /zookeeper was made anew", () => {
  const h = new History();
  h.apply(remove("/zookeeper"));
  h.apply(create("/zookeeper", { data: text("new") }));
  h.apply(create("/zookeeper/config", { data: text("x") }));
  h.apply(create("/zookeeper2"));
  h.apply(create("/zookeeper2/counted"));
  assert.is(digestOf(h.tree), digestFromScratch(h.tree));
});

test("a session's ephemerals keep their order when first, middle and last one go", () => {
  const h = new History();
  const make = (path: string): unknown =>
    h.apply(create(path, { ephemeral: true }), { session: 1 });
  const paths = (): string => {
    let all = "";
    let n = h.tree.firstEphemeral(0x0100_0000, 1);
    for (; n !== NO_NODE; n = h.tree.nextEphemeral(n)) all += h.tree.nameOf(n);
    return all;
  };
  for (const path of ["/a", "/b", "/c", "/d"]) make(path);
  assert.is(paths(), "abcd");
  for (const path of ["/b", "/d", "/a"]) h.apply(remove(path));
  make("/e");
  assert.is(paths(), "ce");
  for (const path of ["/e", "/c"]) h.apply(remove(path));
  assert.is(paths(), "");
  make("/f");
  assert.is(paths(), "f");
});

test("descendantCount() counts all below", () => {
  const h = new History();
  for (const path of ["/a", "/a/b", "/a/b/c", "/a/d", "/e"]) h.apply(create(path));
  const counts = ["/", "/a", "/a/b/c"].map((path) => h.tree.descendantCount(h.node(path)));
  assert.equal(counts, [8, 3, 0]);
});

test("memory of deleted nodes is used again", () => {
  const h = new History();
  const fill = (): void => {
    const data = new Uint8Array(100);
    const name = "n".repeat(30);
    for (let i = 0; i < 3_000; i++) h.apply(create(`/${name}${i}`, { data }));
  };
  const empty = (): void => {
    for (const [path] of h.dump()) if (path.startsWith("/n")) h.apply(remove(path));
  };
  fill();
  const [bytes, end] = [h.tree.bytesUsed, h.tree.indexEnd];
  for (let round = 0; round < 3; round++) {
    empty();
    fill();
  }
  assert.equal([h.tree.bytesUsed, h.tree.indexEnd], [bytes, end]);
});

test("a tracker hears of every node changed and every path gone, until untrack()", () => {
  const h = new History();
  const touched = new Set<string>();
  const removed: string[] = [];
  const tracker: NodeTracker = {
    touched: (node) => touched.add(h.tree.pathOf(node)),
    removed: (_node, bytes, start, end) =>
      removed.push(new TextDecoder().decode(bytes.subarray(start, end))),
  };
  h.tree.track(tracker);
  h.apply(create("/a"));
  h.apply(create("/a/b"));
  assert.equal([...touched].sort(), ["/", "/a", "/a/b"]);
  h.apply(remove("/a"));
  assert.equal(removed.sort(), ["/a", "/a/b"]);
  h.tree.untrack(tracker);
  touched.clear();
  h.apply(create("/c"));
  assert.is(touched.size, 0);
});

test.run();
