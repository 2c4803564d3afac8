import { LOGGER, type Logger } from "../../../core/contracts/logger.ts";
import { createServer, essentials, type Server, tcpPeers, zab } from "../../../mod.ts";
import { freePorts } from "../../../tools/free_ports.ts";
import { GatedStorage } from "../../core/gated_storage.ts";
import { valuePlugin } from "../../core/server/fixture.ts";

/** Their `globalOutstandingLimit`. */
const LIMIT = 100;
const REPLACED = ["consensus", "standalone", "logger"];

/** One of them. */
export interface Member {
  readonly server: Server;
  readonly disk: GatedStorage;
  /** What was logged. */
  readonly said: string[];
  readonly quorumPort: number;
}

/** Three servers in this process, whose disks wait when the test says so. */
export class Ensemble {
  readonly members: readonly Member[];
  #wake: () => void = () => {};

  private constructor(ports: readonly number[]) {
    const ids = [1, 2, 3];
    const lines = ids.map((id) => {
      return `server.${id}=127.0.0.1:${ports[id * 2 - 2]}:${ports[id * 2 - 1]}:participant`;
    });
    this.members = ids.map((serverId) => {
      return this.#compose(serverId, lines.join("\n"), ports[serverId * 2 - 2] ?? 0);
    });
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

  said(text: string, by: readonly Member[] = this.members): Promise<void> {
    return this.until(() => by.some(({ said }) => said.includes(text)));
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  async stop(): Promise<void> {
    for (const { disk } of this.members) disk.open();
    await Promise.all(this.members.map(({ server }) => server.stop()));
  }

  #compose(serverId: number, membership: string, quorumPort: number): Member {
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
    return { server, disk, said, quorumPort };
  }
}
