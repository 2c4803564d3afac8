import { test } from "uvu";
import { SystemEntropy } from "../../../plugins/system/mod.ts";
import { testEntropy } from "../../conformance/entropy.ts";

testEntropy({ test, make: () => new SystemEntropy() });
test.run();
