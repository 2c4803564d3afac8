import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect, type ZooKeeperClient } from "../../client/mod.ts";
import { freePort } from "../../tools/free_ports.ts";
import { fourLetters, type ServerKind, startServer, type TestServer } from "./server.ts";

/** A server with one client that has an ephemeral znode and a watch. */
interface Scene {
  readonly server: TestServer;
  readonly dataDir: string;
  readonly url: string;
  client?: ZooKeeperClient;
}

const SCENES = new Map<ServerKind, Scene>();

/** Debian's ZooKeeper depends on these packages, but its jar does not name them. */
const JETTY = [
  ...["server", "servlet", "util", "http", "io", "security", "util-ajax"].map((part) => {
    return `jetty9-${part}`;
  }),
  ...["servlet-api", "jackson-core", "jackson-databind", "jackson-annotations"],
].map((name) => `/usr/share/java/${name}.jar`);

async function openScene(kind: ServerKind): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), `admin-${kind}-`));
  const port = await freePort();
  const options = {
    "admin.enableServer": "true",
    "admin.serverPort": String(port),
    "admin.serverAddress": "127.0.0.1",
  };
  const server = await startServer({ kind, dataDir, options, classPath: JETTY });
  const scene: Scene = { server, dataDir, url: `http://127.0.0.1:${port}` };
  SCENES.set(kind, scene);
  // For so long that the last thing it asked for is not a ping.
  const client = await connect({ servers: server.hosts, timeoutMs: 60_000 });
  scene.client = client;
  await client.create("/t", "data");
  await client.create("/t/e", "data", { mode: "ephemeral" });
  await client.getData("/t", { watch: () => {} });
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

