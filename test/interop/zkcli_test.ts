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

/** `chroot` is appended to the address; the time-out is the session's, in milliseconds. */
async function openCli({ chroot = "", timeoutMs = 20_000 } = {}): Promise<CliSession> {
  const session = await CliSession.open({
    command: "/usr/share/zookeeper/bin/zkCli.sh",
    args: ["-server", `${server.hosts}${chroot}`, "-timeout", String(timeoutMs)],
    debianPackage: "zookeeper",
    ready: /WatchedEvent state:SyncConnected/,
  });
  opened.push(session);
  return session;
}

test.before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "interop-zkcli-"));
  server = await startServer({ dataDir });
  cli = await openCli();
});

test.after(async () => {
  await Promise.all(opened.map((session) => session.kill()));
  await server?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

test("zkCli creates persistent, sequential and ephemeral nodes", async () => {
  assert.match(await cli.run("create /kinds data"), /^Created \/kinds$/m);
  assert.match(await cli.run("create -s /kinds/s-"), /^Created \/kinds\/s-0000000000$/m);
  assert.match(await cli.run("create -e /kinds/e mine"), /^Created \/kinds\/e$/m);
  assert.match(await cli.run("create -e -s /kinds/es-"), /^Created \/kinds\/es-0000000002$/m);
  assert.match(await cli.run("stat /kinds/e"), /^ephemeralOwner = 0x1[0-9a-f]+$/m);
  assert.match(await cli.run("stat /kinds/s-0000000000"), /^ephemeralOwner = 0x0$/m);
  assert.match(await cli.run("get /kinds/e"), /^mine$/m);
});

test("zkCli creates container and TTL nodes, and both are reaped", async () => {
  assert.match(await cli.run("create -c /box"), /^Created \/box$/m);
  assert.match(await cli.run("create -t 300 /brief"), /^Created \/brief$/m);
  assert.match(await cli.run("create -s -t 300 /brief-"), /^Created \/brief-\d{10}$/m);
  assert.match(await cli.run("stat /box"), /^ephemeralOwner = 0x0$/m);
  await cli.run("create /box/child");
  await cli.run("delete /box/child");
  const left = await eventually(
    () => cli.run("ls /"),
    (text) => !/box|brief/.test(text),
  );
  assert.match(left, /zookeeper/);
});

test("zkCli is told why a create is refused", async () => {
  await cli.run("create /refused");
  await cli.run("create -e /refused/e");
  assert.match(await cli.run("create /refused"), /^Node already exists: \/refused$/m);
  assert.match(await cli.run("create /refused/no/child"), /^Node does not exist: .*$/m);
  assert.match(await cli.run("create /refused/e/child"), /^Ephemerals cannot have children: /m);
  assert.match(await cli.run("create /bad d nobody:nothing:r"), /^Acl is not valid/m);
});

test("zkCli gets and sets data with versions", async () => {
  await cli.run("create /data one");
  assert.match(await cli.run("set -s /data two"), /^dataVersion = 1$/m);
  await cli.run("set -v 1 /data three");
  assert.match(await cli.run("set -v 1 /data four"), /version No is not valid : \/data/);
  const answer = await cli.run("get -s /data");
  assert.match(answer, /^three$/m);
  assert.match(answer, /^dataVersion = 2$/m);
  assert.match(answer, /^dataLength = 5$/m);
  assert.match(await cli.run("get /absent"), /^Node does not exist: \/absent$/m);
});

test("zkCli lists children, the whole subtree, its size and its own ephemerals", async () => {
  for (const path of ["/list", "/list/a", "/list/a/b", "/list/c"]) await cli.run(`create ${path}`);
  await cli.run("create -e /list/e");
  assert.match(await cli.run("ls /list"), /^\[a, c, e\]$/m);
  assert.match(await cli.run("ls -s /list"), /^numChildren = 3$/m);
  const tree = (await cli.run("ls -R /list")).split("\n").filter((line) => line.startsWith("/"));
  assert.equal(tree, ["/list", "/list/a", "/list/c", "/list/e", "/list/a/b"]);
  assert.match(await cli.run("getAllChildrenNumber /list"), /^4$/m);
  assert.match(await cli.run("getEphemerals /list"), /^\[\/list\/e\]$/m);
});

test("zkCli deletes nodes, checks versions and refuses to delete a parent", async () => {
  for (const path of ["/gone", "/gone/a", "/gone/a/b", "/gone/c"]) await cli.run(`create ${path}`);
  assert.match(await cli.run("delete /gone"), /^Node not empty: \/gone$/m);
  assert.match(await cli.run("delete -v 7 /gone/c"), /version No is not valid : \/gone\/c/);
  await cli.run("delete -v 0 /gone/c");
  assert.match(await cli.run("ls /gone"), /^\[a\]$/m);
  await cli.run("deleteall /gone");
  assert.match(await cli.run("ls /gone"), /^Node does not exist: \/gone$/m);
  assert.match(await cli.run("delete /zookeeper/quota"), /^Arguments are not valid/m);
});

test("zkCli syncs", async () => {
  const from = cli.output.length;
  await cli.run("sync /");
  await cli.until(/^Sync is OK$/m, from);
});

test("zkCli reads the configuration, and a single server refuses to change it", async () => {
  assert.match(await cli.run("get /zookeeper/config"), /^\s*$/);
  assert.match(await cli.run("reconfig -remove 2"), /Reconfig is disabled$/m);
});

test("zkCli is denied without the digest and allowed with it", async () => {
  const owner = await openCli();
  await owner.run("addauth digest ann:secret");
  assert.match(await owner.run("whoami"), /^digest: ann$/m);
  await owner.run("create /private hidden auth::cdrwa");
  assert.match(await owner.run("getAcl /private"), /^'digest,'ann:[A-Za-z0-9+/]{27}=$/m);
  assert.match(await cli.run("get /private"), /^Insufficient permission : \/private$/m);
  assert.match(await cli.run("set /private x"), /^Insufficient permission : \/private$/m);
  assert.match(await cli.run("create /private/a"), /^Insufficient permission : \/private\/a$/m);
  assert.match(await owner.run("get /private"), /^hidden$/m);
  await owner.run("setAcl /private world:anyone:r");
  assert.match(await cli.run("get /private"), /^hidden$/m);
  assert.match(await cli.run("getAcl -s /private"), /^aclVersion = 1$/m);
  assert.match(await cli.run("set /private x"), /^Insufficient permission : \/private$/m);
  assert.match(await cli.run("setAcl /private world:anyone:rw"), /^Insufficient permission/m);
  await owner.quit();
});

test("zkCli names its address, and an ip ACL admits it", async () => {
  assert.match(await cli.run("whoami"), /^ip: 127\.0\.0\.1$/m);
  await cli.run("create /by-ip data ip:127.0.0.1:r");
  assert.match(await cli.run("get /by-ip"), /^data$/m);
  await cli.run("create /by-other-ip data ip:10.0.0.0/8:r");
  assert.match(await cli.run("get /by-other-ip"), /^Insufficient permission/m);
});

test("zkCli sets, lists and deletes a soft quota", async () => {
  await cli.run("create /soft 12345");
  await cli.run("setquota -n 3 /soft");
  await cli.run("setquota -b 100 /soft");
  await cli.run("create /soft/child 123");
  const quota = await cli.run("listquota /soft");
  assert.match(quota, /^Output quota for \/soft count=3,bytes=100/m);
  assert.match(quota, /^Output stat for \/soft count=2,bytes=8/m);
  await cli.run("delquota -n /soft");
  assert.match(await cli.run("listquota /soft"), /count=-1,bytes=100/);
  await cli.run("delquota /soft");
  assert.match(await cli.run("listquota /soft"), /quota for \/soft does not exist/);
});

test("zkCli is stopped by a hard quota", async () => {
  await cli.run("create /hard 12345");
  await cli.run("setquota -N 2 /hard");
  await cli.run("setquota -B 10 /hard");
  await cli.run("create /hard/one");
  assert.match(await cli.run("create /hard/two"), /^Quota has exceeded : \/hard\/two$/m);
  assert.match(await cli.run("set /hard 12345678901"), /^Quota has exceeded : \/hard$/m);
  await cli.run("set /hard 1234567890");
  assert.match(await cli.run("get /hard"), /^1234567890$/m);
  await cli.run("delquota -N /hard");
  assert.match(await cli.run("create /hard/two"), /^Created \/hard\/two$/m);
});

test("zkCli hears one-shot watches on data, children and a missing node", async () => {
  await cli.run("create /seen a");
  await cli.run("get -w /seen");
  await cli.run("ls -w /seen");
  await cli.run("stat -w /seen/child");
  await cli.run("set /seen b");
  await cli.until(/type:NodeDataChanged path:\/seen$/m);
  await cli.run("create /seen/child");
  await cli.until(/type:NodeCreated path:\/seen\/child$/m);
  await cli.until(/type:NodeChildrenChanged path:\/seen$/m);
  await cli.run("set /seen c");
  await cli.run("get -w /seen/child");
  await cli.run("delete /seen/child");
  await cli.until(/type:NodeDeleted path:\/seen\/child$/m);
  assert.is(cli.count(/type:NodeDataChanged path:\/seen$/gm), 1, "a watch fires once");
});

test("zkCli hears every change through a persistent watch", async () => {
  await cli.run("create /kept a");
  await cli.run("addWatch -m PERSISTENT /kept");
  for (const value of ["b", "c"]) await cli.run(`set /kept ${value}`);
  await cli.run("create /kept/child");
  await cli.run("create /kept/child/deep");
  await cli.until(/type:NodeChildrenChanged path:\/kept$/m);
  assert.is(cli.count(/type:NodeDataChanged path:\/kept$/gm), 2);
  assert.is(cli.count(/path:\/kept\/child/gm), 0, "the watch is not recursive");
});

test("zkCli hears the whole subtree through a recursive watch", async () => {
  await cli.run("create /below a");
  await cli.run("addWatch -m PERSISTENT_RECURSIVE /below");
  await cli.run("create /below/a");
  await cli.run("create /below/a/b");
  await cli.run("set /below/a/b new");
  await cli.run("delete /below/a/b");
  await cli.until(/type:NodeDeleted path:\/below\/a\/b$/m);
  assert.is(cli.count(/type:NodeCreated path:\/below\/a$/gm), 1);
  assert.is(cli.count(/type:NodeCreated path:\/below\/a\/b$/gm), 1);
  assert.is(cli.count(/type:NodeDataChanged path:\/below\/a\/b$/gm), 1);
  assert.is(cli.count(/type:NodeChildrenChanged path:\/below/gm), 0);
});

test("zkCli removes watches, and they stay silent", async () => {
  await cli.run("create /quiet a");
  await cli.run("get -w /quiet");
  await cli.run("ls -w /quiet");
  await cli.run("removewatches /quiet -d");
  await cli.until(/type:DataWatchRemoved path:\/quiet$/m);
  await cli.run("set /quiet b");
  await cli.run("removewatches /quiet -a");
  await cli.until(/type:ChildWatchRemoved path:\/quiet$/m);
  await cli.run("create /quiet/child");
  await cli.run("get -w /quiet/child");
  await cli.run("delete /quiet/child");
  await cli.until(/type:NodeDeleted path:\/quiet\/child$/m);
  assert.is(cli.count(/type:Node(DataChanged|ChildrenChanged) path:\/quiet$/gm), 0);
  assert.match(await cli.run("removewatches /quiet -a"), /No such watcher for \/quiet$/m);
});

test("zkCli sees all paths below its chroot", async () => {
  await cli.run("create /root");
  const inside = await openCli({ chroot: "/root" });
  assert.match(await inside.run("create /a data"), /^Created \/a$/m);
  await inside.run("get -w /a");
  assert.match(await inside.run("ls /"), /^\[a\]$/m);
  assert.match(await cli.run("get /root/a"), /^data$/m);
  await cli.run("set /root/a new");
  await inside.until(/type:NodeDataChanged path:\/a$/m);
  await inside.quit();
});

test("zkCli writes and reads almost one megabyte", async () => {
  const data = "0123456789".repeat(100_000);
  await cli.run("create /large");
  await cli.run(`set /large ${data}`);
  const answer = await cli.run("get -s /large");
  assert.match(answer, /^dataLength = 1000000$/m);
  assert.ok(answer.includes(`${data}\n`));
});

test("zkCli takes its ephemeral nodes along when it quits", async () => {
  const brief = await openCli();
  await brief.run("create -e /on-quit");
  assert.match(await cli.run("stat -w /on-quit"), /^cZxid/m);
  await brief.quit();
  await cli.until(/type:NodeDeleted path:\/on-quit$/m);
});

test("zkCli's ephemeral nodes go when its session expires, and it is told", async () => {
  const stalled = await openCli({ timeoutMs: 4_000 });
  await stalled.run("create -e /on-expiry");
  await cli.run("stat -w /on-expiry");
  stalled.signal("SIGSTOP");
  await cli.until(/type:NodeDeleted path:\/on-expiry$/m);
  stalled.signal("SIGCONT");
  await stalled.until(/state:Expired type:None/);
  await stalled.kill();
});

test("zkCli keeps session, ephemeral node and watches over a restart of the server", async () => {
  await cli.run("create -e /over-restart a");
  await cli.run("create /watched a");
  await cli.run("get -w /watched");
  await cli.run("addWatch -m PERSISTENT_RECURSIVE /watched");
  const owner = /^ephemeralOwner = (.*)$/m.exec(await cli.run("stat /over-restart"))?.[1];
  const from = cli.output.length;
  await server.restart();
  await cli.until(/state:SyncConnected type:None/, from);
  const stat = await cli.run("stat /over-restart");
  assert.match(stat, new RegExp(`^ephemeralOwner = ${owner}$`, "m"));
  await cli.run("create /watched/child");
  await cli.until(/type:NodeCreated path:\/watched\/child$/m, from);
  await cli.run("set /watched b");
  await cli.until(/type:NodeDataChanged path:\/watched$/m, from);
  assert.match(await cli.run("getEphemerals /over-restart"), /^\[\/over-restart\]$/m);
});

test.run();
