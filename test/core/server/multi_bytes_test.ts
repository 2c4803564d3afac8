import { test } from "uvu";
import * as assert from "uvu/assert";
import { forEachTxn } from "../../../core/contracts/log_batch.ts";
import { STORAGE } from "../../../core/contracts/storage.ts";
import { readTxn, type SubTxn } from "../../../core/tree/txn.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { createServer, essentials } from "../../../mod.ts";
import { MemoryStorage } from "../../../storage/memory/mod.ts";

test("a create2 in a multi is logged and answered as a create", async () => {
  const storage = new MemoryStorage();
  await using server = createServer({
    plugins: [
      ...essentials({ logLevel: "silent" }),
      {
        name: "storage",
        provides: [STORAGE],
        requires: [],
        register: (container) => container.provide(STORAGE, () => storage),
      },
    ],
  });
  await server.start();
  const client = await server.connect();
  const [made, below] = await client.multi([
    { type: "create", path: "/a" },
    { type: "create", path: "/a/b", data: "1", mode: "ephemeral" },
  ]);
  assert.equal(made, { type: "create", path: "/a", stat: undefined });
  assert.equal(below, { type: "create", path: "/a/b", stat: undefined });
  assert.is((await client.exists("/a/b"))?.ephemeralOwner, client.session.id);
  const logged: SubTxn[] = [];
  for await (const batch of storage.read(0)) {
    forEachTxn(batch, (bytes, start, end) => {
      const { body } = readTxn(bytes, start, end);
      if (body.type === OPCODES.multi) logged.push(...body.txns);
    });
  }
  // Apache's servers before 3.8.2 know no other create here (ZOOKEEPER-4026).
  assert.equal(
    logged.map(({ type }) => type),
    [OPCODES.create, OPCODES.create],
  );
  await client.close();
});

test.run();
