import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CliSession, eventually } from "./cli_session.ts";
import { startServer, type TestServer } from "./server.ts";

let dataDir: string;
let server: TestServer;
let cli: CliSession;
const opened: CliSession[] = [];

interface OpenOptions {
  readonly chroot?: string;
  /** File that keeps the session's id and password from one process to the next. */
  readonly idFile?: string;
}

async function openCli({ chroot = "", idFile }: OpenOptions = {}): Promise<CliSession> {
  const identity = idFile === undefined ? [] : ["-m", idFile];
  const session = await CliSession.open({
    command: "/usr/lib/zookeeper/bin/cli_mt",
    args: ["-h", `${server.hosts}${chroot}`, ...identity],
    debianPackage: "zookeeper-bin",
    ready: /SESSION_EVENT state = CONNECTED_STATE/,
  });
  opened.push(session);
  return session;
}

test.before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "interop-cli-mt-"));
  // The client always asks for 30 s; the limit makes its expiry short enough to wait for.
  server = await startServer({ dataDir, options: { maxSessionTimeout: "4000" } });
  cli = await openCli();
});

test.after(async () => {
  await Promise.all(opened.map((session) => session.kill()));
  await server?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

test("cli_mt creates persistent, sequential and ephemeral nodes", async () => {
  assert.match(await cli.run("create /kinds"), /^\tname = \/kinds$/m);
  assert.match(await cli.run("create +s /kinds/s-"), /^\tname = \/kinds\/s-0000000000$/m);
  assert.match(await cli.run("create +e /kinds/e"), /^\tname = \/kinds\/e$/m);
  assert.match(await cli.run("create +es /kinds/es-"), /^\tname = \/kinds\/es-0000000002$/m);
  const session = /Got a new session id: 0x([0-9a-f]+)/.exec(cli.output)?.[1];
  assert.match(await cli.run("get /kinds/e"), new RegExp(`ephemeralOwner = ${session}$`, "m"));
  assert.match(await cli.run("get /kinds"), /ephemeralOwner = 0$/m);
});

test("cli_mt creates nodes with their Stat, containers and TTL nodes among them", async () => {
  const created = await cli.run("create2 /with-stat");
  assert.match(created, /^\tname = \/with-stat\n\tctime = .*\n\tczxid=[0-9a-f]+$/m);
  assert.match(created, /^\tversion=0\taversion=0$/m);
  assert.match(await cli.run("create2 +s /with-stat/s-"), /^\tname = .*\/s-0000000000$/m);
  assert.match(await cli.run("create2 +e /with-stat/e"), /ephemeralOwner = [1-9a-f]/);
  assert.match(await cli.run("create2 +c /box"), /^\tname = \/box\n\tctime = /m);
  assert.match(await cli.run("create2 +t=300 /brief"), /^\tname = \/brief\n\tctime = /m);
  assert.match(await cli.run("create +st=300 /brief-"), /^\tname = \/brief-\d{10}$/m);
  assert.match(await cli.run("create +c /box/inner"), /^\tname = \/box\/inner$/m);
  await cli.run("delete /box/inner");
  await eventually(
    () => cli.run("ls /"),
    (text) => !/box|brief/.test(text),
  );
});

test("cli_mt is told the codes of refusals", async () => {
  await cli.run("create /refused");
  await cli.run("create +e /refused/e");
  assert.match(await cli.run("create /refused"), /^\[\/refused\]: rc = -110$/m);
  assert.match(await cli.run("create /nowhere/child"), /rc = -101$/m);
  assert.match(await cli.run("create /refused/e/child"), /rc = -108$/m);
  assert.match(await cli.run("get /absent"), /^\/absent: rc = -101$/m);
  assert.match(await cli.run("set /absent x"), /^\/absent: rc = -101/m);
  assert.match(await cli.run("ls /absent"), /^\/absent: rc = -101$/m);
  assert.match(await cli.run("delete /refused"), /rc = -111$/m);
});

test("cli_mt sets, gets and deletes", async () => {
  await cli.run("create /data");
  const set = await cli.run("set /data hello world");
  assert.match(set, /^\/data: rc = 0 Stat:$/m);
  assert.match(set, /^\tversion=1\taversion=0$/m);
  const got = await cli.run("get /data");
  assert.match(got, /^\/data: rc = 0\n value_len = 11\nhello world$/m);
  await cli.run("delete /data");
  assert.match(await cli.run("get /data"), /^\/data: rc = -101$/m);
});

test("cli_mt lists children with and without the Stat", async () => {
  await cli.run("create /list");
  await cli.run("create /list/a");
  await cli.run("create /list/b");
  assert.match(await cli.run("ls /list"), /^\/list: rc = 0\n(\ta\n\tb|\tb\n\ta)$/m);
  const listed = await cli.run("ls2 /list");
  assert.match(listed, /^\ta$/m);
  assert.match(listed, /czxid=[0-9a-f]+$/m);
});

test("cli_mt syncs and reads the configuration", async () => {
  const answer = await cli.run("sync /");
  assert.match(answer, /^\[?\/\]?: rc = 0$/m);
  assert.match(await cli.run("config"), /^\/zookeeper\/config: rc = 0$/m);
  assert.match(await cli.run("reconfig -remove 2"), /rc = -123$/m);
});

test("cli_mt hears watches on data, children and a missing node", async () => {
  await cli.run("create /seen");
  await cli.run("get /seen");
  await cli.run("set /seen a");
  await cli.until(/CHANGED_EVENT state = CONNECTED_STATE for path \/seen$/m);
  await cli.run("ls /seen");
  await cli.run("wexists /seen/child");
  await cli.run("create /seen/child");
  await cli.until(/CREATED_EVENT state = CONNECTED_STATE for path \/seen\/child$/m);
  await cli.until(/CHILD_EVENT state = CONNECTED_STATE for path \/seen$/m);
  await cli.run("exists /seen/child");
  await cli.run("delete /seen/child");
  await cli.until(/DELETED_EVENT state = CONNECTED_STATE for path \/seen\/child$/m);
});

test("cli_mt authenticates with a digest", async () => {
  const owner = await openCli();
  owner.send("addauth digest ann:secret");
  assert.match(await owner.run("get /zookeeper"), /^\/zookeeper: rc = 0$/m);
  await owner.quit();
});

test("cli_mt sees paths below its chroot", async () => {
  await cli.run("create /root");
  const inside = await openCli({ chroot: "/root" });
  assert.match(await inside.run("create /a"), /^\tname = \/a$/m);
  await inside.run("get /a");
  await cli.run("set /root/a new");
  await inside.until(/CHANGED_EVENT state = CONNECTED_STATE for path \/a$/m);
  await inside.quit();
});

test("cli_mt pipelines asynchronous commands", async () => {
  for (let index = 0; index < 100; index += 1) cli.send(`acreate /pipelined-${index}`);
  await cli.run("sync /");
  const names = [...cli.output.matchAll(/^\tname = \/pipelined-(\d+)$/gm)].map((each) => each[1]);
  assert.equal(
    names,
    Array.from({ length: 100 }, (_, index) => String(index)),
  );
});

test("cli_mt takes its ephemeral nodes along when it quits", async () => {
  const brief = await openCli();
  await brief.run("create +e /on-quit");
  await cli.run("exists /on-quit");
  await brief.quit();
  await cli.until(/DELETED_EVENT state = CONNECTED_STATE for path \/on-quit$/m);
});

test("cli_mt continues a session in another process", async () => {
  const idFile = join(dataDir, "session");
  const first = await openCli({ idFile });
  await first.run("create +e /carried");
  const owner = /Got a new session id: (0x[0-9a-f]+)/.exec(first.output)?.[1] ?? "none";
  await first.kill();
  const second = await openCli({ idFile });
  assert.match(await second.run("get /carried"), new RegExp(`= ${owner.slice(2)}$`, "m"));
  await second.quit();
});

test("cli_mt is told that its session expired, its ephemeral nodes gone", async () => {
  const stalled = await openCli();
  await stalled.run("create +e /on-expiry");
  await cli.run("exists /on-expiry");
  stalled.signal("SIGSTOP");
  await cli.until(/DELETED_EVENT state = CONNECTED_STATE for path \/on-expiry$/m);
  stalled.signal("SIGCONT");
  await stalled.until(/EXPIRED_SESSION_STATE/);
  await stalled.quit();
});

test("cli_mt keeps session, ephemeral node and watches over a restart of the server", async () => {
  await cli.run("create +e /over-restart");
  await cli.run("create /watched");
  await cli.run("get /watched");
  const owner = /ephemeralOwner = (.*)$/m.exec(await cli.run("get /over-restart"))?.[1];
  const from = cli.output.length;
  await server.restart();
  await cli.until(/SESSION_EVENT state = CONNECTED_STATE/, from);
  const stat = await cli.run("get /over-restart");
  assert.match(stat, new RegExp(`ephemeralOwner = ${owner}$`, "m"));
  await cli.run("set /watched b");
  await cli.until(/CHANGED_EVENT state = CONNECTED_STATE for path \/watched$/m, from);
});

test.run();
