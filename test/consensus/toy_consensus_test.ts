import assert from "node:assert/strict";
import { test } from "uvu";
import {
  type ClientOptions,
  connect,
  type SessionTicket,
  type ZooKeeperClient,
} from "../../client/mod.ts";
import { CLOCK } from "../../core/contracts/clock.ts";
import { CONSENSUS } from "../../core/contracts/consensus.ts";
import { SESSION_TRACKING } from "../../core/contracts/sessions.ts";
import { STORAGE } from "../../core/contracts/storage.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { SessionId } from "../../core/wire/session_id.ts";
import { createServer, essentials, memoryStorage, type Server } from "../../mod.ts";
import { MemoryTransport } from "../../transports/memory/mod.ts";
import { create } from "../core/server/frames.ts";
import { ToyCluster, type ToyNode } from "./toy_consensus.ts";

const BYTES = new TextEncoder();
/** Of every client. */
const FIRST_XID = 1;
/** Before the body: length, xid and type. */
const FRAME_HEADER_BYTES = 12;

interface World {
  readonly cluster: ToyCluster;
  readonly servers: readonly Server[];
  /** A client of one server, or of several in order of preference. */
  client(...indexes: number[]): Promise<ZooKeeperClient>;
  /** A client of one server, whose session ends soon without it. */
  brief(index: number): Promise<ZooKeeperClient>;
  /** Another client that takes over a session, at one server. */
  holder(session: SessionTicket, index: number): Promise<ZooKeeperClient>;
}

function toyConsensus(cluster: ToyCluster): Plugin {
  return {
    name: "toy-consensus",
    provides: [CONSENSUS],
    requires: [STORAGE, CLOCK, SESSION_TRACKING],
    register: (container) =>
      container.provide(CONSENSUS, () =>
        cluster.add({
          storage: container.get(STORAGE),
          clock: container.get(CLOCK),
          tracking: container.get(SESSION_TRACKING),
        }),
      ),
  };
}

async function inWorld(run: (world: World) => Promise<void>): Promise<void> {
  const cluster = new ToyCluster();
  const others = essentials({ logLevel: "error" }).filter(({ name }) => name !== "standalone");
  const servers = [1, 2, 3].map((serverId) =>
    createServer({
      plugins: [...others, memoryStorage(), toyConsensus(cluster)],
      serverId,
      tickTimeMs: 50,
      maxSessionTimeoutMs: 10_000,
    }),
  );
  const clients: ZooKeeperClient[] = [];
  const transports: MemoryTransport[] = [];
  for (const server of servers) {
    await server.start();
    const transport = new MemoryTransport(server.clock);
    await transport.listen(server.accept);
    transports.push(transport);
  }
  await cluster.appoint(0);
  const client = async (indexes: number[], options: Partial<ClientOptions> = {}) => {
    const dialers = indexes.map((index) => transports[index] as MemoryTransport);
    const usual = { timeoutMs: 10_000, reconnectDelayMaxMs: 20 };
    const made = await connect({ ...usual, ...options, servers: dialers });
    clients.push(made);
    return made;
  };
  try {
    await run({
      cluster,
      servers,
      client: (...indexes) => client(indexes),
      brief: (index) => client([index], { timeoutMs: 1_000 }),
      holder: (session, index) => client([index], { session }),
    });
  } finally {
    await Promise.allSettled(clients.map((made) => made.close()));
    for (const server of servers) await server.stop();
  }
}

function nodeOf(world: World, index: number): ToyNode {
  return world.cluster.nodes[index] as ToyNode;
}

async function zxidsEqual(world: World): Promise<void> {
  const last = world.cluster.nodes.map((node) => node.replica?.lastApplied);
  assert.equal(new Set(last).size, 1, `zxids differ: ${last.join(", ")}`);
}

test("a write through a follower is read there at once and, after sync, everywhere", () =>
  inWorld(async (world) => {
    const writer = await world.client(1);
    const reader = await world.client(2);
    await writer.create("/a", BYTES.encode("one"));
    assert.equal(new TextDecoder().decode((await writer.getData("/a")).data ?? undefined), "one");
    await reader.sync("/a");
    assert.equal(new TextDecoder().decode((await reader.getData("/a")).data ?? undefined), "one");
  }));

test("writes and reads pipelined through a follower are answered in order", () =>
  inWorld(async (world) => {
    const client = await world.client(1);
    await client.create("/n", "");
    const versions: number[] = [];
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < 50; i++) {
      work.push(client.setData("/n", String(i)));
      work.push(client.getData("/n").then(({ stat }) => versions.push(stat.version)));
    }
    await Promise.all(work);
    assert.deepEqual(
      versions,
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
  }));

