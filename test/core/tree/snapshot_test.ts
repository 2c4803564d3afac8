import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SliceSource } from "../../../core/contracts/consensus.ts";
import type { SnapshotSlice } from "../../../core/contracts/storage.ts";
import { Quotas } from "../../../core/tree/quota.ts";
import { ChangeTracker, wholeTree } from "../../../core/tree/snapshot.ts";
import { SnapshotLoader } from "../../../core/tree/snapshot_loader.ts";
import { Tree } from "../../../core/tree/tree.ts";
import { decodeUtf8, JuteReader } from "../../../core/wire/jute.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { READ_ACL } from "../../../core/wire/records.ts";
import {
  create,
  digestFromScratch,
  digestOf,
  dumpTree,
  History,
  refusal,
  remove,
  setData,
  text,
} from "./history.ts";

function slicesOf(source: SliceSource): SnapshotSlice[] {
  const slices: SnapshotSlice[] = [];
  for (let s = nextOf(source); s !== undefined; s = nextOf(source)) slices.push(s);
  return slices;
}

/** The next slice, which outlives the one after it. */
function nextOf(source: SliceSource): SnapshotSlice | undefined {
  const slice = source.next();
  return slice && { ...slice, nodes: slice.nodes.slice() };
}

function load(slices: readonly SnapshotSlice[], zxid: number, tree: Tree = newTree()): Tree {
  const loader = new SnapshotLoader(tree);
  for (const slice of slices) loader.load(slice);
  loader.finish(zxid);
  return tree;
}

function newTree(): Tree {
  return new Tree({ hashSeed: 99, extendedTypes: true });
}

function pathsOf(slices: readonly SnapshotSlice[]): string[] {
  const paths: string[] = [];
  for (const { nodes, nodeCount } of slices) {
    const reader = new JuteReader(nodes);
    for (let i = 0; i < nodeCount; i++) {
      const length = reader.skipBuffer();
      paths.push(decodeUtf8(nodes, reader.offset - length, reader.offset));
      reader.skipBuffer();
      reader.skip(68);
    }
  }
  return paths;
}

/** A tree with a bit of everything. */
function variedHistory(): History {
  const h = new History();
  h.apply({ type: OPCODES.createSession, timeoutMs: 4_000 }, { session: 1 });
  h.apply({ type: OPCODES.createSession, timeoutMs: 6_000 }, { session: 2 });
  for (const path of ["/e1", "/e2"]) h.apply(create(path, { ephemeral: true }), { session: 1 });
  h.apply(create("/null", { data: null, acls: READ_ACL }));
  h.apply(create("/container", { type: OPCODES.createContainer }));
  h.apply(create("/ttl", { type: OPCODES.createTtl, ttlMs: 5 }));
  h.apply(create("/a-name-of-more-than-sixteen-bytes", { data: new Uint8Array(40_000).fill(7) }));
  h.apply(create("/a-name-of-more-than-sixteen-bytes/ü€"));
  h.apply(setData("/", text("of the root"), 4));
  return h;
}

test("a whole tree loads into an equal one, with sessions, digest, ephemerals and counts", () => {
  const h = variedHistory();
  const copy = load(slicesOf(wholeTree(h.tree)), h.zxid);
  assert.equal(dumpTree(copy), h.dump());
  assert.is(digestOf(copy), digestOf(h.tree));
  assert.is(digestOf(copy), digestFromScratch(copy));
  assert.equal([...copy.sessions.entries()], [...h.tree.sessions.entries()]);
  const counts = (t: Tree): unknown[] => [t.nodeCount, t.ephemeralCount, t.approximateDataBytes];
  assert.equal(counts(copy), counts(h.tree));
  assert.is(copy.lastZxid, h.zxid);
  assert.is(copy.firstEphemeral(0x0100_0000, 1), copy.findPath("/e1"));
});

