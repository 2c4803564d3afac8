import { test } from "uvu";
import { testStorage } from "../conformance/storage.ts";
import { SqliteFixture } from "./sqlite_fixture.ts";

const fixture = new SqliteFixture({ sqlite: "package" });
testStorage({ test, make: fixture.make, remake: fixture.remake });

test.after(() => fixture.remove());
test.run();
