import { spawnSync } from "node:child_process";
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { JuteWriter } from "../../core/wire/jute.ts";
import { batchOf, sliceOf, snapshotOf, zxidsOf } from "../conformance/storage_data.ts";
import { SqliteFixture } from "./sqlite_fixture.ts";

const fixture = new SqliteFixture();

async function kindOf(outcome: Promise<unknown>): Promise<string> {
  return outcome.then(
    () => "fine",
    (error: { kind?: string }) => error.kind ?? String(error),
  );
}

function flipBit(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 0x10;
  writeFileSync(file, bytes);
}

/** A page of log.db and the header of its frame in the write-ahead log. */
const FRAME_BYTES = 16_384 + 24;

/** A directory as a kill leaves it, with `count` commits in the write-ahead log of log.db. */
async function makeKilled(count: number): Promise<string> {
  const storage = fixture.makeAt(fixture.makePath());
  await storage.open();
  for (let zxid = 1; zxid <= count; zxid++) await storage.append(batchOf([zxid], 500));
  const path = fixture.copyFiles(storage);
  await storage.close();
  return path;
}

/** Where each frame of log.db-wal begins that ends a commit. */
function commitFrames(path: string): number[] {
  const wal = readFileSync(join(path, "log.db-wal"));
  const frames: number[] = [];
  for (let at = 32; at + FRAME_BYTES <= wal.length; at += FRAME_BYTES) {
    if (wal.readUInt32BE(at + 4) !== 0) frames.push(at);
  }
  return frames;
}

test("open() makes a directory and files that only their owner may read", async () => {
  const path = join(fixture.makePath(), "a", "b");
  const storage = fixture.makeAt(path);
  await storage.open();
  await storage.append(batchOf([1]));
  assert.is(statSync(path).mode & 0o777, 0o700);
  for (const name of ["log.db", "log.db-wal", "tree.db", "lock.db"]) {
    assert.is(statSync(join(path, name)).mode & 0o077, 0, name);
  }
  await storage.close();
});

test("open() refuses a directory below one that takes none", async () => {
  for (const path of ["/proc/zookit", "/proc/zookit/data"]) {
    assert.is(await kindOf(fixture.makeAt(path).open()), "io");
  }
});

test("open() refuses a directory that another server holds, until it closes", async () => {
  const path = fixture.makePath();
  const first = fixture.makeAt(path);
  const second = fixture.makeAt(path);
  await first.open();
  assert.is(await kindOf(second.open()), "locked");
  await first.append(batchOf([1]));
  await first.close();
  assert.is((await second.open()).lastZxid, 1);
  await second.close();
});

test("open() refuses files of another version, of another application, and rubbish", async () => {
  const spoil: readonly (readonly [string, number, number, string])[] = [
    ["log.db", 60, 99, "incompatible"],
    ["tree.db", 60, 99, "incompatible"],
    ["tree.db", 68, 1, "incompatible"],
    ["log.db", 0, 0, "damaged"],
  ];
  for (const [name, offset, value, kind] of spoil) {
    const path = fixture.makePath();
    const storage = fixture.makeAt(path);
    await storage.open();
    await storage.close();
    const bytes = readFileSync(join(path, name));
    bytes[offset] = value;
    writeFileSync(join(path, name), bytes);
    assert.is(await kindOf(fixture.makeAt(path).open()), kind, `${name} ${offset}`);
    assert.equal(readFileSync(join(path, name)), bytes, "the file was left as it is");
  }
});

test("open() refuses a flipped bit in any commit but the last", async () => {
  const killed = await makeKilled(6);
  const frames = commitFrames(killed);
  const wal = readFileSync(join(killed, "log.db-wal"));
  // In a page, in each field of a frame's header, at both ends, and in the file's own header.
  const last = frames.at(-1)!;
  const previous = frames.at(-2)!;
  const places = [4, 17, 25, 32, 60, 40, 44, 50, previous + 9, previous + 17, previous + 16_000];
  for (const place of places) {
    assert.ok(place < last);
    writeFileSync(join(killed, "log.db-wal"), wal);
    flipBit(join(killed, "log.db-wal"), place);
    assert.is(await kindOf(fixture.makeAt(killed).open()), "damaged", `byte ${place}`);
  }
  writeFileSync(join(killed, "log.db-wal"), wal);
  const storage = fixture.makeAt(killed);
  assert.is((await storage.open()).lastZxid, 6);
  await storage.close();
});

