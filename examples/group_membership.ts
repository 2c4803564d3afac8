/**
 * Who is there? Each member has an ephemeral znode, which lives as long as its session: it goes
 * when the member closes, and when the member is not heard of for its session's time-out.
 */
import assert from "node:assert/strict";
import { firstValueFrom } from "rxjs";
import { filter, map } from "rxjs/operators";
import { connect, tcpDialer, type ZooKeeperClient } from "../client/mod.ts";
import {
  type Connection,
  createServer,
  type Dialer,
  essentials,
  memoryStorage,
  tcpTransport,
} from "../mod.ts";

const GROUP = "/workers";

/** A way to the server that can be cut, as when a machine loses its network. */
class Cable implements Dialer {
  readonly #dialer: Dialer;
  #connection: Connection | undefined;
  #isCut = false;

  constructor(port: number) {
    this.#dialer = tcpDialer("127.0.0.1", port);
  }

  async dial(...args: Parameters<Dialer["dial"]>): Promise<Connection> {
    if (this.#isCut) throw new Error("the cable is cut");
    this.#connection = await this.#dialer.dial(...args);
    return this.#connection;
  }

  cut(): void {
    this.#isCut = true;
    this.#connection?.destroy();
  }
}

// Sessions expire at multiples of the tick; short ones, so that the example does not take long.
const tickTimeMs = 100;
await using server = createServer({
  plugins: [
    ...essentials({ logLevel: "warn" }),
    memoryStorage(),
    tcpTransport({ host: "127.0.0.1", port: 0 }),
  ],
  tickTimeMs,
});
await server.start();

async function join(name: string, server: Dialer | string): Promise<ZooKeeperClient> {
  const member = await connect({ servers: [server], timeoutMs: 2_000 });
  await member.create(`${GROUP}/${name}`, "", { mode: "ephemeral" });
  return member;
}

const servers = `127.0.0.1:${server.port}`;
await using observer = await connect({ servers });
await observer.create(GROUP, null, { mode: "container" }); // Goes away when nobody is left.
const members$ = observer
  .children$(GROUP)
  .pipe(map((group) => group?.children.toSorted().join(", ") ?? ""));
const watching = members$.subscribe((names) => console.log(`members: ${names || "(nobody)"}`));
const membersAre = (names: string): Promise<string> =>
  firstValueFrom(members$.pipe(filter((now) => now === names)));

const cable = new Cable(server.port);
const ada = await join("ada", servers);
const grace = await join("grace", cable);
await using _linus = await join("linus", servers);
await membersAre("ada, grace, linus");

await ada.close(); // A farewell is seen at once.
await membersAre("grace, linus");

cable.cut(); // So is silence, once the time-out has passed.
await membersAre("linus");
await grace.close();

watching.unsubscribe();
assert.equal(await observer.exists(`${GROUP}/ada`), null);
