import { test } from "uvu";
import { requireApache } from "./installed.ts";
import { mixedCases } from "./mixed_cases.ts";

requireApache();

const mixed = await mixedCases("zookit", "apache");

test("a Zookit server that comes back to a leader of Apache's serves within two seconds", () => {
  return mixed.isBackSoon(1);
});

test.run();
