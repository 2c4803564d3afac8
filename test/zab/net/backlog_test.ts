import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ZooKeeperClient } from "../../../client/mod.ts";
import type { Server } from "../../../mod.ts";
import { Ensemble, type Member } from "./gated_ensemble.ts";

/** Clients that write much, at servers whose disks wait when the test says so. */
const DATA = new Uint8Array(64 * 1024);
const WRITES = 400;
/** Well above the backlog's bound and all that the limit lets through beside it. */
const WRITTEN_BYTES = 3 * WRITES * DATA.length;
/** Clients that write to a znode each, all of it at once, and count what is acknowledged. */
class Writers {
  acknowledged = 0;
  readonly #clients: ZooKeeperClient[] = [];
  #all: Promise<unknown> = Promise.resolve();

  async open(servers: readonly Server[]): Promise<void> {
    for (const server of servers) this.#clients.push(await server.connect({ timeoutMs: 40_000 }));
    for (const [i, client] of this.#clients.entries()) await client.create(`/w${i}`, "");
  }

  begin(): void {
    const writes = this.#clients.flatMap((client, i) =>
      Array.from({ length: WRITES }, async () => {
        await client.setData(`/w${i}`, DATA);
        this.acknowledged += 1;
      }),
    );
    this.#all = Promise.all(writes);
  }

  /** Every write is acknowledged, and everywhere. */
  async end(ensemble: Ensemble): Promise<void> {
    await this.#all;
    for (const { server } of ensemble.members) {
      await using client = await server.connect();
      await client.sync("/");
      for (const i of this.#clients.keys()) {
        const { stat } = await client.getData(`/w${i}`);
        assert.is(stat.version, WRITES);
      }
    }
    for (const client of this.#clients) await client.close();
  }
}

test("clients wait for a leader whose disk lags far behind; nothing is lost", async () => {
  const ensemble = await Ensemble.start();
  const writers = new Writers();
  await writers.open(ensemble.members.map(({ server }) => server));
  const { leader, followers } = ensemble;
  await using reader = await (followers[0] as Member).server.connect();
  leader.disk.shut();
  writers.begin();
  await ensemble.said("much waits for the disk, and others wait for it", [leader]);
  for (let i = 0; i < 200; i++) await reader.exists("/w0");
  const aheadBytes = writers.acknowledged * DATA.length;
  assert.ok(aheadBytes > 0, "a quorum without the leader's disk acknowledges");
  assert.ok(aheadBytes < WRITTEN_BYTES / 2, `${aheadBytes} bytes ahead of the leader's disk`);
  leader.disk.open();
  await writers.end(ensemble);
  await ensemble.stop();
});

test("a follower whose disk lags far behind takes no more, and catches up by itself", async () => {
  const ensemble = await Ensemble.start();
  const [slow, other] = ensemble.followers as [Member, Member];
  const writers = new Writers();
  await writers.open([ensemble.leader.server, other.server, other.server]);
  slow.disk.shut();
  writers.begin();
  await ensemble.said("much waits for the disk, and others wait for it", [slow]);
  slow.disk.open();
  await writers.end(ensemble);
  assert.not(slow.said.includes("looking for a leader"));
  await ensemble.stop();
});

test.run();
