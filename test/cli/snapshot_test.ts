import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ZooKeeperClient as Client, connect } from "../../client/mod.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { encodeSnapshot } from "../../storage/apache/snapshot_writer.ts";
import { type Running, ZookitProcesses } from "./zookit_process.ts";

const processes = new ZookitProcesses();
const { root } = processes;
test.after(() => processes.end());

const AUTH = { authorization: "digest ann:secret" };
const TEXT = new TextDecoder();

function snapshot(running: Running, headers: Record<string, string> = AUTH): Promise<Response> {
  return fetch(`${running.url}/snapshot`, { headers });
}

async function restore(
  running: Running,
  body: Uint8Array,
): Promise<readonly [status: number, body: Record<string, unknown>]> {
  const init = { method: "POST", headers: AUTH, body: new Blob([Buffer.from(body)]) };
  const answer = await fetch(`${running.url}/rest`, init);
  return [answer.status, (await answer.json()) as Record<string, unknown>];
}

async function hash(running: Running): Promise<unknown> {
  const answer = await (await fetch(`${running.url}/hash`)).json();
  return (answer as { readonly digests: readonly unknown[] }).digests.at(-1);
}

async function fill(client: Client, count: number): Promise<void> {
  await client.create("/n");
  const acl = [
    { scheme: "digest", id: "bob:x", perms: 31 },
    { scheme: "world", id: "anyone", perms: 1 },
  ];
  await client.create("/closed", "for others", { acl });
  await client.create("/mine", "", { mode: "ephemeral" });
  const made = Array.from({ length: count }, (_, i) =>
    client.create(`/n/${i}`, "x".repeat(i % 999)),
  );
  await Promise.all(made);
}

for (const format of ["SQLite", "Apache's files"] as const) {
  test(`a snapshot taken under load from ${format} is what another server restores`, async () => {
    const folder = join(root, `from-${format.slice(0, 6)}`);
    if (format !== "SQLite") mkdirSync(join(folder, "version-2"), { recursive: true });
    const from = await processes.serve(folder);
    const to = await processes.serve(join(root, `to-${format.slice(0, 6)}`));
    const client = await connect({ servers: from.hosts });
    await fill(client, 2_000);
    const { lastZxid } = client;
    let isTaken = false;
    const writing = (async () => {
      for (let i = 0; !isTaken; i++) await client.create(`/n/later-${i}`, "later");
    })();
    const answer = await snapshot(from);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    isTaken = true;
    await writing;
    assert.is(answer.status, 200);
    assert.is(answer.headers.get("snapshot_size"), String(bytes.length));
    const zxid = answer.headers.get("last_zxid") ?? "";
    assert.ok(Number(zxid) >= lastZxid && Number(zxid) <= client.lastZxid);

    const [status, body] = await restore(to, bytes);
    assert.is(status, 200, String(body["error"]));
    assert.is(body["last_zxid"], zxid);
    const there = await connect({ servers: to.hosts });
    const written = Number(zxid) - lastZxid;
    assert.is((await there.getChildren("/n")).children.length, 2_000 + written);
    assert.is(TEXT.decode((await there.getData("/n/1997")).data ?? undefined).length, 1997 % 999);
    assert.equal(await there.exists("/mine"), await client.exists("/mine"));
    assert.equal(await there.getAcl("/closed"), await client.getAcl("/closed"));
    const again = await snapshot(to);
    assert.ok(Number(again.headers.get("last_zxid")) > Number(zxid));
    await Promise.all([client, there].map((one) => one.close()));
    await to.stop("SIGKILL");
    assert.match(
      (await processes.run("check", join(root, `to-${format.slice(0, 6)}`))).out,
      "well",
    );
    await from.stop();
  });
}

