import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkWal } from "../../storage/sqlite/wal.ts";
import { batchOf } from "../conformance/storage_data.ts";
import { SqliteFixture } from "./sqlite_fixture.ts";

/** A page of log.db and the header of its frame. */
const FRAME_BYTES = 16_384 + 24;
const SECTOR_BYTES = 512;
const fixture = new SqliteFixture();

/** The write-ahead log that commits of these sizes leave, and where its last commit begins. */
async function makeWal(sizes: readonly number[]): Promise<[wal: Buffer, lastCommitAt: number]> {
  const storage = fixture.makeAt(fixture.makePath());
  await storage.open();
  for (const [index, size] of sizes.entries()) await storage.append(batchOf([index + 1], size));
  const path = fixture.copyFiles(storage);
  await storage.close();
  const wal = readFileSync(join(path, "log.db-wal"));
  let at = wal.length - FRAME_BYTES * 2;
  while (wal.readUInt32BE(at + 4) === 0) at -= FRAME_BYTES;
  return [wal, at + FRAME_BYTES];
}

test("checkWal() finds any flipped bit before the last commit", async () => {
  const [wal, lastCommitAt] = await makeWal([100, 36_000, 300, 80_000, 100]);
  const file = join(fixture.makePath(), "wal");
  writeFileSync(file, wal);
  assert.is(await checkWal(file), undefined);
  for (let place = 0; place < lastCommitAt; place += 397) {
    const spoilt = Buffer.from(wal);
    spoilt[place]! ^= 1 << (place % 8);
    writeFileSync(file, spoilt);
    assert.ok((await checkWal(file)) !== undefined, `byte ${place}`);
  }
});

test("checkWal() takes the last commit for torn, whatever is left of it", async () => {
  const [wal, lastCommitAt] = await makeWal([100, 36_000, 300, 80_000]);
  assert.ok(wal.length - lastCommitAt > FRAME_BYTES * 3);
  const file = join(fixture.makePath(), "wal");
  let state = 1;
  for (let round = 0; round < 150; round++) {
    const torn = Buffer.from(wal);
    for (let at = lastCommitAt; at < torn.length; ) {
      const end = Math.min(torn.length, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      if (state >>> 24 < 20 + round) torn.fill(0, at, end);
      at = end;
    }
    writeFileSync(file, torn);
    assert.is(await checkWal(file), undefined, `round ${round}`);
  }
});

test("checkWal() cuts what is left of a torn commit, or the next crash is misread", async () => {
  const [wal, lastCommitAt] = await makeWal([100, 36_000, 300, 80_000]);
  const file = join(fixture.makePath(), "wal");
  const torn = Buffer.from(wal);
  torn.fill(0, lastCommitAt, lastCommitAt + SECTOR_BYTES);
  writeFileSync(file, torn);
  assert.is(await checkWal(file), undefined);
  assert.equal(readFileSync(file), wal.subarray(0, lastCommitAt));
  assert.is(await checkWal(file), undefined);
  assert.is(statSync(file).size, lastCommitAt);
});

test("checkWal() is content without a file, and with an empty one", async () => {
  const file = join(fixture.makePath(), "wal");
  assert.is(await checkWal(file), undefined);
  writeFileSync(file, "");
  assert.is(await checkWal(file), undefined);
});

test.after(() => fixture.remove());
test.run();
