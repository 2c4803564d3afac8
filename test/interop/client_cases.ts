/** What the client must do on every server; run once for Apache's and once for Zookit's. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filter, firstValueFrom, take, toArray } from "rxjs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type ClientOptions,
  connect,
  MultiError,
  type TreeEvent,
  type WatchEvent,
  ZkError,
  type ZooKeeperClient,
} from "../../client/mod.ts";
import type { ServerKind, TestServer } from "./server.ts";

/** Defines and runs the cases. */
export async function runClientCases(kind: ServerKind): Promise<void> {
  process.env.ZOOKIT_INTEROP_SERVER = kind;
  const { startServer } = await import("./server.ts");
  let server: TestServer;
  let dataDir: string;

  test.before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "client-"));
    server = await startServer({ dataDir });
  });
  test.after(async () => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  let roots = 0;
  /** A client whose root is a fresh znode, and its sibling clients. */
  async function open(
    use: (
      zk: ZooKeeperClient,
      more: (options?: Partial<ClientOptions>) => Promise<ZooKeeperClient>,
    ) => Promise<void>,
  ): Promise<void> {
    const chroot = `/case${roots++}`;
    const clients: ZooKeeperClient[] = [];
    const more = async (options: Partial<ClientOptions> = {}) => {
      const signal = AbortSignal.timeout(30_000);
      const all = { servers: server.hosts, chroot, timeoutMs: 20_000, ...options };
      const client = await connect(all, { signal });
      clients.push(client);
      return client;
    };
    const zk = await more();
    await zk.create("/");
    try {
      await use(zk, more);
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  }

  operations(kind, open);
  watches(kind, open);
  sessions(kind, open, () => server);
  test.run();
}

type Open = (
  use: (
    zk: ZooKeeperClient,
    more: (options?: Partial<ClientOptions>) => Promise<ZooKeeperClient>,
  ) => Promise<void>,
) => Promise<void>;

function text(data: Uint8Array | null | undefined): string | null {
  return data == null ? null : new TextDecoder().decode(data);
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => "nothing was refused",
    (reason) => reason,
  );
  return error instanceof ZkError ? `${error.kind} ${error.path}` : String(error);
}

