import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Zxid } from "../../core/wire/zxid.ts";
import { ApacheStorage, readServerId, writeServerId } from "../../storage/apache/mod.ts";
import {
  batchOf,
  EPOCH_2,
  readAll,
  readSnapshot,
  sliceOf,
  snapshotOf,
} from "../conformance/storage_data.ts";
import { ApacheFixture } from "./apache_fixture.ts";

const fixture = new ApacheFixture();
const EOR = 0x42;

async function kindOf(outcome: Promise<unknown>): Promise<string> {
  return outcome.then(
    () => "fine",
    (error: { kind?: string }) => error.kind ?? String(error),
  );
}

/** A closed folder with a log of these transactions, three to a file. */
async function makeLogs(zxids: readonly Zxid[]): Promise<string> {
  const path = fixture.makePath();
  for (let at = 0; at < zxids.length; at += 3) {
    const storage = fixture.makeAt(path);
    await storage.open();
    for (const zxid of zxids.slice(at, at + 3)) await storage.append(batchOf([zxid], 40));
    await storage.close();
  }
  return path;
}

const fileIn = (path: string, name: string): string => join(path, "version-2", name);

/** What opening and reading a folder gives: the last zxid, or the kind of the error. */
async function outcomeOf(path: string): Promise<Zxid | string> {
  const storage = fixture.makeAt(path);
  try {
    const { lastZxid, checkpointZxid } = await storage.open();
    const zxids = await readAll(storage, checkpointZxid);
    await readSnapshot(storage.load());
    assert.is(zxids.at(-1) ?? checkpointZxid, lastZxid);
    assert.equal(await storage.damage(), []);
    return lastZxid;
  } catch (error) {
    return (error as { kind?: string }).kind ?? String(error);
  } finally {
    await storage.close();
  }
}

test("a log is named after its first record, and the first snapshot is of nothing", async () => {
  const path = await makeLogs([1, 2, 3, 4]);
  assert.equal(readdirSync(join(path, "version-2")).sort(), ["log.1", "log.4", "snapshot.0"]);
  assert.is(statSync(join(path, "version-2")).mode & 0o777, 0o755 & statSync(path).mode & 0o777);
  assert.is(statSync(fileIn(path, "log.1")).mode & 0o777, 0o600);
  const log = readFileSync(fileIn(path, "log.4"));
  assert.is(log.subarray(0, 16).toString("hex"), `5a4b4c4700000002${"00".repeat(8)}`);
  assert.is(log.at(-1), EOR);
  assert.is(log.length, 16 + 12 + 72 + 1);
});

test("open() refuses every flipped bit of a log's records", async () => {
  const path = await makeLogs([1, 2, 3]);
  const file = fileIn(path, "log.1");
  const bytes = readFileSync(file);
  for (let place = 16; place < bytes.length; place++) {
    const spoilt = Buffer.from(bytes);
    spoilt[place]! ^= 1 << (place % 8);
    writeFileSync(file, spoilt);
    assert.is(await outcomeOf(path), "damaged", `byte ${place}`);
  }
  for (const [place, kind] of [
    [0, "damaged"],
    [7, "incompatible"],
  ] as const) {
    const spoilt = Buffer.from(bytes);
    spoilt[place]! ^= 1;
    writeFileSync(file, spoilt);
    assert.is(await outcomeOf(path), kind);
  }
});

test("open() cuts a record that was torn, wherever, also where zeros follow it", async () => {
  const path = await makeLogs([1, 2, 3]);
  const file = fileIn(path, "log.1");
  const bytes = readFileSync(file);
  const recordBytes = (bytes.length - 16) / 3;
  for (let size = bytes.length - recordBytes; size < bytes.length; size++) {
    for (const padding of [0, 5000]) {
      writeFileSync(file, Buffer.concat([bytes.subarray(0, size), Buffer.alloc(padding)]));
      assert.is(await outcomeOf(path), 2, `${size} bytes and ${padding}`);
    }
  }
});

