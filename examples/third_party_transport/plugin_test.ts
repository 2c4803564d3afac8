/** A server and a client that meet on this transport. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createServer, essentials, memoryStorage } from "zookit";
import { connect } from "zookit/client";
import { unixDialer, unixTransport } from "./mod.ts";

const folder = await mkdtemp(join(tmpdir(), "unix-transport-"));
after(() => rm(folder, { recursive: true }));

test("a client reaches the server over the socket, watches included", async () => {
  const path = join(folder, "server.sock");
  await using server = createServer({
    plugins: [...essentials({ logLevel: "warn" }), memoryStorage(), unixTransport({ path })],
  });
  await server.start();
  assert.deepEqual(server.addresses, [path]);
  await using writer = await connect({ servers: [unixDialer(path)] });
  await using reader = await connect({ servers: [unixDialer(path)] });
  await writer.create("/big", "x".repeat(900_000));
  const changed = new Promise((resolve) => {
    void reader.getData("/big", { watch: resolve }).then(() => writer.setData("/big", "small"));
  });
  assert.equal(((await changed) as { readonly type: string }).type, "dataChanged");
  assert.equal(String(await reader.getData("/big").then(({ data }) => data?.length)), "5");
});