test("a fresh tree's snapshot begins as the captured one of a Java server", () => {
  const [slice] = slicesOf(wholeTree(newTree()));
  const root = `00000000 00000000 ffffffffffffffff ${"00".repeat(60)}`.replace(/ /g, "");
  const bytes = slice?.nodes.subarray(0, root.length / 2) ?? [];
  assert.is([...bytes].map((b) => b.toString(16).padStart(2, "0")).join(""), root);
  assert.equal(
    slice?.acls.map(({ acls }) => acls),
    [READ_ACL],
  );
});

test("slices keep within their budget, and a parent is never after its child", () => {
  const h = new History();
  // Deleting and making again gives children lower indexes than their parents.
  for (let i = 0; i < 3_000; i++) h.apply(create(`/n${i}`, { data: new Uint8Array(100) }));
  for (let i = 0; i < 2_000; i++) h.apply(remove(`/n${i}`));
  h.apply(create("/p"));
  for (let i = 0; i < 2_500; i++) h.apply(create(i === 0 ? "/p/q" : `/p/q/n${i}`));
  const slices = slicesOf(wholeTree(h.tree));
  assert.is(slices.length, 16);
  for (const { nodes, nodeCount } of slices) {
    assert.ok(nodeCount <= 252);
    assert.ok(nodes.length <= 32 * 1024 + 400);
  }
  const seen = new Set<string>();
  for (const path of pathsOf(slices)) {
    assert.ok(path === "" || seen.has(path.slice(0, path.lastIndexOf("/"))), path);
    seen.add(path);
  }
  assert.is(seen.size, h.tree.nodeCount);
});

test("a snapshot taken while transactions are applied is put right by replaying them", () => {
  const h = new History();
  for (let i = 0; i < 6_000; i++)
    h.apply(create(i % 3 === 0 ? `/d${i}` : `/d${i - (i % 3)}/c${i}`));
  const start = h.zxid;
  const source = wholeTree(h.tree);
  const slices: SnapshotSlice[] = [];
  const replay: Uint8Array[] = [];
  for (let s = nextOf(source), round = 0; s !== undefined; s = nextOf(source), round++) {
    slices.push(s);
    for (let i = round * 3; i < 6_000; i += 30) {
      replay.push(h.apply(remove(`/d${i}/c${i + 1}`)));
      replay.push(h.apply(remove(`/d${i}/c${i + 2}`)));
      replay.push(h.apply(remove(`/d${i}`)));
      replay.push(h.apply(create(`/again${round}-${i}`)));
      replay.push(
        h.apply(create(`/again${round}-${i}/child`, { ephemeral: true }), { session: 3 }),
      );
      replay.push(h.apply(create(`/d${i}`, { data: text("new") })));
    }
  }
  assert.ok(slices.length > 2);
  const seen = new Set<string>();
  for (const path of pathsOf(slices)) {
    assert.ok(path === "" || seen.has(path.slice(0, path.lastIndexOf("/"))), path);
    seen.add(path);
  }
  const copy = new History(load(slices, start));
  for (const bytes of replay) copy.applier.apply(bytes, 0, bytes.length);
  assert.is(digestOf(copy.tree), digestOf(h.tree));
  assert.equal(copy.dump(), h.dump());
  assert.is(digestOf(copy.tree), digestFromScratch(copy.tree));
});

test("a new parent at the index of a node already written still comes before its child", () => {
  const h = new History();
  for (let i = 0; i < 5_000; i++) h.apply(create(`/n${i}`));
  const source = wholeTree(h.tree);
  const first = nextOf(source);
  assert.ok(first);
  const early = h.node("/n0");
  h.apply(remove("/n4999"));
  h.apply(remove("/n0"));
  h.apply(create("/new"));
  h.apply(create("/new/child"));
  assert.is(h.node("/new"), early);
  const paths = pathsOf([first, ...slicesOf(source)]);
  assert.ok(paths.includes("/new/child"));
  assert.ok(paths.indexOf("/new") < paths.indexOf("/new/child"));
  assert.ok(paths.includes("/new"));
});

