/**
 * A session's end is one transaction however much goes with it: a server that is killed around it
 * has all of its ephemeral znodes afterwards, or none.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { OPEN_ACL, writeAcls } from "../../core/wire/records.ts";
import { RawClient, request } from "../hostile/raw_client.ts";
import { ServerProcess } from "./server_process.ts";
import { closeClients, openClient } from "./writer.ts";

/** Kills from at once to about the time when a client is told. */
const ROUNDS = 5;
/** With their names more than the end of a session lists. */
const EPHEMERALS = 10_000;
const NAME = "a-name-as-long-as-that-of-a-member-of-some-group-".repeat(3);
const BATCH = 500;

const folder = mkdtempSync(join(tmpdir(), "zookit-ephemerals-"));
const server = new ServerProcess(folder);

test.after(async () => {
  await server.kill();
  await closeClients();
  rmSync(folder, { recursive: true, force: true });
});

function create(xid: number, path: string, flags: number): Uint8Array {
  return request(xid, OPCODES.create, (writer) => {
    writer.string(path);
    writer.buffer(new Uint8Array(0));
    writeAcls(writer, OPEN_ACL);
    writer.int(flags);
  });
}

/** A session with many ephemeral znodes below `parent`. */
async function openOwner(parent: string): Promise<RawClient> {
  const owner = await RawClient.open({ port: server.port }, { timeoutMs: 60_000 });
  await owner.ask(create(1, parent, 0));
  for (let done = 0; done < EPHEMERALS; done += BATCH) {
    const paths = Array.from({ length: BATCH }, (_, i) => `${parent}/${NAME}${done + i}`);
    owner.send(...paths.map((path, i) => create(2 + i, path, 1)));
    for (const path of paths) assert.is((await owner.reply())?.error, 0, path);
  }
  return owner;
}

const close = (owner: RawClient): ReturnType<RawClient["ask"]> =>
  owner.ask(request(9, OPCODES.closeSession));

/** Kills the server while a session ends. @returns whether the client was told of its end. */
async function closeAndKill(owner: RawClient, waitMs: number): Promise<boolean> {
  const closing = close(owner);
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  await server.kill();
  const reply = await closing;
  owner.destroy();
  return reply?.error === 0;
}

test("a kill while a session ends leaves all of its ephemeral znodes, or none", async () => {
  await server.start(100_000);
  const first = await openOwner("/first");
  const began = performance.now();
  assert.is((await close(first))?.error, 0);
  const tookMs = performance.now() - began;
  const counts: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const parent = `/p${round}`;
    const isTold = await closeAndKill(await openOwner(parent), (tookMs * round) / ROUNDS);
    await server.start(100_000);
    const client = await openClient(`127.0.0.1:${server.port}`);
    const { children, stat } = await client.getChildren(parent);
    await client.close();
    counts.push(children.length);
    assert.is(stat.numChildren, children.length);
    assert.ok(children.length === EPHEMERALS || children.length === 0, `left ${counts}`);
    if (isTold) assert.is(children.length, 0, "told and not done");
  }
  console.log(`left ${counts.join(", ")}`);
});

test.run();