test("what an Apache server has logged twice is read once", async () => {
  const path = await makeLogs([1, 2, 3, 4]);
  const file = fileIn(path, "log.1");
  const bytes = readFileSync(file);
  const head = bytes.subarray(0, 16);
  const last = readFileSync(fileIn(path, "log.4")).subarray(16);
  rmSync(fileIn(path, "log.4"));
  const records = [1, 2, 3].map((zxid) => bytes.subarray(16).subarray((zxid - 1) * last.length));
  const record = (zxid: number) => (records[zxid - 1] ?? last).subarray(0, last.length);
  const write = (zxids: readonly number[]) => {
    writeFileSync(file, Buffer.concat([head, ...zxids.map(record)]));
  };
  write([1, 2, 3, 1, 2, 3, 4, 4, 3]);
  const storage = fixture.makeAt(path);
  await storage.open();
  const read: number[] = [];
  for await (const { firstZxid, lastZxid, count } of storage.read(1)) {
    assert.is(lastZxid - firstZxid + 1, count);
    for (let zxid = firstZxid; zxid <= lastZxid; zxid++) read.push(zxid);
  }
  assert.equal(read, [2, 3, 4]);
  assert.ok(await storage.truncate(3));
  await storage.append(batchOf([4, 5]));
  await storage.close();
  assert.is(await outcomeOf(path), 5);
  rmSync(fileIn(path, "log.4"));
  // Killed as it logged again: whoever replays 2 and then 5 would undo what 3 and 4 have done.
  write([1, 2, 3, 4, 1, 2]);
  const next = fixture.makeAt(path);
  await next.open();
  await next.append(batchOf([5]));
  await next.close();
  assert.equal(readFileSync(file), Buffer.concat([head, ...[1, 2, 3, 4].map(record)]));
  assert.is(await outcomeOf(path), 5);
  rmSync(fileIn(path, "log.5"));
  write([2, 3, 1]);
  assert.is(await outcomeOf(path), "damaged", "what was not there before");
});

test("files that repeat what others hold count once, wherever they end", async () => {
  const path = await makeLogs([1, 2, 3, 4, 5, 6]);
  const head = readFileSync(fileIn(path, "log.1")).subarray(0, 16);
  const bytes = ["log.1", "log.4"].map((name) => readFileSync(fileIn(path, name)).subarray(16));
  const records = Buffer.concat(bytes);
  const recordBytes = records.length / 6;
  rmSync(fileIn(path, "log.4"));
  const write = (first: Zxid, last: Zxid): void => {
    const part = records.subarray((first - 1) * recordBytes, last * recordBytes);
    writeFileSync(fileIn(path, `log.${first}`), Buffer.concat([head, part]));
  };
  write(1, 5);
  write(3, 4);
  const storage = fixture.makeAt(path);
  assert.is((await storage.open()).lastZxid, 5);
  await storage.append(batchOf([6], 40));
  assert.equal(await readAll(storage, 0), [1, 2, 3, 4, 5, 6]);
  await storage.close();
  write(3, 4);
  await storage.open();
  assert.equal(await readAll(storage, 3), [4, 5, 6], "what comes behind it, too");
  await storage.close();
  rmSync(fileIn(path, "log.6"));
  write(3, 6);
  await storage.open();
  assert.equal(await readAll(storage, 0), [1, 2, 3, 4, 5, 6]);
  assert.ok(await storage.truncate(4));
  await storage.close();
  assert.is(await outcomeOf(path), 4, "nothing of what was truncated comes back");
});

test("open() goes on behind a torn file, and refuses a hole between files", async () => {
  const path = await makeLogs([1, 2, 3, 4, 5, EPOCH_2 + 1]);
  assert.is(await outcomeOf(path), EPOCH_2 + 1);
  const file = fileIn(path, "log.1");
  const bytes = readFileSync(file);
  writeFileSync(file, Buffer.concat([bytes, bytes.subarray(16, 40)]));
  assert.is(await outcomeOf(path), EPOCH_2 + 1, "what was torn at the end of a file");
  writeFileSync(file, bytes.subarray(0, bytes.length - 1));
  assert.is(await outcomeOf(path), "damaged", "the last record of a file is missing");
});

test("open() drops a last file without records", async () => {
  for (const size of [0, 7, 16]) {
    const path = await makeLogs([1, 2]);
    const header = readFileSync(fileIn(path, "log.1")).subarray(0, size);
    writeFileSync(fileIn(path, "log.3"), header);
    assert.is(await outcomeOf(path), 2);
    assert.not(existsSync(fileIn(path, "log.3")));
  }
});