test("changed nodes and deleted paths bring an older copy up to date", () => {
  const h = variedHistory();
  const tracker = new ChangeTracker(h.tree);
  const copy = load(slicesOf(wholeTree(h.tree)), h.zxid);
  h.apply(create("/a/b"));
  h.apply(create("/new"));
  h.apply(create("/new/child", { acls: READ_ACL }));
  h.apply(remove("/null"));
  h.apply(remove("/e1"));
  h.apply(create("/e1", { data: text("again") }));
  h.apply(setData("/ttl", text("set"), 1));
  h.apply({ type: OPCODES.setAcl, path: "/e2", acls: READ_ACL, version: 1 });
  h.apply({ type: OPCODES.closeSession, paths: [] }, { session: 2 });
  const slices = slicesOf(tracker.take());
  assert.equal(
    slices.flatMap(({ deleted }) => deleted),
    ["/null", "/e1"],
  );
  assert.equal(pathsOf(slices).sort(), ["", "/e1", "/e2", "/new", "/new/child", "/ttl"]);
  load(slices, h.zxid, copy);
  assert.equal(dumpTree(copy), h.dump());
  assert.is(digestOf(copy), digestOf(h.tree));
  assert.is(copy.sessions.size, 1);
  assert.equal(pathsOf(slicesOf(tracker.take())), []);
});

test("take() gives one slice with the sessions even when no node changed", () => {
  const h = variedHistory();
  const slices = slicesOf(new ChangeTracker(h.tree).take());
  assert.is(slices.length, 1);
  assert.is(slices[0]?.sessions?.length, 2);
  assert.is(slices[0]?.nodeCount, 0);
});

test("a change made while slices are taken is in the next checkpoint", () => {
  const h = new History();
  const tracker = new ChangeTracker(h.tree);
  for (let i = 0; i < 5_000; i++) h.apply(create(`/n${i}`));
  for (let i = 0; i < 2_500; i++) h.apply(remove(`/n${i}`));
  const copy = newTree();
  const source = tracker.take();
  const slices: SnapshotSlice[] = [];
  for (let s = nextOf(source), i = 0; s !== undefined; s = nextOf(source), i++) {
    slices.push(s);
    h.apply(remove(`/n${3_000 + i}`));
    h.apply(setData(`/n${4_000 + i}`, text("late"), 1));
    h.apply(create(`/late${i}`));
  }
  load(slices, h.zxid, copy);
  load(slicesOf(tracker.take()), h.zxid, copy);
  assert.equal(dumpTree(copy), h.dump());
});

test("load() drops a node whose parent is missing", () => {
  const h = new History();
  h.apply(create("/a"));
  h.apply(create("/a/b"));
  const tracker = new ChangeTracker(h.tree);
  h.apply(setData("/a/b", text("x"), 1));
  const loader = new SnapshotLoader(newTree());
  for (const slice of slicesOf(tracker.take())) loader.load(slice);
  assert.is(loader.orphanCount, 1);
});

test("load() refuses a node cut short, and one with an ACL that is nowhere", () => {
  const h = variedHistory();
  const [slice] = slicesOf(wholeTree(h.tree));
  assert.ok(slice);
  const cut = { ...slice, nodes: slice.nodes.subarray(0, slice.nodes.length - 1) };
  assert.throws(() => load([cut], 1), refusal("MarshallingError"));
  assert.throws(() => load([{ ...slice, acls: [] }], 1), refusal("MarshallingError"));
});

test("quotas come back after a load, counted anew", () => {
  const h = new History();
  h.apply(create("/q"));
  h.apply(create("/zookeeper/quota/q"));
  h.apply(create("/zookeeper/quota/q/zookeeper_limits", { data: text("count=3,bytes=-1") }));
  h.apply(create("/zookeeper/quota/q/zookeeper_stats"));
  const copy = load(slicesOf(wholeTree(h.tree)), h.zxid);
  const quota = new Quotas(copy).at("/q/below");
  assert.equal([quota?.path, quota?.limits.count, quota?.stats?.count], ["/q", 3, 1]);
});

test.run();
