/** A server on this storage keeps what clients wrote. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createServer, essentials } from "zookit";
import { jsonLinesStorage } from "./mod.ts";

const folder = await mkdtemp(join(tmpdir(), "json-lines-storage-"));
after(() => rm(folder, { recursive: true }));

test("a server finds its tree again after a restart, checkpoint and log", async () => {
  const path = join(folder, "server.jsonl");
  const makeServer = () =>
    createServer({
      plugins: [...essentials({ logLevel: "warn" }), jsonLinesStorage({ path })],
      snapCount: 10,
    });
  {
    await using server = makeServer();
    await server.start();
    await using zk = await server.connect();
    for (let index = 0; index < 25; index++) await zk.create(`/node-${index}`, String(index));
    await zk.delete("/node-3");
  }
  for (let restart = 0; restart < 2; restart++) {
    await using server = makeServer();
    await server.start();
    await using zk = await server.connect();
    const { children } = await zk.getChildren("/");
    assert.equal(children.filter((name) => name.startsWith("node-")).length, 24);
    const { data } = await zk.getData("/node-24");
    assert.equal(new TextDecoder().decode(data ?? undefined), "24");
  }
});
