import { test } from "uvu";
import * as assert from "uvu/assert";
import { wholeTree } from "../../../core/tree/snapshot.ts";
import { SnapshotLoader } from "../../../core/tree/snapshot_loader.ts";
import { Tree } from "../../../core/tree/tree.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { OPEN_ACL, READ_ACL } from "../../../core/wire/records.ts";
import { SnapshotReader } from "../../../plugins/zab/wire/snapshot_reader.ts";
import { SnapshotWriter } from "../../../plugins/zab/wire/snapshot_writer.ts";
import { create, digestOf, History, remove, text } from "../../core/tree/history.ts";
import { fromHex } from "./hex.ts";

const RECORD_BYTES_MAX = 64 * 1024;

function someHistory(): History {
  const h = new History();
  h.apply({ type: OPCODES.createSession, timeoutMs: 4_000 }, { session: 1 });
  h.apply(create("/readable", { acls: READ_ACL, data: null }));
  for (let i = 0; i < 2_500; i++) h.apply(create(`/n${i}`, { data: text(`data of ${i}`) }));
  return h;
}

function streamOf(writer: SnapshotWriter): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let part = writer.next(); part !== undefined; part = writer.next()) parts.push(part);
  return Buffer.concat(parts);
}

/** Loads a stream that comes in chunks of `size`. @returns the tree and the bytes behind it. */
function load(stream: Uint8Array, size: number): { tree: Tree; rest: Uint8Array } {
  const tree = new Tree({ hashSeed: 3, extendedTypes: true });
  const loader = new SnapshotLoader(tree);
  const reader = new SnapshotReader(RECORD_BYTES_MAX);
  for (let at = 0; at < stream.length; at += size) {
    reader.push(stream.subarray(at, at + size));
    for (let s = reader.next(); s !== undefined; s = reader.next()) loader.load(s);
  }
  assert.ok(reader.isOver);
  loader.finish(1);
  return { tree, rest: reader.rest() };
}

test("a streamed tree loads into an equal one, however the stream is cut", () => {
  const h = someHistory();
  const stream = streamOf(new SnapshotWriter(wholeTree(h.tree)));
  for (const size of [stream.length, 1000, 7]) {
    const { tree, rest } = load(stream, size);
    assert.is(digestOf(tree), digestOf(h.tree));
    assert.equal([...tree.sessions.entries()], [...h.tree.sessions.entries()]);
    assert.equal(tree.acls(tree.aclId(tree.findPath("/readable"))), READ_ACL);
    assert.is(rest.length, 0);
  }
});

test("what follows the signature is left for packets", () => {
  const stream = streamOf(new SnapshotWriter(wholeTree(someHistory().tree)));
  const { rest } = load(Buffer.concat([stream, fromHex("0000000a")]), stream.length + 4);
  assert.equal([...rest], [0, 0, 0, 10]);
});

test("a list made while the stream is under way does not break it", () => {
  const h = someHistory();
  const writer = new SnapshotWriter(wholeTree(h.tree));
  const first = writer.next() as Uint8Array;
  const late = [{ perms: 1, scheme: "ip", id: "10.0.0.1" }];
  h.apply(remove("/n2499")); // Its place is taken by the next.
  h.apply(create("/late", { acls: late, data: text("late") }));
  const { tree } = load(Buffer.concat([first, streamOf(writer)]), 500);
  const node = tree.findPath("/late");
  assert.is.not(node, -1);
  assert.equal(tree.acls(tree.aclId(node)), OPEN_ACL);
});

test("sizes that cannot be and a missing signature are refused", () => {
  const refuses = (stream: string, reason: RegExp): void => {
    const reader = new SnapshotReader(RECORD_BYTES_MAX);
    assert.throws(() => {
      reader.push(fromHex(stream));
      for (let s = reader.next(); s !== undefined; s = reader.next());
      reader.next();
    }, reason);
  };
  refuses("ffffffff", /table of -1 rows/);
  refuses("7fffffff", /rows/);
  refuses("00000000 00000000 fffffff0 00", /size that cannot be/);
  refuses("00000000 00000000 00000001 2f 7fffffff 00000000 00000000 0000", /signature/);
});

test.run();