test("open() takes the newest sound snapshot, if the log fills in", async () => {
  const path = fixture.makePath();
  const storage = fixture.makeAt(path);
  await storage.open();
  for (const zxid of [1, 2, 3]) {
    await storage.append(batchOf([zxid]));
    await storage.checkpoint(snapshotOf(zxid, sliceOf([{ path: "/" }, { path: `/${zxid}` }])));
    await storage.trim(zxid);
  }
  await storage.close();
  const newest = fileIn(path, "snapshot.3");
  const sound = readFileSync(newest);
  for (let place = 16; place < sound.length; place += 3) {
    const spoilt = Buffer.from(sound);
    spoilt[place]! ^= 4;
    writeFileSync(newest, spoilt);
    const again = fixture.makeAt(path);
    const { checkpointZxid, lastZxid } = await again.open();
    assert.equal([checkpointZxid, lastZxid], [2, 3], `byte ${place}`);
    assert.equal((await readSnapshot(again.load())).nodes, ["=null@0", "/2=null@0"]);
    await again.close();
  }
  writeFileSync(newest, sound.subarray(0, 200));
  writeFileSync(fileIn(path, "log.3"), "");
  assert.is(await outcomeOf(path), "damaged");
});

test("open() refuses a log without a snapshot, and files in the wrong folder", async () => {
  const path = await makeLogs([1]);
  const apart = fixture.makePath();
  mkdirSync(join(apart, "version-2"));
  copyFileSync(fileIn(path, "log.1"), fileIn(apart, "log.1"));
  assert.is(await outcomeOf(apart), "damaged");
  const storage = new ApacheStorage({ dataDir: path, dataLogDir: fixture.makePath() });
  assert.is(await kindOf(storage.open()), "incompatible");
});

test("dataLogDir takes the log, and nothing else", async () => {
  const [dataDir, dataLogDir] = [fixture.makePath(), fixture.makePath()];
  const storage = new ApacheStorage({ dataDir, dataLogDir });
  await storage.open();
  await storage.append(batchOf([1]));
  await storage.setAcceptedEpoch(1);
  await storage.close();
  assert.equal(readdirSync(join(dataLogDir, "version-2")), ["log.1"]);
  assert.equal(readdirSync(join(dataDir, "version-2")).sort(), ["acceptedEpoch", "snapshot.0"]);
});

test("epochs are those of the files, of the log, or of a renaming cut short", async () => {
  const path = await makeLogs([1, EPOCH_2 + 1]);
  const storage = fixture.makeAt(path);
  const { acceptedEpoch, currentEpoch } = await storage.open();
  assert.equal([acceptedEpoch, currentEpoch], [2, 2]);
  await storage.close();
  writeFileSync(fileIn(path, "currentEpoch"), "1");
  assert.is(await outcomeOf(path), "damaged");
  writeFileSync(fileIn(path, "currentEpoch.tmp"), "2");
  assert.is(await outcomeOf(path), EPOCH_2 + 1);
  assert.is(readFileSync(fileIn(path, "currentEpoch"), "utf8"), "2");
  // A crash while it synchronised: promised and logged, and not claimed yet.
  writeFileSync(fileIn(path, "acceptedEpoch"), "3");
  writeFileSync(fileIn(path, "currentEpoch"), "1");
  assert.is(await outcomeOf(path), EPOCH_2 + 1);
  assert.is(readFileSync(fileIn(path, "currentEpoch"), "utf8"), "2");
  writeFileSync(fileIn(path, "acceptedEpoch"), "1");
  assert.is(await outcomeOf(path), "damaged");
  writeFileSync(fileIn(path, "acceptedEpoch"), "two");
  assert.is(await outcomeOf(path), "damaged");
});

test("open() refuses a folder below one that takes none", async () => {
  for (const path of ["/proc/zookit", "/proc/zookit/data"]) {
    assert.is(await kindOf(fixture.makeAt(path).open()), "io");
  }
  const storage = new ApacheStorage({ dataDir: fixture.makePath(), dataLogDir: "/proc/zookit" });
  const outcome = await storage.open().catch(String);
  assert.match(String(outcome), "/proc/zookit", "the folder that is at fault");
});

test("open() refuses a folder in use, and takes over from a dead server", async () => {
  const path = fixture.makePath();
  const first = fixture.makeAt(path);
  const second = fixture.makeAt(path);
  await first.open();
  assert.is(await kindOf(second.open()), "locked");
  await first.append(batchOf([1]));
  await first.close();
  writeFileSync(fileIn(path, "zookit.lock"), "");
  assert.is((await second.open()).lastZxid, 1);
  await second.close();
});

