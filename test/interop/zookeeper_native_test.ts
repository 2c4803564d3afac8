import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually } from "./cli_session.ts";
import { Events, requireClient } from "./npm_client.ts";
import { CuttableProxy } from "./proxy.ts";
import { startServer, type TestServer } from "./server.ts";

type Done = (rc: number, error: string, ...results: never[]) => void;
type Watcher = (type: number, state: number, path: string) => void;

interface Stat {
  readonly version: number;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly ephemeralOwner: string;
}

interface Client {
  readonly client_id: string;
  connect(done: (error: unknown) => void): void;
  on(event: string, listener: (client: unknown) => void): void;
  close(): void;
  add_auth(scheme: string, auth: string, done: Done): void;
  a_create(path: string, data: string | Buffer, flags: number, done: Done): void;
  a_createTtl(path: string, data: string, flags: number, ttlMs: number, done: Done): void;
  a_exists(path: string, watch: boolean, done: Done): void;
  aw_exists(path: string, watcher: Watcher, done: Done): void;
  a_get(path: string, watch: boolean, done: Done): void;
  aw_get(path: string, watcher: Watcher, done: Done): void;
  a_get_children(path: string, watch: boolean, done: Done): void;
  a_get_children2(path: string, watch: boolean, done: Done): void;
  aw_get_children(path: string, watcher: Watcher, done: Done): void;
  a_set(path: string, data: string | Buffer, version: number, done: Done): void;
  a_delete_(path: string, version: number, done: Done): void;
  a_get_acl(path: string, done: Done): void;
  a_set_acl(path: string, version: number, acl: readonly unknown[], done: Done): void;
  a_sync(path: string, done: Done): void;
  a_getconfig(watch: boolean, done: Done): void;
}

interface Acl {
  readonly scheme: string;
  readonly auth: string;
  readonly perm?: number;
  readonly perms?: number;
}

type Library = (new (config: unknown) => Client) & { readonly constants: Record<string, number> };

const Zookeeper = requireClient<Library>("zookeeper");
const [PERSISTENT, EPHEMERAL, SEQUENCE, CONTAINER, WITH_TTL] = [0, 1, 2, 4, 5];
const [CREATED, DELETED, CHANGED, CHILD] = [1, 2, 3, 4];
const [OK, NO_NODE, NO_AUTH, BAD_VERSION, NODE_EXISTS, NOT_EMPTY] = [
  0, -101, -102, -103, -110, -111,
];

let dataDir: string;
let server: TestServer;
let client: Client;
const opened = new Set<Client>();

function open(port = server.port, timeout = 20_000, chroot = ""): Promise<Client> {
  const connect = `127.0.0.1:${port}${chroot}`;
  const opening = new Zookeeper({
    connect,
    timeout,
    debug_level: 1,
    host_order_deterministic: false,
    data_as_buffer: true,
  });
  opened.add(opening);
  return new Promise((resolve, reject) => {
    opening.connect((error) => (error ? reject(error) : resolve(opening)));
  });
}

function close(which: Client): void {
  if (opened.delete(which)) which.close();
}

/** The reply code, followed by the results. */
function call<T extends readonly unknown[]>(
  action: (done: Done) => void,
): Promise<[rc: number, ...T]> {
  return new Promise((resolve) => {
    action((rc, _error, ...results) => resolve([rc, ...results] as unknown as [number, ...T]));
  });
}

function create(
  path: string,
  flags = PERSISTENT as number,
  data: string | Buffer = "",
  on = client,
): Promise<[number, string]> {
  return call<[string]>((done) => on.a_create(path, data, flags, done));
}

async function codeOf(action: (done: Done) => void): Promise<number> {
  const [rc] = await call(action);
  return rc;
}

async function read(path: string, on = client): Promise<[number, Stat, string | undefined]> {
  const [rc, stat, data] = await call<[Stat, Buffer?]>((done) => on.a_get(path, false, done));
  return [rc, stat, data?.toString()];
}

