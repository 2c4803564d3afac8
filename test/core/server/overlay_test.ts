import { test } from "uvu";
import * as assert from "uvu/assert";
import { Overlay } from "../../../core/server/overlay.ts";
import { PendingPool } from "../../../core/server/pending_pool.ts";
import { Tree } from "../../../core/tree/tree.ts";
import { JuteReader, JuteWriter } from "../../../core/wire/jute.ts";
import { SessionId } from "../../../core/wire/session_id.ts";

const ENCODER = new TextEncoder();

function makeOverlay(): Overlay {
  return new Overlay(new Tree({ hashSeed: 7, extendedTypes: false }));
}

function create(overlay: Overlay, text: string, zxid: number, owner?: SessionId): void {
  const path = ENCODER.encode(text);
  const node = overlay.look(path, 0, path.length);
  assert.not.ok(node.exists, `${text} is not there yet`);
  overlay.change(node, zxid);
  node.exists = true;
  node.stampNew(zxid, 1000 + zxid);
  node.setOwner(owner?.high ?? 0, owner?.low ?? 0);
  overlay.commit(node);
}

function setVersion(overlay: Overlay, text: string, version: number, zxid: number): void {
  const path = ENCODER.encode(text);
  const node = overlay.look(path, 0, path.length);
  overlay.change(node, zxid);
  node.version = version;
  overlay.commit(node);
}

function remove(overlay: Overlay, text: string, zxid: number): void {
  const path = ENCODER.encode(text);
  const node = overlay.look(path, 0, path.length);
  overlay.change(node, zxid);
  node.exists = false;
  overlay.commit(node);
}

/** Ends a session. @returns the paths that its end lists. */
function close(overlay: Overlay, session: SessionId, zxid: number): readonly string[] {
  const out = new JuteWriter();
  overlay.begin();
  overlay.closeSession(session, zxid, out);
  const reader = new JuteReader(out.copy());
  return Array.from({ length: reader.int() }, () => reader.string() ?? "");
}

function versionOf(overlay: Overlay, text: string): number | undefined {
  const path = ENCODER.encode(text);
  const node = overlay.look(path, 0, path.length);
  return node.exists ? node.version : undefined;
}

test("a later request sees what an earlier one in flight makes", () => {
  const overlay = makeOverlay();
  overlay.begin();
  create(overlay, "/a", 1);
  overlay.begin();
  setVersion(overlay, "/a", 1, 2);
  assert.is(versionOf(overlay, "/a"), 1);
  overlay.begin();
  remove(overlay, "/a", 3);
  assert.is(versionOf(overlay, "/a"), undefined);
});

test("what was rolled back is as it was, with digest and owner", () => {
  const overlay = makeOverlay();
  const session = new SessionId(1, 2);
  overlay.begin();
  create(overlay, "/kept", 1, session);
  const digest = [overlay.digestHigh, overlay.digestLow];
  overlay.begin();
  setVersion(overlay, "/kept", 5, 2);
  remove(overlay, "/kept", 2);
  create(overlay, "/kept", 2);
  create(overlay, "/gone", 2, session);
  overlay.rollback();
  assert.equal([overlay.digestHigh, overlay.digestLow], digest);
  assert.is(versionOf(overlay, "/kept"), 0);
  assert.is(versionOf(overlay, "/gone"), undefined);
  assert.equal(close(overlay, session, 3), ["/kept"]);
  assert.is(versionOf(overlay, "/kept"), undefined);
});

test("a node that a later transaction changed too stays until that is applied", () => {
  const overlay = makeOverlay();
  overlay.begin();
  create(overlay, "/a", 1);
  overlay.begin();
  setVersion(overlay, "/a", 7, 2);
  setVersion(overlay, "/a", 8, 2);
  overlay.release(1);
  assert.is(versionOf(overlay, "/a"), 8);
  overlay.release(2);
  // The tree, which has none of it in this test, is what counts now.
  assert.is(versionOf(overlay, "/a"), undefined);
});

test("an ephemeral that another session makes anew in flight is that session's", () => {
  const overlay = makeOverlay();
  const first = new SessionId(1, 1);
  const second = new SessionId(2, 2);
  overlay.begin();
  create(overlay, "/e", 1, first);
  overlay.begin();
  remove(overlay, "/e", 2);
  overlay.begin();
  create(overlay, "/e", 3, second);
  assert.equal(close(overlay, first, 4), []);
  assert.is(versionOf(overlay, "/e"), 0);
  assert.equal(close(overlay, second, 5), ["/e"]);
});

test("a pending node that has held a very long path is not kept", () => {
  const pool = new PendingPool();
  const node = pool.take();
  const path = new Uint8Array(1_000_000);
  node.setPath(path, 0, path.length);
  node.setPath(path, 0, 5);
  pool.give(node);
  assert.is.not(pool.take(), node);
  const short = pool.take();
  pool.give(short);
  assert.is(pool.take(), short);
});

test("more in flight than the tables begin with, and a rollback across their growth", () => {
  const overlay = makeOverlay();
  for (let i = 0; i < 5000; i++) {
    overlay.begin();
    create(overlay, `/n${i}`, i + 1);
  }
  overlay.release(100);
  overlay.begin();
  for (let i = 0; i < 20_000; i++) create(overlay, `/m${i}`, 5001);
  overlay.rollback();
  assert.is(versionOf(overlay, "/m19999"), undefined);
  assert.is(versionOf(overlay, "/n99"), undefined);
  assert.is(versionOf(overlay, "/n100"), 0);
  assert.is(versionOf(overlay, "/n4999"), 0);
});

test.run();