test("a folder in use is refused by a shorter name of it, too", async () => {
  const path = join(fixture.makePath(), "too-long-for-a-socket-".repeat(5));
  const link = join(fixture.makePath(), "link");
  symlinkSync(path, link);
  const first = fixture.makeAt(path);
  await first.open();
  assert.is(await kindOf(fixture.makeAt(link).open()), "locked");
  await first.close();
  const second = fixture.makeAt(link);
  await second.open();
  assert.is(await kindOf(fixture.makeAt(path).open()), "locked");
  await second.close();
});

test("an install that a crash cut short is finished, or has not happened", async () => {
  const path = fixture.makePath();
  const storage = fixture.makeAt(path);
  await storage.open();
  await storage.append(batchOf([1, 2]));
  await storage.install(snapshotOf(7, sliceOf([{ path: "/" }, { path: "/new" }])), 0);
  await storage.close();
  const whole = readFileSync(fileIn(path, "snapshot.7"));
  const logs = await makeLogs([1, 2]);
  writeFileSync(fileIn(logs, "zookit.installed"), whole);
  assert.is(await outcomeOf(logs), 2, "before the step that decides");
  writeFileSync(fileIn(logs, "zookit.installed"), whole);
  writeFileSync(fileIn(logs, "zookit.install"), "7 0");
  assert.is(await outcomeOf(logs), 7, "after it");
  const left = readdirSync(join(logs, "version-2")).sort();
  assert.equal(left, ["currentEpoch", "snapshot.7"]);
});

test("snapshots packed with gzip and snappy, and with 3.9's third seal, are read", async () => {
  const path = fixture.makePath();
  const storage = fixture.makeAt(path);
  await storage.open();
  const nodes = Array.from({ length: 5000 }, (_, index) => ({ path: `/${index}` }));
  await storage.checkpoint(snapshotOf(9, sliceOf([{ path: "/" }, ...nodes])));
  const expected = await readSnapshot(storage.load());
  await storage.close();
  const plain: Buffer = readFileSync(fileIn(path, "snapshot.9"));
  const made: [name: string, bytes: Uint8Array][] = [
    ["snapshot.9.gz", gzipSync(plain)],
    ["snapshot.9.snappy", snap(plain)],
    ["snapshot.9", withThirdSeal(plain)],
    ["snapshot.9", plain.subarray(0, plain.length - 33)],
  ];
  for (const [name, bytes] of made) {
    const place = fixture.makePath();
    mkdirSync(join(place, "version-2"));
    writeFileSync(fileIn(place, name), bytes);
    const again = fixture.makeAt(place);
    assert.is((await again.open()).checkpointZxid, 9, name);
    assert.equal(await readSnapshot(again.load()), expected);
    await again.close();
    bytes[bytes.length >> 1]! ^= 8;
    writeFileSync(fileIn(place, name), bytes);
    assert.is(await outcomeOf(place), "damaged", name);
  }
});

/** The stream of snappy-java with literals alone. */
function snap(plain: Buffer): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from("82534e41505059000000000100000001", "hex")];
  for (let at = 0; at < plain.length; at += 0x4000) {
    const text = plain.subarray(at, at + 0x4000);
    const size = [
      (text.length & 0x7f) | 0x80,
      ((text.length >> 7) & 0x7f) | 0x80,
      text.length >> 14,
    ];
    const tag = [61 << 2, (text.length - 1) & 0xff, (text.length - 1) >> 8];
    const head = Buffer.alloc(4);
    head.writeInt32BE(text.length + 6);
    parts.push(head, Buffer.from([...size, ...tag]), text);
  }
  return Buffer.concat(parts);
}

function withThirdSeal(plain: Buffer): Uint8Array {
  const zxid = Buffer.from("0000000000000009", "hex");
  const seal = Buffer.alloc(13);
  let [low, high] = [1, 0];
  for (const byte of Buffer.concat([plain, zxid])) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  seal.writeUInt32BE(((high << 16) | low) >>> 0, 4);
  seal.write("\x00\x00\x00\x01/", 8);
  return Buffer.concat([plain, zxid, seal]);
}

test("myid is read, written, and refused when it is no number", async () => {
  const path = fixture.makePath();
  assert.is(await readServerId(path), undefined);
  await writeServerId(path, 7);
  assert.is(readFileSync(join(path, "myid"), "utf8"), "7\n");
  assert.is(await readServerId(path), 7);
  writeFileSync(join(path, "myid"), "three\n");
  assert.is(await kindOf(readServerId(path)), "damaged");
});

test.after(() => fixture.remove());
test.run();
