import { test } from "uvu";
import * as assert from "uvu/assert";
import { PlainMetrics } from "../../../plugins/metrics/mod.ts";
import { testMetrics } from "../../conformance/metrics.ts";

testMetrics({ test, make: () => new PlainMetrics() });

test("PlainMetrics refuses one name for two kinds of figure", () => {
  const metrics = new PlainMetrics();
  metrics.counter("commit_count", "help");
  assert.throws(() => metrics.summary("commit_count", "help"), /commit_count is a counter/);
  assert.throws(() => metrics.gauge("commit_count", "help", () => 1), /commit_count/);
});

test.run();