async function ask(kind: ServerKind, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${SCENES.get(kind)?.url}${path}`, init);
}

async function textOf(kind: ServerKind, command: string): Promise<string> {
  return (await ask(kind, `/commands/${command}`)).text();
}

/**
 * What an answer is made of: numbers, folders and the like replaced by what they are, the layout
 * kept. Sessions and times are keys, too.
 */
function shapeOf(text: string): string {
  return (
    text
      .replace(/"127\.0\.0\.1:\d+"/g, "<peer>")
      .replace(/"(?:0x)?[0-9a-f]+"(?= :)/g, "<id>")
      .replace(/(?<="zxid" : )"[0-9a-f]+"/g, "<zxid>")
      .replace(/(?<="version" : ).*/g, "<version>,")
      .replace(/(?<="data(?:_log)?_dir" : ).*/g, "<folder>,")
      .replace(/(?<="initial_configuration" : ).*/g, "<text>,")
      .replace(/-?\b\d+(?:\.\d+)?\b/g, "<n>")
      // A moment of Apache's in which nothing expires any more.
      .replace(/\n *<id> : \[ \],(?=\n)|,\n *<id> : \[ \](?=\n)/g, "")
  );
}

// Before any other, of which one resets the figures.
test("monitor tells how long the start took to load the tree, as Apache's does", async () => {
  for (const kind of ["apache", "zookit"] as const) {
    const figures = JSON.parse(await textOf(kind, "monitor")) as Record<string, number>;
    assert.is(figures.cnt_dbinittime, 1, kind);
    assert.ok((figures.sum_dbinittime ?? 0) > 0, kind);
  }
});

const SAME = [
  ...["configuration", "connection_stat_reset", "connections", "dirs", "dump", "get_trace_mask"],
  ...["hash", "initial_configuration", "is_read_only", "last_snapshot", "leader"],
  ...["observer_connection_stat_reset", "observers", "ruok", "server_stats", "set_trace_mask"],
  ...["set_trace_mask?traceMask=x", "set_trace_mask?traceMask=306", "stats", "voting_view"],
  ...["watch_summary", "watches", "watches_by_path", "zabstate", "nothing_like_it", "stat_reset"],
];
for (const command of SAME) {
  test(`GET /commands/${command} has the keys, order and layout of Apache 3.8`, async () => {
    const [apache, zookit] = [await textOf("apache", command), await textOf("zookit", command)];
    assert.is(ordered(shapeOf(zookit)), ordered(shapeOf(apache)));
  });
}

/** Lines of what Apache orders at random, from start to start: the members of `server_stats`. */
function ordered(shape: string): string {
  return shape.replace(/(?<="server_stats" : \{\n).*?(?=\n {2}\})/s, (members) => {
    const lines = members.replace(/(?<="client_response_stats" : )\{.*?\}/s, "<sizes>");
    return lines.split(/,?\n/).sort().join(",\n");
  });
}

test("aliases mean the same as in Apache", async () => {
  const aliases = ["conf", "config", "cons", "crst", "srst", "orst", "env", "envi", "gtmk", "stmk"];
  aliases.push("icfg", "isro", "lsnp", "lead", "mntr", "srvr", "stat", "obsr", "sysp");
  aliases.push("wchc", "wchp", "wchs");
  const commandOf = (text: string): unknown => (JSON.parse(text) as { command: unknown }).command;
  for (const alias of aliases) {
    const [apache, zookit] = [await textOf("apache", alias), await textOf("zookit", alias)];
    assert.is(commandOf(zookit), commandOf(apache), alias);
  }
});

test("the list of commands holds Apache's, laid out as there", async () => {
  const entry = /<a href="\/commands\/\w+">\w+<\/a>\n<br\/>\n/g;
  const apache = (await textOf("apache", "")).match(entry) ?? [];
  const zookit = await textOf("zookit", "");
  assert.ok(apache.length > 20);
  assert.equal(
    apache.filter((link) => !zookit.includes(link)),
    [],
  );
  assert.is(zookit.replace(entry, ""), "");
});

test("environment has Apache's keys", async () => {
  const keysOf = (text: string): string[] => Object.keys(JSON.parse(text) as object).sort();
  const [apache, zookit] = [await textOf("apache", "envi"), await textOf("zookit", "envi")];
  assert.equal(keysOf(zookit), keysOf(apache));
});

test("monitor has every key of Apache that is about the server itself", async () => {
  const keysOf = (text: string): string[] => Object.keys(JSON.parse(text) as object);
  const zookit = new Set(keysOf(await textOf("zookit", "monitor")));
  const apache = keysOf(await textOf("apache", "monitor"));
  // What comes before the counters of Apache's parts, which are other parts than ours.
  const own = apache.slice(0, apache.indexOf("proposal_count"));
  assert.ok(own.length > 20, String(own));
  assert.equal(
    own.filter((key) => !zookit.has(key)),
    [],
  );
});

test("other methods and paths are answered with Apache's statuses", async () => {
  const cases: readonly [path: string, method: string][] = [
    ["/", "GET"],
    ["/commands", "GET"],
    ["/commands/ruok", "HEAD"],
    ["/commands/ruok", "PUT"],
    ["/commands/ruok", "DELETE"],
    ["/commands/ruok", "POST"],
  ];
  for (const [path, method] of cases) {
    const statuses: number[] = [];
    for (const kind of ["apache", "zookit"] as const) {
      const response = await ask(kind, path, { method });
      statuses.push(response.status);
      await response.text();
    }
    assert.is(statuses[1], statuses[0], `${method} ${path}`);
  }
});

test("Apache's server starts on a snapshot of ours, and finds its digest right", async () => {
  const headers = { authorization: "digest ann:secret" };
  const answer = await ask("zookit", "/commands/snapshot", { headers });
  assert.is(answer.status, 200);
  const zxid = (answer.headers.get("last_zxid") ?? "").slice(2);
  const dataDir = await mkdtemp(join(tmpdir(), "admin-handed-"));
  await mkdir(join(dataDir, "version-2"));
  const file = join(dataDir, "version-2", `snapshot.${zxid}`);
  await writeFile(file, new Uint8Array(await answer.arrayBuffer()));
  const server = await startServer({ kind: "apache", dataDir });
  try {
    const client = SCENES.get("zookit")?.client;
    const there = await connect({ servers: server.hosts });
    const { data, stat } = await there.getData("/t");
    assert.equal({ data, stat, zxid: client?.lastZxid }, await client?.getData("/t"));
    assert.equal(await there.exists("/t/e"), await client?.exists("/t/e"));
    await there.close();
    const figures = await fourLetters(server.port, "mntr");
    assert.match(figures, /^zk_digest_mismatches_count\t0$/m);
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
});

test.run();
