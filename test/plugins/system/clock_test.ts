import { test } from "uvu";
import { SystemClock } from "../../../plugins/system/mod.ts";
import { testClock } from "../../conformance/clock.ts";

testClock({ test, make: () => new SystemClock() });
test.run();