test("open() cuts a last commit that was torn, and nothing else", async () => {
  for (const kept of [0, 20, 24, 2000, FRAME_BYTES - 1]) {
    const path = await makeKilled(5);
    truncateSync(join(path, "log.db-wal"), commitFrames(path).at(-1)! + kept);
    const storage = fixture.makeAt(path);
    assert.is((await storage.open()).lastZxid, 4);
    await storage.append(batchOf([5]));
    assert.equal(await storage.damage(), []);
    await storage.close();
  }
});

test("open() refuses an empty file beside one that is in use", async () => {
  for (const name of ["log.db", "tree.db"]) {
    const path = fixture.makePath();
    const storage = fixture.makeAt(path);
    await storage.open();
    await storage.append(batchOf([1]));
    await storage.close();
    truncateSync(join(path, name), 0);
    assert.is(await kindOf(fixture.makeAt(path).open()), "damaged", name);
  }
});

test("a flipped bit in log.db is found when it opens or when it is read", async () => {
  const path = fixture.makePath();
  const storage = fixture.makeAt(path);
  await storage.open();
  for (let zxid = 1; zxid <= 40; zxid++) await storage.append(batchOf([zxid], 500));
  await storage.close();
  const bytes = readFileSync(join(path, "log.db"));
  for (let place = 4096 * 2; place < bytes.length; place += 1_237) {
    writeFileSync(join(path, "log.db"), bytes);
    flipBit(join(path, "log.db"), place);
    const again = fixture.makeAt(path);
    const zxids: number[] = [];
    const readBack = async (): Promise<void> => {
      await again.open();
      for await (const batch of again.read(0)) zxids.push(...zxidsOf(batch));
    };
    const kind = await kindOf(readBack());
    await again.close();
    // A bit that belongs to nothing may be flipped without harm.
    if (kind === "fine") assert.is(zxids.length, 40, `byte ${place}`);
    else assert.ok(["damaged", "io"].includes(kind), `byte ${place}: ${kind}`);
  }
});

test("an operator queries znodes by path while the server runs", async () => {
  const path = fixture.makePath();
  const storage = fixture.makeAt(path);
  await storage.open();
  const writer = new JuteWriter();
  writer.string("/config/ä");
  writer.buffer(new TextEncoder().encode("blue"));
  writer.long(-1);
  for (const value of [2 ** 32 + 1, 2 ** 32 + 2, 1_700_000_000_000, 1_700_000_000_001]) {
    writer.long(value);
  }
  for (const value of [3, 4, -5]) writer.int(value);
  writer.bigint(-2n);
  writer.long(2 ** 32 + 3);
  const slice = { ...sliceOf([]), nodeCount: 1, nodes: writer.copy() };
  await storage.checkpoint(snapshotOf(9, sliceOf([{ path: "/" }, { path: "/config" }]), slice));
  const query = (sql: string): string =>
    spawnSync("sqlite3", ["-readonly", join(path, "tree.db"), sql], { encoding: "utf8" }).stdout;
  assert.is(
    query("SELECT * FROM znode WHERE path = '/config/ä'"),
    "/config/ä|blue|-1|4294967297|4294967298|1700000000000|1700000000001|3|4|-5|-2|4294967299\n",
  );
  assert.is(
    query("SELECT path, data IS NULL FROM znode WHERE path < '/config/'"),
    "/|1\n/config|1\n",
  );
  assert.match(query("EXPLAIN QUERY PLAN SELECT data FROM znode WHERE path = '/x'"), "path=?");
  await storage.append(batchOf([10]));
  await storage.close();
});

test("walBytes stays bounded while batches are appended", async () => {
  const storage = fixture.makeAt(fixture.makePath());
  await storage.open();
  for (let zxid = 1; zxid <= 60; zxid++) await storage.append(batchOf([zxid], 200_000));
  assert.ok(storage.walBytes.log < 8 << 20, `${storage.walBytes.log}`);
  await storage.close();
});

test.after(() => fixture.remove());
test.run();
