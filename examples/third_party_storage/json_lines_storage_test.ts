/** What every storage must do, and what this one promises besides. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { testStorage } from "zookit/conformance";
import { JsonLinesStorage } from "./mod.ts";

const folder = await mkdtemp(join(tmpdir(), "json-lines-storage-"));
after(() => rm(folder, { recursive: true }));
let fileCount = 0;
const paths = new Map<object, string>();

function make(path = join(folder, `${++fileCount}.jsonl`)): Promise<JsonLinesStorage> {
  const storage = new JsonLinesStorage(path);
  paths.set(storage, path);
  return Promise.resolve(storage);
}

testStorage({
  test: (name, run) => void test(name, run),
  make: () => make(),
  remake: async (storage) => {
    await storage.close();
    return make(paths.get(storage));
  },
});

test("open() drops a last line that was cut short, and refuses any other damage", async () => {
  const path = join(folder, "damage.jsonl");
  const storage = await make(path);
  await storage.open();
  await storage.setAcceptedEpoch(3);
  await storage.setAcceptedEpoch(4);
  await storage.close();
  const text = await readFile(path, "utf8");

  await writeFile(path, text.slice(0, -1));
  const cut = await make(path);
  assert.equal((await cut.open()).acceptedEpoch, 3);
  await cut.close();

  await writeFile(path, text.replace('"epoch":3', '"epoch":7'));
  await assert.rejects((await make(path)).open(), { kind: "damaged" });
});
