import { test } from "uvu";
import * as assert from "uvu/assert";
import { JuteWriter } from "../../core/wire/jute.ts";
import { readSnapshot } from "../../storage/apache/snapshot_reader.ts";
import { encodeSnapshot } from "../../storage/apache/snapshot_writer.ts";

const ZXID = 5;
/** As little as a network hands over at a time. */
const CHUNK_BYTES = 4_096;
/** Copying what has arrived once for each chunk takes minutes. */
const LIMIT_MS = 20_000;

async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    yield bytes.subarray(at, at + CHUNK_BYTES);
  }
}

test("a long value and a long access control list are read as fast as they come", async () => {
  const nodes = new JuteWriter();
  for (const [path, data] of [
    ["", new Uint8Array(96_000_000)],
    ["/a", null],
  ] as const) {
    nodes.string(path);
    nodes.buffer(data);
    nodes.long(1);
    for (let i = 0; i < 15; i++) nodes.int(0);
  }
  const acls = Array.from({ length: 200_000 }, (_, i) => ({ perms: 31, scheme: "ip", id: `${i}` }));
  const tables = {
    sessions: [],
    acls: [{ id: 1, acls }],
    digest: { zxid: ZXID, high: 0, low: 0 },
  };
  const records = (async function* () {
    yield nodes.view();
  })();
  const pieces: Uint8Array[] = [];
  for await (const piece of encodeSnapshot(tables, records, ZXID)) pieces.push(piece.slice());
  const began = performance.now();
  const slices = readSnapshot(inChunks(Buffer.concat(pieces)), "it");
  let aclCount = 0;
  let nodeCount = 0;
  let next = await slices.next();
  for (; next.done !== true; next = await slices.next()) {
    aclCount += next.value.acls[0]?.acls.length ?? 0;
    nodeCount += next.value.nodeCount;
  }
  assert.is(aclCount, acls.length);
  assert.is(nodeCount, 2);
  assert.is(next.value.lastZxid, ZXID);
  assert.ok(performance.now() - began < LIMIT_MS);
});

test.run();
