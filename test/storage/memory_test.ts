import { test } from "uvu";
import { MemoryStorage } from "../../storage/memory/mod.ts";
import { testStorage } from "../conformance/storage.ts";

testStorage({ test, make: async () => new MemoryStorage() });

test.run();
