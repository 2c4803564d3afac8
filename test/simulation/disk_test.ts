import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Storage } from "../../core/contracts/storage.ts";
import { type DiskHabits, SimulatedDisk } from "../../simulation/disk.ts";
import type { Machine } from "../../simulation/machine.ts";
import { Medium } from "../../simulation/medium.ts";
import { StorageEngine } from "../../storage/sqlite/storage_engine.ts";
import { testStorage } from "../conformance/storage.ts";
import { batchOf, zxidsOf } from "../conformance/storage_data.ts";
import { Pump } from "./pump.ts";

const pump = new Pump();

interface Home {
  readonly machine: Machine;
  readonly medium: Medium;
  readonly habits: DiskHabits;
}

const homes = new WeakMap<Storage, Home>();
let lost = 0;

function openAt(home: Home): Storage {
  const { machine, medium, habits } = home;
  const disk = new SimulatedDisk(machine, medium, {
    habits,
    random: pump.random,
    lost: (count) => {
      lost += count;
    },
  });
  const storage = new StorageEngine(disk);
  homes.set(storage, home);
  return storage;
}

function makeHome(): Home {
  const habits: DiskHabits = { syncMs: [0.5, 2], readMs: 0.1, stallMs: 0, failsNext: undefined };
  return { machine: pump.machine("server"), medium: new Medium(), habits };
}

testStorage({
  test,
  make: async () => openAt(makeHome()),
  remake: async (storage) => {
    const home = homes.get(storage)!;
    home.machine.crash("power-lost");
    home.machine.start();
    await storage.close();
    return openAt(home);
  },
});

async function logOf(home: Home): Promise<number[]> {
  const storage = openAt(home);
  await storage.open();
  const zxids: number[] = [];
  for await (const batch of storage.read(0)) zxids.push(...zxidsOf(batch));
  await storage.close();
  return zxids;
}

test("what was not synced at a crash is there or not, and is never acknowledged", async () => {
  const seen = new Set<number>();
  for (let i = 0; i < 20; i++) {
    const home = makeHome();
    const storage = openAt(home);
    await storage.open();
    await storage.append(batchOf([1]));
    let isAcknowledged = false;
    void storage.append(batchOf([2])).then(() => {
      isAcknowledged = true;
    });
    home.machine.crash("killed");
    home.machine.start();
    const zxids = await logOf(home);
    assert.is(zxids[0], 1);
    assert.is(isAcknowledged, false);
    seen.add(zxids.length);
  }
  assert.equal([...seen].sort(), [1, 2]);
  assert.ok(lost > 0);
});

test("a sync that fails makes the log unusable, and a flipped bit is found", async () => {
  const home = makeHome();
  const storage = openAt(home);
  await storage.open();
  await storage.append(batchOf([1]));
  home.habits.failsNext = "io";
  const kindOf = (done: Promise<unknown>): Promise<string> =>
    done.then(
      () => "none",
      (error) => error.kind,
    );
  assert.is(await kindOf(storage.append(batchOf([2]))), "io");
  assert.is(await kindOf(storage.append(batchOf([3]))), "io");
  await storage.close();
  const repair = home.medium.flipBit(pump.random)!;
  assert.is(await kindOf(logOf(home)), "damaged");
  home.machine.crash("killed");
  home.machine.start();
  repair();
  assert.is((await logOf(home))[0], 1);
});

test.after(() => pump.stop());
test.run();
