import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Snapshot, type Storage, StorageError } from "../../core/contracts/storage.ts";
import { makeZxid, type Zxid } from "../../core/wire/zxid.ts";
import { Medium } from "../../simulation/medium.ts";
import { StorageEngine } from "../../storage/sqlite/storage_engine.ts";
import { testStorage } from "../conformance/storage.ts";
import {
  batchOf,
  readSnapshot,
  sliceOf,
  snapshotOf,
  zxidsOf,
} from "../conformance/storage_data.ts";
import { SimulatedDisk } from "./simulated_disk.ts";

interface Running {
  readonly medium: Medium;
  readonly disk: SimulatedDisk;
}

const running = new WeakMap<Storage, Running>();

function makeOn(medium: Medium): Storage {
  const disk = new SimulatedDisk(medium, undefined);
  const storage = new StorageEngine(disk);
  running.set(storage, { medium, disk });
  return storage;
}

testStorage({
  test,
  make: async () => makeOn(new Medium()),
  remake: async (storage) => {
    const { medium, disk } = running.get(storage)!;
    disk.kill();
    await storage.close();
    return makeOn(medium);
  },
});

/** What must be on the medium: the log's zxids above the checkpoint, the epochs, the tree. */
interface Model {
  readonly log: readonly Zxid[];
  readonly epochs: readonly [accepted: number, current: number];
  readonly treeZxid: Zxid;
  /** Value of each znode under the root. */
  readonly tree: Readonly<Record<string, number>>;
}

const EMPTY: Model = { log: [], epochs: [0, 0], treeZxid: 0, tree: {} };

function randomFrom(seed: number): (below: number) => number {
  let state = seed * 2_654_435_769;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x297a2d39) | 0;
    return ((state ^ (state >>> 12)) >>> 0) % below;
  };
}

/** One random call: what it makes of the model, and how to make it. */
function step(model: Model, random: (below: number) => number): [Model, (s: Storage) => unknown] {
  const last = Math.max(model.treeZxid, model.log.at(-1) ?? 0);
  const kind = random(8);
  if (kind < 3) {
    const first = random(6) === 0 ? makeZxid(Math.floor(last / 2 ** 32) + 1, 1) : last + 1;
    const zxids = Array.from({ length: 1 + random(4) }, (_, index) => first + index);
    return [{ ...model, log: [...model.log, ...zxids] }, (s) => s.append(batchOf(zxids))];
  }
  if (kind === 3) {
    const choices = [model.treeZxid, ...model.log];
    const through = choices[random(choices.length)]!;
    const log = model.log.filter((zxid) => zxid <= through);
    return [{ ...model, log }, (s) => s.truncate(through)];
  }
  if (kind === 4) {
    const epochs = [random(1_000), model.epochs[1]] as const;
    return [{ ...model, epochs }, (s) => s.setAcceptedEpoch(epochs[0])];
  }
  if (kind === 5) return [model, (s) => s.trim(last)];
  const isInstall = kind === 7;
  const value = random(1_000_000);
  const names = Array.from({ length: 1 + random(4) }, () => `/n${random(6)}`);
  const changed = Object.fromEntries(names.map((name) => [name, value]));
  const tree = isInstall ? changed : { ...model.tree, ...changed };
  const slices = Object.keys(changed).map((path) => sliceOf([{ path, mzxid: value }]));
  if (!isInstall) {
    const log = model.log.filter((zxid) => zxid > last);
    return [
      { ...model, tree, log, treeZxid: last },
      (s) => s.checkpoint(snapshotOf(last, ...slices)),
    ];
  }
  const epochs = [model.epochs[0], random(1_000)] as const;
  const zxid = last + random(3);
  return [
    { log: [], epochs, treeZxid: zxid, tree },
    (s) => s.install(snapshotOf(zxid, ...slices), epochs[1]),
  ];
}

async function observe(storage: Storage): Promise<Model> {
  const { checkpointZxid, acceptedEpoch, currentEpoch } = await storage.open();
  const log: Zxid[] = [];
  for await (const batch of storage.read(checkpointZxid)) log.push(...zxidsOf(batch));
  const tree: Record<string, number> = {};
  const read = await readSnapshot(storage.load() as Snapshot);
  for (const node of read.nodes) {
    const [, path = "", value] = /^(.*)=null@(\d+)$/.exec(node) ?? [];
    tree[path] = Number(value);
  }
  assert.equal(await storage.damage(), []);
  return { log, epochs: [acceptedEpoch, currentEpoch], treeZxid: checkpointZxid, tree };
}

/** Whether a crash between `before` and `after` may leave `found`. */
function isBetween(found: Model, before: Model, after: Model): boolean {
  const text = (model: Model): string =>
    JSON.stringify([model.log, model.epochs, model.treeZxid, Object.entries(model.tree).sort()]);
  if (text(found) === text(before) || text(found) === text(after)) return true;
  // A checkpoint cut short: the former zxid, some nodes newer.
  const rest = JSON.stringify([found.log, found.epochs, found.treeZxid]);
  if (rest !== JSON.stringify([before.log, before.epochs, before.treeZxid])) return false;
  return Object.keys({ ...found.tree, ...before.tree }).every((name) =>
    [before.tree[name], after.tree[name]].includes(found.tree[name]),
  );
}

