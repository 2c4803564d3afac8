import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ZooKeeperClient } from "../../../client/mod.ts";
import { LOGGER, type Logger } from "../../../core/contracts/logger.ts";
import { createServer, essentials, type Server, tcpPeers, zab } from "../../../mod.ts";
import { freePorts } from "../../../tools/free_ports.ts";
import { GatedStorage } from "../../core/gated_storage.ts";
import { valuePlugin } from "../../core/server/fixture.ts";

/** Three servers whose disks wait when the test says so, with clients that write much. */
const LIMIT = 100;
const DATA = new Uint8Array(64 * 1024);
const WRITES = 400;
/** Well above the backlog's bound and all that the limit lets through beside it. */
const WRITTEN_BYTES = 3 * WRITES * DATA.length;
const REPLACED = ["consensus", "standalone", "logger"];

interface Member {
  readonly server: Server;
  readonly disk: GatedStorage;
  /** What was logged. */
  readonly said: string[];
}

class Ensemble {
  readonly members: readonly Member[];
  #wake: () => void = () => {};

  private constructor(ports: readonly number[]) {
    const ids = [1, 2, 3];
    const lines = ids.map((id) => {
      return `server.${id}=127.0.0.1:${ports[id * 2 - 2]}:${ports[id * 2 - 1]}:participant`;
    });
    this.members = ids.map((serverId) => this.#compose(serverId, lines.join("\n")));
  }

  /** Starts them. Resolves once all serve. */
  static async start(): Promise<Ensemble> {
    const ensemble = new Ensemble(await freePorts(6));
    await Promise.all(ensemble.members.map(({ server }) => server.start()));
    await ensemble.said("role leader");
    await ensemble.until(() => {
      return ensemble.members.filter(({ said }) => said.includes("role follower")).length === 2;
    });
    return ensemble;
  }

  get leader(): Member {
    return this.members.find(({ said }) => said.includes("role leader")) as Member;
  }

  get followers(): readonly Member[] {
    return this.members.filter((member) => member !== this.leader);
  }

  said(text: string, by = this.members): Promise<void> {
    return this.until(() => by.some(({ said }) => said.includes(text)));
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  async stop(): Promise<void> {
    for (const { disk } of this.members) disk.open();
    await Promise.all(this.members.map(({ server }) => server.stop()));
  }

  #compose(serverId: number, membership: string): Member {
    const disk = new GatedStorage();
    const said: string[] = [];
    const note: Logger["info"] = (text, fields) => {
      said.push(text === "role" ? `role ${fields?.["role"]}` : text);
      this.#wake();
    };
    const logger: Logger = {
      debug: note,
      info: note,
      warn: note,
      error: note,
      child: () => logger,
    };
    const server = createServer({
      serverId,
      globalOutstandingLimit: LIMIT,
      plugins: [
        ...essentials().filter(({ name }) => !REPLACED.includes(name) && !name.includes("logger")),
        valuePlugin("logger", LOGGER, logger),
        zab({ serverId, membership, syncLimit: 40 }),
        tcpPeers(),
        disk.plugin(),
      ],
    });
    return { server, disk, said };
  }
}

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
