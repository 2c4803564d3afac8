import { test } from "uvu";
import type { Storage } from "../../../core/contracts/storage.ts";
import { testConsensus } from "../../conformance/consensus.ts";
import { SqliteFixture } from "../../storage/sqlite_fixture.ts";
import { standaloneFixture } from "./consensus_fixture.ts";

const files = new SqliteFixture();
const pathOf = new WeakMap<Storage, string>();
const makeAt = async (path: string): Promise<Storage> => {
  const storage = files.makeAt(path);
  pathOf.set(storage, path);
  return storage;
};
const fixture = standaloneFixture(
  () => makeAt(files.makePath()),
  (closed) => makeAt(pathOf.get(closed)!),
);
testConsensus({ test, ...fixture });

test.after(() => files.remove());
test.run();
