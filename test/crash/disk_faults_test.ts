/** A disk that is full, fails or is slow, by the library of the power cuts. */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { randomFrom } from "./history.ts";
import { buildLibrary, PowerRun } from "./power_run.ts";
import type { StorageKind } from "./server_process.ts";
import { closeClients } from "./writer.ts";

const SEED = Number(process.env.ZOOKIT_CRASH_SEED ?? Date.now() % 1_000_000);
const SNAP_COUNT = 200;
const STORAGE_EXIT = 3;

const root = realpathSync(mkdtempSync(join(tmpdir(), "zookit-faults-")));
const library = buildLibrary(root);
const runs: PowerRun[] = [];

test.after(async () => {
  for (const run of runs) await run.end();
  await closeClients();
  rmSync(root, { recursive: true, force: true });
});

async function begin(storage: StorageKind): Promise<PowerRun> {
  const folder = mkdtempSync(join(root, "run-"));
  const run = new PowerRun({ folder, library, storage }, randomFrom(SEED));
  runs.push(run);
  await run.begin(SNAP_COUNT);
  await run.writeAndKill(200);
  run.cut();
  return run;
}

/** Storage, the rule for the library, and what the operator must read. */
const FAULTS: readonly (readonly [storage: StorageKind, fault: string, says: RegExp])[] = [
  ["sqlite", "full:data/log.db-wal:60", /free space on the disk/],
  ["sqlite", "full:data/tree.db-wal:1500", /free space on the disk/],
  ["sqlite", "eio:data/log.db-wal:20", /check .*and the disk/],
  ["sqlite", "eio:data/tree.db-wal:10", /check .*and the disk/],
  ["apache", "full:data/version-2/log.*:20", /^full/m],
  ["apache", "full:data/version-2/zookit.*:30", /^full/m],
  ["apache", "eio:data/version-2/log.*:20", /^io/m],
  ["apache", "eio:data/version-2/zookit.snapshot.tmp:2", /^io/m],
];

for (const [storage, fault, says] of FAULTS) {
  test(`${storage}, ${fault}: the server stops, says why, and has lost nothing`, async () => {
    const run = await begin(storage);
    run.setFault(fault);
    await run.recover(SNAP_COUNT).then(
      () => run.writeUntilGone(),
      (error) => {
        // It may strike while clients come back.
        if (!run.server.hasEnded) throw error;
      },
    );
    assert.is(await run.server.ended(), STORAGE_EXIT, run.server.errors);
    assert.match(run.server.errors, says, `seed ${SEED}`);
    // After a failed sync nobody knows what of it the disk has.
    run.cut();
    run.setFault("");
    await run.recover(SNAP_COUNT);
    await run.end();
  });
}

/** Faults that do no harm while they last, or that only delay. */
const BEARABLE: readonly (readonly [storage: StorageKind, fault: string])[] = [
  // The write-ahead log has it all, and goes on.
  ["sqlite", "full:data/log.db:1"],
  ["sqlite", "eio:data/log.db:1"],
  ["sqlite", "eio:data/tree.db:1"],
  ["sqlite", "slow:data/*:100"],
  ["apache", "slow:data/version-2/*:100"],
];

for (const [storage, fault] of BEARABLE) {
  test(`${storage}, ${fault}: the server goes on and loses nothing`, async () => {
    const run = await begin(storage);
    run.setFault(fault);
    await run.recover(SNAP_COUNT);
    await run.writeAndKill(300);
    run.cut();
    run.setFault("");
    await run.recover(SNAP_COUNT);
    await run.end();
  });
}

test.run();
