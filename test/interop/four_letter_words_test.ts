import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect, type ZooKeeperClient } from "../../client/mod.ts";
import { fourLetters, type ServerKind, startServer, type TestServer } from "./server.ts";

/** A server with one client that has an ephemeral znode and two watches. */
interface Scene {
  readonly server: TestServer;
  readonly dataDir: string;
  client?: ZooKeeperClient;
}

const SCENES = new Map<ServerKind, Scene>();

async function openScene(kind: ServerKind): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), `words-${kind}-`));
  const server = await startServer({ kind, dataDir });
  const scene: Scene = { server, dataDir };
  SCENES.set(kind, scene);
  // For so long that the last thing it asked for is not a ping.
  const client = await connect({ servers: server.hosts, timeoutMs: 60_000 });
  scene.client = client;
  await client.create("/t", "data");
  await client.create("/t/e", "data", { mode: "ephemeral" });
  await client.getData("/t", { watch: () => {} });
  await client.getChildren("/t", { watch: () => {} });
}

test.before(async () => {
  for (const kind of ["apache", "zookit"] as const) await openScene(kind);
});

test.after(async () => {
  for (const { server, client, dataDir } of SCENES.values()) {
    await client?.close();
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
});

function ask(kind: ServerKind, word: string): Promise<string> {
  const port = SCENES.get(kind)?.server.port;
  if (port === undefined) throw new Error(`no ${kind} server is running`);
  return fourLetters(port, word);
}

/** The lines with everything cut out that differs from run to run. */
function shapeOf(text: string): string[] {
  return text.split("\n").map((line) =>
    line
      .replace(/^(.*?version)([=:\t]).*/, "$1$2<version>")
      .replace(/\/?\b\d+\.\d+\.\d+\.\d+:\d+/, "<peer>")
      .replace(/0x[0-9a-f]+/g, "<hex>")
      .replace(/(?<=expire at ).*(?=:$)/, "<date>")
      .replace(/-?\d+\.\d+/g, "<fraction>")
      .replace(/-?\d+/g, "<n>")
      .replace(/(?<=^data(?:Log)?Dir=).+/, "<folder>"),
  );
}

async function compare(word: string, cut: (lines: string[]) => string[]): Promise<void> {
  const [apache, zookit] = await Promise.all([ask("apache", word), ask("zookit", word)]);
  assert.is.not(apache, "", `Apache does not answer ${word}`);
  assert.equal(cut(shapeOf(zookit)), cut(shapeOf(apache)), word);
}

const ALL_LINES = (lines: string[]): string[] => lines;

for (const word of ["srvr", "conf", "wchs", "wchc", "wchp", "dirs"]) {
  test(`${word} has the lines of Apache ZooKeeper, in its order`, () => compare(word, ALL_LINES));
}

for (const word of [
  "ruok",
  "isro",
  "gtmk",
  "stmk\0\0\0\0\0\0\u0001\u0032",
  "srst",
  "crst",
  "xxxx",
]) {
  test(`${word.slice(0, 4)} is answered word by word as by Apache ZooKeeper`, async () => {
    assert.equal(await ask("zookit", word), await ask("apache", word));
  });
}

// Connections come in no order there, and in the order accepted here.
for (const word of ["stat", "cons"]) {
  test(`${word} describes connections as Apache ZooKeeper does`, () =>
    compare(word, (lines) => lines.sort()));
}

test("dump has the sections of Apache ZooKeeper", () =>
  // There, the connection of the word itself is in the last section, under the session 0.
  compare("dump", (lines) => [
    ...new Set(lines.map((line) => line.replace(/^<n> expire at .*/, "<n> expire at <date>"))),
  ]));

test("envi has the keys of Apache ZooKeeper, in its order", () =>
  compare("envi", (lines) => lines.map((line) => line.replace(/=.*/, "="))));

function keysOf(text: string): string[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t", 1)[0] ?? "");
}

test("mntr begins with the figures of Apache ZooKeeper, in its order", async () => {
  const [apache, zookit] = await Promise.all([ask("apache", "mntr"), ask("zookit", "mntr")]);
  const last = "zk_non_mtls_local_conn_count";
  const head = (text: string): string[] => text.slice(0, text.indexOf(last)).split("\n");
  const expected = head(apache);
  assert.ok(expected.length > 20);
  assert.equal(shapeOf(head(zookit).join("\n")), shapeOf(expected.join("\n")));
});

/** Figures of things that Apache ZooKeeper does not have, or does not count in `mntr`. */
const OWN_FIGURES = [
  "zk_fsync_threshold_exceed_count",
  "zk_slow_requests_count",
  "zk_large_responses_count",
  "zk_max_children_created",
  "zk_data_dir_free_bytes",
  "zk_tree_bytes",
  "zk_creates_refused_count",
  "zk_log_wal_bytes",
  "zk_tree_wal_bytes",
];

test("mntr gives no other name to a figure than Apache ZooKeeper does", async () => {
  const known = new Set([...keysOf(await ask("apache", "mntr")), ...OWN_FIGURES]);
  const strange = keysOf(await ask("zookit", "mntr")).filter((key) => !known.has(key));
  assert.equal(strange, []);
});

test("mntr sums up quotas by the first name of their paths, as Apache ZooKeeper does", async () => {
  const limits: readonly [path: string, text: string][] = [
    ["/shop/a", "count=5,bytes=100=;byteHardLimit=70;countHardLimit=9"],
    ["/shop/b", "count=3,bytes=-1"],
    ["/other", "count=-1,bytes=7"],
  ];
  for (const { client } of SCENES.values()) {
    assert.ok(client);
    const made = new Set<string>();
    await client.create("/shop");
    for (const [path, text] of limits) {
      await client.create(path, "12345");
      let at = "/zookeeper/quota";
      for (const name of path.split("/").slice(1)) {
        at += `/${name}`;
        if (!made.has(at)) await client.create(at);
        made.add(at);
      }
      await client.create(`${at}/zookeeper_limits`, text);
      await client.create(`${at}/zookeeper_stats`, "count=0,bytes=0");
      await client.create(`${path}/child`, "123");
    }
    for (const data of ["x".repeat(100), "x".repeat(71)]) {
      await client.setData("/shop/a", data).catch((error) => assert.is(error.code, -125));
    }
  }
  const quotasOf = async (kind: ServerKind): Promise<string[]> =>
    (await ask(kind, "mntr"))
      .split("\n")
      .filter((line) => line.includes("_quota_"))
      .sort();
  const apache = await quotasOf("apache");
  assert.is(apache.length, 9);
  assert.ok(apache.includes("zk_shop_quota_exceeded_error_per_namespace\t2"), apache.join("\n"));
  assert.equal(await quotasOf("zookit"), apache);
});

test.run();