interface WatchEvent {
  readonly type: number;
  readonly path: string;
}

/** A queue of watch events and the watcher that fills it. */
function watching(): { events: Events<WatchEvent>; watcher: Watcher } {
  const events = new Events<WatchEvent>();
  return { events, watcher: (type, _state, path) => events.push({ type, path }) };
}

test.before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "interop-native-"));
  server = await startServer({ dataDir });
  client = await open();
});

test.after(async () => {
  for (const each of [...opened]) close(each);
  await server?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

test("zookeeper (native) creates persistent, sequential and ephemeral nodes", async () => {
  assert.equal(await create("/kinds"), [OK, "/kinds"]);
  assert.equal(await create("/kinds/s-", SEQUENCE), [OK, "/kinds/s-0000000000"]);
  assert.equal(await create("/kinds/e", EPHEMERAL), [OK, "/kinds/e"]);
  assert.equal(await create("/kinds/es-", 3), [OK, "/kinds/es-0000000002"]);
  const [, stat] = await call<[Stat]>((done) => client.a_exists("/kinds/e", false, done));
  assert.is.not(BigInt(`0x${stat.ephemeralOwner}`), 0n);
  assert.is((await create("/kinds"))[0], NODE_EXISTS);
  assert.is((await create("/nowhere/child"))[0], NO_NODE);
});

test("zookeeper (native) creates container and TTL nodes, and both are reaped", async () => {
  assert.equal(await create("/box", CONTAINER), [OK, "/box"]);
  assert.is((await create("/box/child"))[0], OK);
  assert.is(await codeOf((done) => client.a_delete_("/box/child", -1, done)), OK);
  const ttl = await call<[string]>((done) => client.a_createTtl("/brief", "", WITH_TTL, 300, done));
  assert.equal(ttl, [OK, "/brief"]);
  for (const path of ["/box", "/brief"]) {
    await eventually(
      () => codeOf((done) => client.a_exists(path, false, done)),
      (rc) => rc === NO_NODE,
    );
  }
});

test("zookeeper (native) gets, sets and deletes with versions", async () => {
  await create("/data", PERSISTENT, "one");
  const [rc, stat] = await call<[Stat]>((done) => client.a_set("/data", "two", 0, done));
  assert.equal([rc, stat.version], [OK, 1]);
  assert.is(await codeOf((done) => client.a_set("/data", "x", 0, done)), BAD_VERSION);
  const [, got, text] = await read("/data");
  assert.equal([text, got.dataLength], ["two", 3]);
  assert.is(await codeOf((done) => client.a_delete_("/data", 0, done)), BAD_VERSION);
  assert.is(await codeOf((done) => client.a_delete_("/data", 1, done)), OK);
  assert.is((await read("/data"))[0], NO_NODE);
});

test("zookeeper (native) lists children with and without the Stat", async () => {
  for (const path of ["/list", "/list/a", "/list/b"]) await create(path);
  const [, names] = await call<[string[]]>((done) => client.a_get_children("/list", false, done));
  assert.equal(names.sort(), ["a", "b"]);
  const [, also, stat] = await call<[string[], Stat]>((done) =>
    client.a_get_children2("/list", false, done),
  );
  assert.equal([also.sort(), stat.numChildren], [["a", "b"], 2]);
  assert.is(await codeOf((done) => client.a_delete_("/list", -1, done)), NOT_EMPTY);
});

test("zookeeper (native) syncs and reads the configuration", async () => {
  assert.is(await codeOf((done) => client.a_sync("/", done)), OK);
  assert.is(await codeOf((done) => client.a_getconfig(false, done)), OK);
});

test("zookeeper (native) is denied without the digest and allowed with it", async () => {
  const owner = await open();
  assert.is(await codeOf((done) => owner.add_auth("digest", "ann:secret", done)), OK);
  await create("/private", PERSISTENT, "hidden", owner);
  const creator = [{ perm: 31, scheme: "auth", auth: "" }];
  assert.is(await codeOf((done) => owner.a_set_acl("/private", 0, creator, done)), OK);
  assert.is((await read("/private"))[0], NO_AUTH);
  assert.is(await codeOf((done) => client.a_set("/private", "x", -1, done)), NO_AUTH);
  assert.is((await read("/private", owner))[2], "hidden");
  const [, acl] = await call<[Acl[]]>((done) => owner.a_get_acl("/private", done));
  assert.is(acl[0]?.scheme, "digest");
  assert.match(acl[0]?.auth ?? "", /^ann:[A-Za-z0-9+/]{27}=$/);
  close(owner);
});

test("zookeeper (native) hears watches on data, children and a missing node", async () => {
  const { events, watcher } = watching();
  await create("/seen");
  await call((done) => client.aw_get("/seen", watcher, done));
  await call((done) => client.a_set("/seen", "a", -1, done));
  assert.equal(await events.next("the data watch"), { type: CHANGED, path: "/seen" });
  await call((done) => client.aw_exists("/seen/child", watcher, done));
  await create("/seen/child");
  assert.equal(await events.next("the exists watch"), { type: CREATED, path: "/seen/child" });
  await call((done) => client.aw_get_children("/seen", watcher, done));
  await call((done) => client.a_delete_("/seen/child", -1, done));
  assert.equal(await events.next("the child watch"), { type: CHILD, path: "/seen" });
});

test("zookeeper (native) sees paths below its chroot", async () => {
  await create("/root");
  const inside = await open(server.port, 20_000, "/root");
  assert.equal(await create("/a", PERSISTENT, "data", inside), [OK, "/a"]);
  assert.is((await read("/root/a"))[2], "data");
  close(inside);
});

test("zookeeper (native) writes and reads half a megabyte", async () => {
  // Its loop gives up on larger frames: it allows only a few turns without a whole answer.
  const data = Buffer.from("0123456789".repeat(50_000));
  await create("/large");
  assert.is(await codeOf((done) => client.a_set("/large", data, -1, done)), OK);
  const [, stat] = await call<[Stat]>((done) => client.a_exists("/large", false, done));
  assert.is(stat.dataLength, data.length);
  assert.ok((await read("/large"))[2] === data.toString());
});

test("zookeeper (native) takes its ephemeral nodes along when it closes", async () => {
  const brief = await open();
  await create("/on-close", EPHEMERAL, "", brief);
  const { events, watcher } = watching();
  await call((done) => client.aw_exists("/on-close", watcher, done));
  close(brief);
  assert.is((await events.next("the end of the node")).type, DELETED);
});

test("zookeeper (native) is told that its session expired, its ephemerals gone", async () => {
  const proxy = await CuttableProxy.open(server.port);
  const lost = await open(proxy.port, 4_000);
  const closed = new Events<unknown>();
  lost.on("close", closed.push);
  await create("/on-expiry", EPHEMERAL, "", lost);
  const { events, watcher } = watching();
  await call((done) => client.aw_exists("/on-expiry", watcher, done));
  proxy.cut();
  assert.is((await events.next("the expiry")).type, DELETED);
  proxy.mend();
  await closed.next("the end of the client");
  opened.delete(lost);
  proxy.close();
});

test("zookeeper (native) keeps session and watches over a restart of the server", async () => {
  const connects = new Events<unknown>();
  client.on("connect", connects.push);
  const id = client.client_id;
  await create("/ephemeral", EPHEMERAL);
  await create("/watched");
  const { events, watcher } = watching();
  await call((done) => client.aw_get("/watched", watcher, done));
  const [, before] = await read("/ephemeral");
  await server.restart();
  await connects.next("the reconnection");
  assert.is(client.client_id, id);
  const [, after] = await read("/ephemeral");
  assert.is(after.ephemeralOwner, before.ephemeralOwner);
  assert.is(await codeOf((done) => client.a_set("/watched", "b", -1, done)), OK);
  await events.until("the watch after the restart", ({ type }) => type === CHANGED);
});

test.run();