async function runSeed(seed: number): Promise<number> {
  const random = randomFrom(seed + 1);
  const medium = new Medium();
  let model = EMPTY;
  let crashes = 0;
  for (let round = 0; round < 4; round++) {
    let crash = (): void => {};
    const crashed = new Promise<"crashed">((resolve) => {
      crash = () => resolve("crashed");
    });
    const at = { at: 3 + random(40), isWritten: random(2) === 0, onCrash: crash };
    const storage = new StorageEngine(new SimulatedDisk(medium, at));
    if ((await Promise.race([storage.open(), crashed])) === "crashed") continue;
    for (;;) {
      const [after, call] = step(model, random);
      const outcome = await Promise.race([call(storage), crashed]);
      if (outcome === "crashed") {
        crashes += 1;
        const again = new StorageEngine(new SimulatedDisk(medium, undefined));
        const found = await observe(again);
        assert.ok(
          isBetween(found, model, after),
          `seed ${seed}: ${JSON.stringify({ found, before: model, after })}`,
        );
        await again.close();
        model = found;
        break;
      }
      model = after;
    }
  }
  return crashes;
}

test("whatever was acknowledged survives a crash, and nothing is there by half", async () => {
  let crashes = 0;
  for (let seed = 0; seed < 150; seed++) crashes += await runSeed(seed);
  assert.ok(crashes > 500, `only ${crashes} crashes`);
});

test("a flipped bit in a batch is damage, at the end of the log and within", async () => {
  for (const key of [2, 4]) {
    const medium = new Medium();
    const storage = makeOn(medium);
    await storage.open();
    for (const zxids of [
      [1, 2],
      [3, 4],
    ])
      await storage.append(batchOf(zxids));
    medium.rows.find(({ lastZxid }) => lastZxid === key)!.bytes[50]! ^= 4;
    assert.equal((await storage.damage()).length, 1);
    await storage.close();
    const found = await makeOn(medium)
      .open()
      .then(
        () => "opened",
        (error) => error.kind,
      );
    assert.is(found, key === 4 ? "damaged" : "opened");
  }
});

test("read() throws at a batch that is gone", async () => {
  const medium = new Medium();
  const storage = makeOn(medium);
  await storage.open();
  for (const zxid of [1, 2, 3]) await storage.append(batchOf([zxid]));
  medium.rows = medium.rows.filter(({ lastZxid }) => lastZxid !== 2);
  const zxids: Zxid[] = [];
  try {
    for await (const batch of storage.read(0)) zxids.push(batch.lastZxid);
    assert.unreachable();
  } catch (error) {
    assert.is((error as { kind?: string }).kind, "damaged");
  }
  assert.equal(zxids, [1]);
});

test("load() throws at a flipped bit in a znode, and at a znode that is gone", async () => {
  for (const spoil of ["flip", "delete"]) {
    const medium = new Medium();
    const storage = makeOn(medium);
    await storage.open();
    await storage.checkpoint(snapshotOf(1, sliceOf([{ path: "/" }, { path: "/a" }])));
    const { nodes } = medium.areas.live;
    if (spoil === "flip") nodes.get("/a")!.record[30]! ^= 1;
    else nodes.delete("/a");
    assert.equal((await storage.damage()).length, 1);
    try {
      await readSnapshot(storage.load());
      assert.unreachable();
    } catch (error) {
      assert.is((error as { kind?: string }).kind, "damaged");
    }
  }
});

test("open() refuses a log without its tree, and a tree without its log", async () => {
  for (const lost of ["log", "tree"]) {
    const medium = new Medium();
    const storage = makeOn(medium);
    await storage.open();
    await storage.append(batchOf([1]));
    await storage.close();
    if (lost === "tree") medium.areas.live.state = undefined;
    else medium.logState = undefined;
    if (lost === "log") medium.rows = [];
    const kind = await makeOn(medium)
      .open()
      .then(
        () => "opened",
        (error) => error.kind,
      );
    assert.is(kind, "damaged", lost);
  }
});

/** A disk whose staged tree takes nothing more, of which `kind` is the reason. */
async function openFailing(kind: StorageError["kind"]): Promise<Storage> {
  const disk = new SimulatedDisk(new Medium(), undefined);
  const { tree } = disk;
  const change = tree.change.bind(tree);
  const refuse = async (): Promise<never> => {
    throw new StorageError(kind, "the disk takes no more");
  };
  tree.change = (area, what) => (area === "staged" ? refuse() : change(area, what));
  const storage = new StorageEngine(disk);
  await storage.open();
  tree.clearStaged = refuse;
  return storage;
}

for (const kind of ["full", "locked"] as const) {
  test(`install() that finds the disk ${kind} leaves a storage that goes on`, async () => {
    const storage = await openFailing(kind);
    await rejectsWith(kind, storage.install(snapshotOf(9, sliceOf([{ path: "/" }])), 1));
    await storage.append(batchOf([1]));
    await storage.checkpoint(snapshotOf(1, sliceOf([{ path: "/" }, { path: "/a" }])));
    assert.is((await readSnapshot(storage.load())).nodes.length, 2);
  });
}

test("install() on a disk that fails leaves a storage that says so at once", async () => {
  const storage = await openFailing("io");
  await rejectsWith("io", storage.install(snapshotOf(9, sliceOf([{ path: "/" }])), 1));
  await rejectsWith("io", storage.append(batchOf([1])));
  assert.throws(() => storage.load(), /takes no more/);
});

async function rejectsWith(kind: string, outcome: Promise<unknown>): Promise<void> {
  const found = await outcome.then(
    () => "done",
    (error) => error.kind,
  );
  assert.is(found, kind);
}

test.run();
