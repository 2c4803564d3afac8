import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../../client/mod.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import type { ConnectResponse } from "../../../core/wire/records.ts";
import * as frames from "../../core/server/frames.ts";
import { RawClient } from "../../hostile/raw_client.ts";
import { Ledger } from "../ensemble/ledger.ts";
import { Members } from "../ensemble/members.ts";

/** Clients without manners at three servers, while an honest one writes and nothing changes. */
const RESIDENT_MIB_MAX = 500;
const members = await Members.plan([1, 2, 3].map(() => ({ kind: "zookit" as const })));
members.startAll();
const leader = await members.serving();
const followers = members.ids.filter((id) => id !== leader);
const ledger = await Ledger.open(members.address(), "/beside-attackers");
let isOver = false;
const writing = (async () => {
  while (!isOver) await ledger.write(1);
})();

test.after.each(async () => {
  const before = ledger.acknowledged.length;
  await members.until("more writes", async () => {
    return ledger.acknowledged.length >= before + 20 ? true : undefined;
  });
  assert.is(await members.serving(), leader);
  for (const id of members.ids) assert.ok(members.residentMib(id) < RESIDENT_MIB_MAX);
});

test.after(async () => {
  isOver = true;
  await writing.catch(() => {});
  await ledger.close();
  await members.discard();
});

function at(id: number): { readonly port: number } {
  return { port: members.ports(id).client };
}

/** A connection with a session of its own or, given what another one got, with that one's. */
async function open(
  id: number,
  former?: ConnectResponse,
  timeoutMs = 10_000,
): Promise<{ readonly client: RawClient; readonly session: ConnectResponse }> {
  const client = await RawClient.dial(at(id));
  const { sessionId, password } = former ?? {};
  const known = sessionId === undefined || password === undefined ? {} : { sessionId, password };
  return { client, session: await client.handshake({ timeoutMs, ...known }) };
}

/** An operation of a multi. */
function create(
  path: string,
  wishes: frames.CreateWishes = {},
): Parameters<typeof frames.multi>[1] {
  return [OPCODES.create, (writer) => frames.createBody(writer, path, wishes)];
}

test("a session that goes from server to server with requests under way stays one", async () => {
  const [first = 0] = followers;
  const { client, session } = await open(first);
  await client.ask(frames.create(1, "/nomad"));
  client.destroy();
  const data = "n".repeat(10_000);
  for (let round = 0; round < 60; round++) {
    const moved = await open(members.ids[round % 3] ?? 0, session);
    for (let xid = 1; xid <= 200; xid++) moved.client.send(frames.setData(xid, "/nomad", data));
    // Gone with everything that was asked for, whether it was read or not.
    moved.client.destroy();
  }
  const { client: last } = await open(first, session);
  assert.is((await last.ask(frames.exists(1, "/nomad")))?.error, 0);
  last.destroy();
});

test("clients that watch everything and read nothing cost others nothing", async () => {
  const [id = 0] = followers;
  const lazy: RawClient[] = [];
  for (let i = 0; i < 50; i++) {
    const { client } = await open(id);
    client.socket.pause();
    client.send(frames.addWatch(1, "/", 1));
    for (let xid = 2; xid < 2_000; xid++) {
      client.send(frames.read(xid, OPCODES.getChildren2, "/beside-attackers", true));
    }
    lazy.push(client);
  }
  const { client: writer } = await open(leader);
  for (let xid = 1; xid <= 500; xid++) writer.send(frames.create(xid, `/loud${xid}`));
  assert.is((await writer.ask(frames.exists(501, "/loud500")))?.error, 0);
  writer.destroy();
  for (const client of lazy) client.destroy();
});

test("multis as large as a frame may be go through a follower, one behind the other", async () => {
  const [id = 0] = followers;
  const { client } = await open(id);
  for (let xid = 1; xid < 6; xid++) {
    const paths = Array.from({ length: 15_000 }, (_, i) => `/${xid}-${i}`);
    const multi = frames.multi(xid, ...paths.map((path) => create(path)));
    assert.ok(multi.length < 1_048_575);
    assert.is((await client.ask(multi))?.error, 0);
    assert.is((await client.ask(frames.exists(100, `/${xid}-14999`)))?.error, 0);
  }
  client.destroy();
});

test("a small multi does not swell to what followers refuse", async () => {
  const [id = 0] = followers;
  const { client } = await open(id);
  await client.ask(frames.auth("digest", `${"a".repeat(60_000)}:secret`));
  const acl = [{ perms: 31, scheme: "auth", id: "" }];
  const writes = Array.from({ length: 2_000 }, (_, i) => create(`/swollen${i}`, { acl }));
  assert.ok(await client.ask(frames.multi(2, ...writes)));
  assert.is((await client.ask(frames.exists(3, "/swollen0")))?.error, -101);
  client.destroy();
});

test("sessions that are asked for and left by the thousand end, and nothing stays", async () => {
  const hello = async (round: number): Promise<void> => {
    const { client } = await open(members.ids[round % 3] ?? 0, undefined, 1_000);
    client.send(frames.create(1, `/left${round}`, { flags: 1 }));
    client.destroy();
  };
  for (let round = 0; round < 1_000; round += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, i) => hello(round + i)));
  }
  await using reader = await connect({ servers: members.address() });
  await members.until("the ends of all sessions that were left", async () => {
    const { children } = await reader.getChildren("/");
    return children.some((name) => name.startsWith("left")) ? undefined : true;
  });
});

test.run();
