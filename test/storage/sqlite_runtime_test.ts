import { test } from "uvu";
import * as assert from "uvu/assert";
import { HAS_RUNTIME_SQLITE } from "../../storage/sqlite/worker_binding.ts";
import { testStorage } from "../conformance/storage.ts";
import { SqliteFixture } from "./sqlite_fixture.ts";

const fixture = new SqliteFixture({ sqlite: "runtime" });
if (HAS_RUNTIME_SQLITE) {
  testStorage({ test, make: fixture.make, remake: fixture.remake });
} else {
  test("open() says that this runtime has no SQLite of its own", async () => {
    const storage = await fixture.make();
    const message = await storage.open().then(
      () => "opened",
      (error: Error) => error.message,
    );
    assert.match(message, /npm install sqlite3/);
  });
}

test.after(() => fixture.remove());
test.run();