test("what is no whole snapshot of 3.9 is refused, and the server keeps what it has", async () => {
  const running = await processes.serve(join(root, "keeps"));
  const client = await connect({ servers: running.hosts });
  await fill(client, 50);
  const good = new Uint8Array(await (await snapshot(running)).arrayBuffer());
  await client.setData("/n", "newer");
  const before = await hash(running);
  const flipped = good.slice();
  flipped[good.length >> 1]! ^= 1;
  const SECTION = 21; // The last zxid and its seal.
  const bad: readonly (readonly [Uint8Array, string])[] = [
    [new Uint8Array(0), "send a snapshot as the body"],
    [new TextEncoder().encode("SQLite format 3\0 and so on"), "is no snapshot"],
    [flipped, "not a snapshot to restore"],
    [good.subarray(0, good.length >> 1), "ends"],
    [good.subarray(0, good.length - 5), "ends within its last section"],
    [good.subarray(0, good.length - SECTION), "before 3.9"],
    [new Uint8Array(100_000), "is no snapshot"],
  ];
  for (const [bytes, why] of bad) {
    const [status, body] = await restore(running, bytes);
    assert.is(status, 400, why);
    assert.match(String(body["error"]), why);
  }
  assert.equal(await hash(running), before);
  assert.is(client.state.status, "connected");
  assert.is((await snapshot(running, {})).status, 401);
  const kept = await fetch(`${running.url}/snapshot?streaming=false`, { headers: AUTH });
  assert.is(kept.status, 400);
  await client.setAcl("/", [{ scheme: "digest", id: "bob:x", perms: 31 }]);
  assert.is((await snapshot(running)).status, 403);
  await client.close();
  await running.stop();
});

test("a snapshot with a sound seal of what no server can hold is refused", async () => {
  const running = await processes.serve(join(root, "sound"));
  const client = await connect({ servers: running.hosts });
  await client.create("/kept");
  const before = await hash(running);
  const bad: readonly (readonly [paths: readonly string[], zxid: number, why: string])[] = [
    [["", "//"], 5, '"//"'],
    [["", "/a\xff"], 5, "no znode can have the name"],
    [["", "a"], 5, '"a"'],
    [["", "/a", "/a/../b"], 5, '"/a/../b"'],
    [["", "/a/b", "/a"], 5, "before its parent"],
    [["", "/a"], Number.MAX_SAFE_INTEGER, "so high"],
  ];
  for (const [paths, zxid, why] of bad) {
    const [status, body] = await restore(running, await made(paths, zxid));
    assert.is(status, 400, why);
    assert.match(String(body["error"]), why);
  }
  for (const owned of ["", "/a", "/zookeeper"]) {
    const bytes = await made(["", "/zookeeper", "/a", "/a/b"], 5, owned);
    const [status, body] = await restore(running, bytes);
    assert.is(status, 400, owned);
    assert.match(String(body["error"]), "has children");
  }
  assert.is((await restore(running, await made([""], 5, "")))[0], 400, "an ephemeral root");
  assert.equal(await hash(running), before);
  assert.is(client.state.status, "connected");
  const good = await made(["", "/a", "/a/.b", "/a/c"], 5, "/a/.b");
  assert.is((await restore(running, good))[0], 200);
  await client.close();
  const there = await connect({ servers: running.hosts });
  const left = await there.getChildren("/a");
  assert.equal(left.children, ["c"], "an ephemeral znode without its session is gone");
  await there.close();
  await running.stop();
});

/** A snapshot of znodes with these paths, in Latin-1; `owned` is the one that is ephemeral. */
async function made(paths: readonly string[], zxid: number, owned?: string): Promise<Uint8Array> {
  const nodes = new JuteWriter();
  for (const path of paths) {
    nodes.buffer(Buffer.from(path, "latin1"));
    nodes.buffer(null);
    nodes.long(-1);
    // Behind four zxids and times and three versions: the low half of the owner.
    for (let i = 0; i < 15; i++) nodes.int(i === 12 && path === owned ? 77 : 0);
  }
  const tables = { sessions: [], acls: [], digest: { zxid, high: 0, low: 0 } };
  const pieces: Uint8Array[] = [];
  const records = (async function* () {
    yield nodes.view();
  })();
  for await (const piece of encodeSnapshot(tables, records, zxid)) pieces.push(piece.slice());
  return Buffer.concat(pieces);
}

/** Reads the answer to its end, so that its connection is free. */
async function statusOf(running: Running): Promise<number> {
  const answer = await snapshot(running);
  await answer.arrayBuffer();
  return answer.status;
}

test("who goes away in the middle of a snapshot leaves the next one to others", async () => {
  const running = await processes.serve(join(root, "leaves"));
  const client = await connect({ servers: running.hosts });
  await fill(client, 20_000);
  for (let i = 0; i < 3; i++) {
    const stop = new AbortController();
    const answer = await fetch(`${running.url}/snapshot`, { headers: AUTH, signal: stop.signal });
    assert.is(await statusOf(running), 409, "the first is not read to its end");
    stop.abort();
    await answer.arrayBuffer().catch(() => {});
    let status = await statusOf(running);
    while (status === 409) status = await statusOf(running);
    assert.is(status, 200);
  }
  await client.close();
  await running.stop();
});

test.run();
