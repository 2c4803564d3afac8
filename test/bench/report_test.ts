/** What the benchmarks print, and when they refuse to. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compare, formatTable, roofRefusal } from "../../bench/report.ts";

test("roofRefusal() refuses figures of which the roof is not 1.5 times the highest", () => {
  assert.is(roofRefusal(150, [100, 40]), undefined);
  assert.match(roofRefusal(149, [100, 40]) ?? "", "reaches only 149/s, 1.5 times 100 is due");
});

test("formatTable() has the refusal in place of figures", () => {
  const table = formatTable([{ workload: "set", figure: "", refusal: "refused: why" }]);
  const [, , row = ""] = table.split("\n");
  assert.match(row, "refused: why");
  assert.not.match(row, /\d/);
});

test("compare() takes the medians, and the ratio round by round", () => {
  const about = { workload: "set", figure: "requests/s", goal: 2 };
  const apache = [10, 100, 20];
  const zookit = [40, 100, 50];
  const row = compare({ ...about, better: "higher" }, apache, zookit);
  assert.equal([row.apache, row.zookit, row.ratio], [20, 50, [2.5, 1, 4]]);
  assert.is(row.isGoalMet, true);
  assert.is(compare({ ...about, better: "lower" }, apache, zookit).isGoalMet, false);
  assert.is(compare({ ...about, better: "higher" }, apache, []).isGoalMet, undefined);
});

test.run();