test("an answer is for whoever asked, where another holds the session and uses its xids", () =>
  inWorld(async (world) => {
    const { cluster } = world;
    const former = await world.client(1);
    cluster.late.set(1, []);
    const next = await world.holder(former.session, 2);
    await next.create("/mine", "");
    const leader = nodeOf(world, 0).replica;
    const before = leader?.lastApplied ?? 0;
    const told = former.delete("/mine").then(
      () => "deleted",
      (error: { readonly kind?: string }) => error.kind,
    );
    while ((leader?.lastApplied ?? 0) === before) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    cluster.release(1);
    assert.equal(await told, "ConnectionLoss");
    assert.notEqual(await former.exists("/mine"), null);
  }));

test("what a server without masks logs for another holder answers nobody here", () =>
  inWorld(async (world) => {
    const { cluster } = world;
    const former = await world.client(1);
    cluster.late.set(1, []);
    await using _next = await world.holder(former.session, 2);
    const leader = nodeOf(world, 0);
    const before = leader.replica?.lastApplied ?? 0;
    const bytes = create(FIRST_XID, "/foreign");
    leader.propose(
      {
        session: SessionId.fromBigInt(former.session.id),
        cxid: FIRST_XID,
        opcode: OPCODES.create,
        bytes,
        bodyStart: FRAME_HEADER_BYTES,
        bodyEnd: bytes.length,
        ids: [],
      },
      2,
    );
    const told = former.delete("/foreign").then(
      () => "deleted",
      (error: { readonly kind?: string }) => error.kind,
    );
    while ((leader.replica?.lastApplied ?? 0) < before + 2) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    cluster.release(1);
    assert.equal(await told, "ConnectionLoss");
    assert.notEqual(await former.exists("/foreign"), null);
  }));

test("a session and its ephemeral live on under another leader, and the client reconnects", () =>
  inWorld(async (world) => {
    const client = await world.client(0, 1, 2);
    await client.create("/e", "", { mode: "ephemeral" });
    const { id } = client.session ?? assert.fail("no session");
    await world.cluster.appoint(2);
    // The client may hear of the loss only now; asked again it waits for its next connection.
    const stat = await client.exists("/e").catch(() => client.exists("/e"));
    assert.equal(stat?.ephemeralOwner, id);
    await client.setData("/e", "still mine");
    await zxidsEqual(world);
  }));

test("what only a cut-off leader has logged is truncated when it comes back", () =>
  inWorld(async (world) => {
    const lost = await world.client(0);
    const kept = await world.client(1);
    await kept.create("/kept", "");
    world.cluster.cutOff.add(1).add(2);
    lost.create("/lost", "").catch(() => {});
    while (nodeOf(world, 0).parts.storage.lastZxid === nodeOf(world, 1).parts.storage.lastZxid) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    world.cluster.cutOff.clear();
    world.cluster.cutOff.add(0);
    await world.cluster.appoint(1);
    const after = await world.client(2);
    await after.create("/after", "");
    world.cluster.cutOff.clear();
    await world.cluster.appoint(1);
    assert.equal(world.cluster.caughtUp[0], "truncate");
    const reader = await world.client(0);
    await reader.sync("/");
    const { children } = await reader.getChildren("/");
    assert.deepEqual(children.toSorted(), ["after", "kept", "zookeeper"]);
  }));

test("a node that missed log which is gone gets a snapshot, and the same tree", () =>
  inWorld(async (world) => {
    const client = await world.client(0);
    await client.create("/early", "");
    world.cluster.cutOff.add(2);
    for (let i = 0; i < 20; i++) await client.create(`/n${i}`, `data ${i}`);
    for (const index of [0, 1]) {
      const { replica, parts } = nodeOf(world, index);
      const source = replica?.changes(false) ?? assert.fail();
      const slices = (async function* () {
        for (let slice = source.next(); slice !== undefined; slice = source.next()) yield slice;
      })();
      await parts.storage.checkpoint({ zxid: source.zxid, slices });
      await parts.storage.trim(source.zxid);
    }
    await client.create("/late", "");
    world.cluster.cutOff.clear();
    await world.cluster.appoint(0);
    assert.equal(world.cluster.caughtUp[2], "snapshot");
    const reader = await world.client(2);
    await reader.sync("/");
    assert.equal((await reader.getChildren("/")).children.length, 23);
    await zxidsEqual(world);
  }));

test("the leader alone expires sessions, and their ephemerals go on every server", () =>
  inWorld(async (world) => {
    const watcher = await world.client(2);
    const client = await world.brief(1);
    await client.create("/gone", "", { mode: "ephemeral" });
    await watcher.sync("/");
    const deleted = new Promise((resolve) => {
      void watcher.exists("/gone", { watch: resolve });
    });
    world.cluster.cutOff.add(1);
    await deleted;
    assert.equal(await watcher.exists("/gone"), null);
  }));

test.run();
