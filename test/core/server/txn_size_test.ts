import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import type { GatedStorage } from "../gated_storage.ts";
import { startServer } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

/** What Apache's servers take from one another with their default settings. */
const TXN_BYTES_MAX = 2 * 1_048_575;
const OWN = [{ perms: 31, scheme: "auth", id: "" }];

async function logBytes(disk: GatedStorage): Promise<number> {
  return await disk.storage.sizeBetween(0, Number.MAX_SAFE_INTEGER);
}

function creates(xid: number, count: number): Uint8Array {
  const paths = Array.from({ length: count }, (_, i) => `/m${xid}-${i}`);
  return frames.multi(
    xid,
    ...paths.map((path): Parameters<typeof frames.multi>[1] => {
      return [OPCODES.create, (writer) => frames.createBody(writer, path, { acl: OWN })];
    }),
  );
}

test("a multi whose lists stand for many identities is no transaction of any size", async () => {
  const { server, disk } = await startServer();
  const { line } = await Line.open(server);
  await line.ask(frames.auth("digest", `${"a".repeat(60_000)}:secret`));
  line.send(creates(1, 15), creates(2, 2_000), frames.create(3, "/alone", { acl: OWN }));
  assert.equal(await line.takeMore(), ["1:0", "2:0", "3:0"]);
  assert.equal(await line.ask(frames.exists(4, "/m1-14"), frames.exists(5, "/m2-0")), [
    "4:0",
    "5:-101",
  ]);
  assert.ok((await logBytes(disk)) < TXN_BYTES_MAX);
  await server.stop();
});

test("a session with very many ephemerals ends in a transaction that others take", async () => {
  const { server, disk, counter } = await startServer();
  const { line } = await Line.open(server);
  const { line: other } = await Line.open(server);
  const paths = Array.from({ length: 150 }, (_, i) => `/${"x".repeat(20_000)}${i}`);
  for (const [xid, path] of paths.entries()) {
    assert.equal(await line.ask(frames.create(xid, path, { flags: 1 })), [`${xid}:0`]);
  }
  const before = await logBytes(disk);
  assert.equal(await line.ask(frames.close(200)), ["200:0"]);
  assert.ok((await logBytes(disk)) - before < TXN_BYTES_MAX);
  for (const [xid, path] of paths.entries()) {
    assert.equal(await other.ask(frames.exists(xid, path)), [`${xid}:-101`]);
  }
  assert.is(counter("digest_mismatches_count"), 0);
  await server.stop();
});

test.run();