function operations(kind: ServerKind, open: Open): void {
  test(`${kind}: create makes every kind of znode`, () =>
    open(async (zk) => {
      const plain = await zk.create("/plain", "x");
      assert.is(plain.path, "/plain");
      assert.is(plain.stat.czxid, plain.stat.mzxid);
      assert.is(plain.stat.dataLength, 1);
      const ephemeral = await zk.create("/e", "", { mode: "ephemeral" });
      assert.is(ephemeral.stat.ephemeralOwner, zk.state.sessionId);
      const numbered = await zk.create("/q-", "", { mode: "persistent-sequential" });
      assert.match(numbered.path, /^\/q-\d{10}$/);
      const both = await zk.create("/q-", "", { mode: "ephemeral-sequential" });
      assert.ok(both.path > numbered.path);
      assert.is((await zk.create("/c", "", { mode: "container" })).stat.ephemeralOwner, 0n);
      assert.is((await zk.create("/t", "", { mode: "ttl", ttlMs: 60_000 })).path, "/t");
      const ttl = await zk.create("/t-", "", { mode: "ttl-sequential", ttlMs: 60_000 });
      assert.match(ttl.path, /^\/t-\d{10}$/);
      assert.is(await refusal(zk.create("/plain")), "NodeExists /plain");
      assert.is(await refusal(zk.create("/e/child")), "NoChildrenForEphemerals /e/child");
      assert.is(await refusal(zk.create("/t2", "", { mode: "ttl" })), "BadArguments /t2");
      const own = [await zk.getEphemerals(), [both.path, "/e"]].map((paths) => paths.sort());
      assert.equal(own[0], own[1]);
    }));

  test(`${kind}: data, versions, Stats, children, delete`, () =>
    open(async (zk) => {
      await zk.create("/a", null);
      assert.is((await zk.getData("/a")).data, null);
      assert.is((await zk.setData("/a", "one", { version: 0 })).version, 1);
      assert.is(await refusal(zk.setData("/a", "two", { version: 0 })), "BadVersion /a");
      await zk.create("/a/b", new Uint8Array([1, 2, 3]));
      const { data, stat, zxid } = await zk.getData("/a");
      assert.is(text(data), "one");
      assert.equal([stat.version, stat.numChildren, stat.cversion], [1, 1, 1]);
      assert.ok(zxid >= stat.pzxid && stat.pzxid > stat.mzxid);
      assert.equal((await zk.getChildren("/a")).children, ["b"]);
      assert.is(await zk.getAllChildrenNumber("/"), 2);
      assert.is(await refusal(zk.delete("/a")), "NotEmpty /a");
      await zk.delete("/a/b", { version: 0 });
      await zk.delete("/a");
      assert.is(await zk.exists("/a"), null);
      assert.is(await refusal(zk.getData("/a")), "NoNode /a");
      await zk.sync();
    }));

  test(`${kind}: multi does all or nothing, multiRead each alone`, () =>
    open(async (zk) => {
      const done = await zk.multi([
        { type: "create", path: "/m", data: "1" },
        { type: "setData", path: "/m", data: "2", version: 0 },
        { type: "check", path: "/m", version: 1 },
        { type: "create", path: "/m/s-", mode: "persistent-sequential" },
        { type: "create", path: "/m/c", mode: "container" },
        { type: "create", path: "/gone" },
        { type: "delete", path: "/gone" },
      ]);
      const kinds = ["create", "setData", "check", "create", "create", "create", "delete"];
      assert.equal(
        done.map(({ type }) => type),
        kinds,
      );
      assert.is(done[3]?.type === "create" && done[3].path, "/m/s-0000000000");
      const error = await zk
        .multi([
          { type: "create", path: "/other" },
          { type: "check", path: "/m", version: 7 },
          { type: "delete", path: "/m" },
        ])
        .catch((reason) => reason);
      assert.instance(error, MultiError);
      assert.equal([error.index, error.kind, error.path], [1, "BadVersion", "/m"]);
      assert.is(await zk.exists("/other"), null);
      assert.equal(await zk.multi([]), []);
      const read = await zk.multiRead([
        { type: "getData", path: "/m" },
        { type: "getData", path: "/none" },
        { type: "getChildren", path: "/m" },
      ]);
      assert.is(read[0]?.type === "getData" && text(read[0].data), "2");
      assert.is(read[1]?.type === "error" && read[1].error.kind, "NoNode");
      assert.is(read[2]?.type === "getChildren" && read[2].children.length, 2);
    }));

  test(`${kind}: identities open what an ACL closes`, () =>
    open(async (zk, more) => {
      await zk.addAuth("digest", "ann:secret");
      const ids = (await zk.whoAmI()).map(({ scheme }) => scheme).sort();
      assert.equal(ids, ["digest", "ip"]);
      const acl = [{ perms: 31, scheme: "auth", id: "" }];
      await zk.create("/private", "x", { acl });
      assert.match((await zk.getAcl("/private")).acl[0]?.id ?? "", /^ann:/);
      const stranger = await more();
      assert.is(await refusal(stranger.getData("/private")), "NoAuth /private");
      const friend = await more({ auth: [{ scheme: "digest", data: "ann:secret" }] });
      assert.is(text((await friend.getData("/private")).data), "x");
      const open = [{ perms: 1, scheme: "world", id: "anyone" }];
      assert.is((await friend.setAcl("/private", open, { version: 0 })).aversion, 1);
      assert.is(text((await stranger.getData("/private")).data), "x");
      const wrong = await more();
      assert.match(await refusal(wrong.addAuth("nonsense", "x")), /^AuthFailed/);
      assert.is(wrong.state.status, "auth-failed");
    }));

  test(`${kind}: ten thousand pipelined writes settle in order`, () =>
    open(async (zk) => {
      await zk.create("/n");
      const versions: number[] = [];
      const all = Array.from({ length: 10_000 }, (_, i) =>
        zk.setData("/n", String(i)).then(({ version }) => versions.push(version)),
      );
      await Promise.all(all);
      assert.ok(versions.every((version, index) => version === index + 1));
      assert.is(text((await zk.getData("/n")).data), "9999");
    }));
}

