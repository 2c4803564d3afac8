/**
 * One folder, two servers: Apache ZooKeeper and Zookit start where the other one was killed.
 *
 * The file is also the Zookit server of its tests: `apache_files_test.ts serve <dataDir> <port>`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { digestText, recoverTree } from "../../cli/copy_storage.ts";
import { connect, type ZooKeeperClient } from "../../client/mod.ts";
import { createServer, essentials, fourLetterWords, tcpTransport } from "../../mod.ts";
import { ApacheStorage, apacheStorage } from "../../storage/apache/mod.ts";
import { fourLetters, startServer, type TestServer } from "./server.ts";

/** Small, so that each phase writes snapshots and begins files. */
const SNAP_COUNT = 100;
const WRITES = 200;

async function serve(dataDir: string, port: number): Promise<void> {
  const server = createServer({
    plugins: [
      ...essentials({ logLevel: "warn" }),
      apacheStorage({ dataDir, preAllocKb: 64 }),
      tcpTransport({ host: "127.0.0.1", port }),
      fourLetterWords({ whitelist: ["*"], readOnlyModeEnabled: false, dataDir }),
    ],
    extendedTypesEnabled: true,
    maxSessionTimeoutMs: 60_000,
    snapCount: SNAP_COUNT,
    tickTimeMs: 200,
  });
  await server.start();
  console.log("ready");
}

/** A Zookit server on Apache's files in a process of its own. */
class ZookitProcess {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;

  private constructor(dataDir: string, port: number) {
    const file = fileURLToPath(import.meta.url);
    const args = [...process.execArgv, file, "serve", dataDir, String(port)];
    this.#child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#exit = once(this.#child, "close");
  }

