/**
 * An application's test against an ensemble that fails, in virtual time: the leader loses its power
 * and minutes pass, in a fraction of a second. A run that fails prints its seed.
 */
import * as assert from "node:assert/strict";
import { ZkError, type ZooKeeperClient } from "../client/mod.ts";
import { simulate, type World } from "../simulation/mod.ts";

/** The code under test: only one process at a time may be the master. */
async function becomeMaster(zk: ZooKeeperClient, name: string): Promise<boolean> {
  for (;;) {
    try {
      await zk.create("/master", name, { mode: "ephemeral" });
      return true;
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      if (error.kind === "ConnectionLoss") continue; // It may have been done: look again.
      if (error.kind !== "NodeExists") throw error;
      const { data } = await zk.getData("/master");
      return new TextDecoder().decode(data ?? undefined) === name;
    }
  }
}

async function exactlyOneMaster(world: World): Promise<void> {
  const [left, right] = [await world.connect(), await world.connect()];
  const running = Promise.all([becomeMaster(left, "left"), becomeMaster(right, "right")]);
  await world.sleep(world.random.between(0, 5)); // Right into it, at another moment for each seed.
  const leader = world.leader;
  leader?.crash("power-lost");
  assert.equal((await running).filter((isMaster) => isMaster).length, 1);

  await world.sleep(5 * 60_000); // Five minutes on two servers.
  void leader?.start();
  await world.untilServing();
  assert.equal(world.leader?.isRunning, true);
  await Promise.all([left.close(), right.close()]);
}

const reports = await simulate({ servers: 3, seed: 1, seeds: 10 }, exactlyOneMaster);
const virtualMs = reports.reduce((sum, report) => sum + report.virtualMs, 0);
console.log(`${reports.length} runs, ${Math.round(virtualMs / 60_000)} minutes of virtual time`);
