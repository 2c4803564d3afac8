import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import type { Storage } from "../../core/contracts/storage.ts";
import { SqliteStorage } from "../../storage/sqlite/mod.ts";
import { testStorage } from "../conformance/storage.ts";

const root = mkdtempSync(join(tmpdir(), "zookit-storage-"));
const pathOf = new WeakMap<Storage, string>();

function makeAt(path: string): Storage {
  const storage = new SqliteStorage({ path });
  pathOf.set(storage, path);
  return storage;
}

testStorage({
  test,
  make: async () => makeAt(mkdtempSync(join(root, "s-"))),
  // The files as they are while it runs: what a kill leaves.
  remake: async (storage) => {
    const from = pathOf.get(storage)!;
    const to = mkdtempSync(join(root, "s-"));
    for (const name of readdirSync(from)) copyFileSync(join(from, name), join(to, name));
    await storage.close();
    return makeAt(to);
  },
});

test.after(() => rmSync(root, { recursive: true }));
test.run();