  static async start(dataDir: string, port: number): Promise<ZookitProcess> {
    const started = new ZookitProcess(dataDir, port);
    const line = once(started.#child.stdout!, "data");
    await Promise.race([line, started.#exit]);
    if (started.#child.exitCode !== null) throw new Error("the server ended at once");
    return started;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }
}

type Kind = "apache" | "zookit";

/** The folder, and one server at a time on it, always on the same port. */
class Place {
  readonly dataDir: string;
  readonly #apache: TestServer;
  #running: { kill(): Promise<void> };

  constructor(dataDir: string, apache: TestServer) {
    this.dataDir = dataDir;
    this.#apache = apache;
    this.#running = apache;
  }

  get port(): number {
    return this.#apache.port;
  }

  async start(kind: Kind): Promise<void> {
    if (kind === "apache") await this.#apache.start();
    this.#running =
      kind === "apache" ? this.#apache : await ZookitProcess.start(this.dataDir, this.port);
  }

  kill(): Promise<void> {
    return this.#running.kill();
  }

  connect(): Promise<ZooKeeperClient> {
    const options = {
      servers: `127.0.0.1:${this.port}`,
      timeoutMs: 60_000,
      reconnectDelayMaxMs: 100,
    };
    return connect(options, { signal: AbortSignal.timeout(20_000) });
  }

  /** Every znode with data, Stat and ACL; `/zookeeper` but for its name is each server's own. */
  async dump(zk: ZooKeeperClient): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const visit = async (path: string): Promise<void> => {
      const { data, stat } = await zk.getData(path);
      const { acl } = await zk.getAcl(path);
      const plain = (_key: string, value: unknown): unknown =>
        typeof value === "bigint" ? value.toString(16) : value;
      const text = data && Buffer.from(data).toString("hex");
      found.set(path, JSON.stringify([text, stat, acl], plain));
      if (path === "/zookeeper") return;
      const { children } = await zk.getChildren(path);
      for (const name of [...children].sort()) {
        await visit(path === "/" ? `/${name}` : `${path}/${name}`);
      }
    };
    await visit("/");
    return found;
  }

  /** What a server would have that starts on a copy of the files, and whether it is sound. */
  async recover(): Promise<string> {
    const copy = await mkdtemp(join(tmpdir(), "apache-copy-"));
    const storage = new ApacheStorage({ dataDir: copy });
    try {
      await cp(this.dataDir, copy, {
        recursive: true,
        filter: (path) => !path.endsWith("zookit.lock"),
      });
      await storage.open();
      assert.equal(await storage.damage(), []);
      const { tree, isAsAnnounced } = await recoverTree(storage);
      assert.ok(isAsAnnounced, "the tree is the one that the last transaction announced");
      return `${digestText(tree)}, ${tree.sessions.size} sessions`;
    } finally {
      await storage.close();
      await rm(copy, { recursive: true });
    }
  }

  async mismatches(): Promise<string | undefined> {
    const figures = await fourLetters(this.port, "mntr");
    return /^zk_digest_mismatches_count\s+(\S+)$/m.exec(figures)?.[1];
  }
}

/** Writes of every kind, many at once; kills the server while the last ones are on their way. */
async function writeAndKill(place: Place, round: string): Promise<string[]> {
  const zk = await place.connect();
  await zk.create(`/${round}`, round);
  await zk.create(`/${round}/container`, "", { mode: "container" });
  await zk.create(`/${round}/ttl`, "", { mode: "ttl", ttlMs: 3_600_000 });
  const acl = [{ perms: 31, scheme: "digest", id: `user${round}:x` }];
  await zk.create(`/${round}/closed`, null, {
    acl: [...acl, { perms: 1, scheme: "world", id: "anyone" }],
  });
  const acknowledged: string[] = [];
  let enough = (): void => {};
  const isEnough = new Promise<void>((resolve) => (enough = resolve));
  const all = Array.from({ length: 4 * WRITES }, async (_, index) => {
    const path = `/${round}/n${index}`;
    await zk.create(path, `${round} ${index}`, index % 9 === 0 ? { mode: "ephemeral" } : {});
    if (index % 3 === 0) await zk.setData(path, "x".repeat(index));
    if (index % 7 === 0 && index % 9 !== 0) await zk.delete(path);
    else acknowledged.push(path);
    if (acknowledged.length === WRITES) enough();
  });
  const settled = Promise.allSettled(all);
  await isEnough;
  const kept = [...acknowledged];
  await place.kill();
  await zk.close();
  await settled;
  return kept;
}

async function main(): Promise<void> {
  test("Apache and Zookit take turns on one folder, each killed under load", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "apache-files-"));
    // What was written outlives the process also without a sync.
    const options = { snapCount: String(SNAP_COUNT), preAllocSize: "64", forceSync: "no" };
    const apache = await startServer({ kind: "apache", dataDir, options });
    const place = new Place(dataDir, apache);
    const lasting = await place.connect();
    const id = lasting.state.sessionId;
    await lasting.create("/lasting", "", { mode: "ephemeral" });
    try {
      const pair: readonly [Kind, Kind][] = [
        ["apache", "zookit"],
        ["zookit", "apache"],
      ];
      const turns = [...pair, ...pair, ...pair];
      for (const [index, [from, to]] of turns.entries()) {
        const acknowledged = await writeAndKill(place, `round${index}`);
        const recovered = await place.recover();
        await place.start(from);
        const before = await place.dump(lasting);
        await place.kill();
        assert.is(await place.recover(), recovered, `${from} has made nothing else of it`);
        await place.start(to);
        const after = await place.dump(lasting);
        assert.equal([...after], [...before], `${to} has what ${from} had`);
        for (const path of acknowledged) assert.ok(after.has(path), `${path} was acknowledged`);
        assert.is(await place.mismatches(), "0");
        assert.is(lasting.state.sessionId, id);
      }
      const { stat } = await lasting.getData("/lasting");
      assert.is(stat.ephemeralOwner, id, "the session has lived through all of it");
    } finally {
      await lasting.close();
      await place.kill();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
  test.run();
}

if (process.argv[2] === "serve") await serve(process.argv[3]!, Number(process.argv[4]));
else await main();