function watches(kind: ServerKind, open: Open): void {
  test(`${kind}: one-shot and lasting watches tell what happens`, () =>
    open(async (zk, more) => {
      const other = await more();
      const seen: string[] = [];
      const note = (name: string) => (event: WatchEvent) =>
        seen.push(`${name} ${event.type} ${event.path}`);
      await zk.exists("/a", { watch: note("exists") });
      await zk.getChildren("/", { watch: note("children") });
      const lasting = await zk.addWatch("/a", note("lasting"));
      const deep = await zk.addWatch("/", note("deep"), { recursive: true });
      await other.create("/a", "1");
      await other.setData("/a", "2");
      await other.create("/a/b");
      await zk.sync();
      await zk.getData("/a");
      assert.equal([...seen].sort(), [
        "children childrenChanged /",
        "deep created /a",
        "deep created /a/b",
        "deep dataChanged /a",
        "exists created /a",
        "lasting childrenChanged /a",
        "lasting created /a",
        "lasting dataChanged /a",
      ]);
      await lasting.release();
      await deep.release();
      seen.length = 0;
      await other.setData("/a", "3");
      await zk.sync();
      assert.equal(seen, []);
      await zk.getData("/a", { watch: note("data") });
      assert.is(await zk.checkWatches("/a", "data"), true);
      await zk.removeWatches("/a", "data");
      assert.is(await zk.checkWatches("/a", "data"), false);
      assert.is(await refusal(zk.removeWatches("/a", "data")), "NoWatcher /a");
    }));

  test(`${kind}: data$ and tree$ on one path end with the last state`, () =>
    open(async (zk, more) => {
      const other = await more();
      const values: (string | null)[] = [];
      const tree = new Map<string, string | null>();
      const last = firstValueFrom(
        zk.data$("/a").pipe(
          filter((result) => {
            values.push(text(result?.data));
            return values.at(-1) === "499";
          }),
        ),
      );
      const done = new Promise<void>((resolve) => {
        zk.tree$("/a").subscribe((event) => {
          apply(tree, event);
          if (tree.get("/a/last") === "x") resolve();
        });
      });
      await other.create("/a", "first");
      const writes = Array.from({ length: 500 }, (_, i) => [
        other.setData("/a", String(i)),
        other.create(`/a/${i}`, String(i)),
        ...(i % 2 === 0 ? [other.delete(`/a/${i}`)] : []),
      ]);
      await Promise.all(writes.flat());
      await other.create("/a/last", "x");
      await Promise.all([last, done]);
      const numbers = values.map(Number).filter((value) => !Number.isNaN(value) && value > 0);
      assert.equal(
        numbers,
        [...numbers].sort((a, b) => a - b),
      );
      const odd = Array.from({ length: 250 }, (_, i) => `/a/${2 * i + 1}`);
      assert.equal([...tree.keys()].sort(), ["/a", "/a/last", ...odd].sort());
    }));

  test(`${kind}: children$ and exists$ follow`, () =>
    open(async (zk, more) => {
      const other = await more();
      const exists = firstValueFrom(zk.exists$("/a").pipe(take(3), toArray()));
      const children = firstValueFrom(
        zk.children$("/a").pipe(filter((result) => result?.children.length === 2)),
      );
      await zk.sync();
      await other.create("/a");
      await zk.sync();
      await other.create("/a/x");
      await other.create("/a/y");
      assert.equal([...((await children)?.children ?? [])].sort(), ["x", "y"]);
      await other.delete("/a/x");
      await other.delete("/a/y");
      await other.delete("/a");
      assert.equal(
        (await exists).map((stat) => stat !== null),
        [false, true, false],
      );
    }));
}

function apply(tree: Map<string, string | null>, event: TreeEvent): void {
  if (event.type === "snapshot") {
    for (const { path, data } of event.nodes) tree.set(path, text(data));
  } else if (event.type === "deleted") {
    assert.ok(tree.delete(event.path), `${event.path} was not there`);
  } else {
    assert.is(tree.has(event.path), event.type === "changed", event.path);
    tree.set(event.path, text(event.data));
  }
}

function sessions(kind: ServerKind, open: Open, server: () => TestServer): void {
  test(`${kind}: session, ephemerals, watches and streams survive a restart of the server`, () =>
    open(async (zk, more) => {
      const other = await more();
      const { sessionId } = zk.state;
      await zk.create("/mine", "", { mode: "ephemeral" });
      await zk.create("/a", "1");
      const seen: string[] = [];
      await zk.getData("/a", { watch: ({ type }) => seen.push(type) });
      const values = firstValueFrom(zk.data$("/a").pipe(take(2), toArray()));
      await zk.sync();
      await server().restart();
      await other.setData("/a", "2");
      assert.equal(
        (await values).map((result) => text(result?.data)),
        ["1", "2"],
      );
      assert.equal(seen, ["dataChanged"]);
      assert.is(zk.state.sessionId, sessionId);
      assert.is((await zk.exists("/mine"))?.ephemeralOwner, sessionId);
    }));

  test(`${kind}: a session that was taken over goes on; a closed one is expired`, () =>
    open(async (zk, more) => {
      const { session } = zk;
      const heir = await more({ session });
      assert.is(heir.state.sessionId, session.id);
      await heir.create("/e", "", { mode: "ephemeral" });
      assert.is((await heir.exists("/e"))?.ephemeralOwner, session.id);
      await heir.close();
      assert.match(await refusal(more({ session })), /^SessionExpired/);
    }));

  test(`${kind}: close() removes the ephemeral znodes`, () =>
    open(async (zk, more) => {
      const other = await more();
      await other.create("/e", "", { mode: "ephemeral" });
      const gone = firstValueFrom(zk.exists$("/e").pipe(filter((stat) => stat === null)));
      await other.close();
      await gone;
    }));
}
