import { test } from "uvu";
import { requireApache } from "./installed.ts";
import { mixedCases } from "./mixed_cases.ts";

requireApache();

await mixedCases("zookit", "apache");

test.run();
