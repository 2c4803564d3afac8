import { test } from "uvu";
import * as assert from "uvu/assert";
import { editDistance, nearest } from "../../../core/server/nearest.ts";

test("editDistance() counts insertions, deletions and changes", () => {
  assert.is(editDistance("", ""), 0);
  assert.is(editDistance("", "abc"), 3);
  assert.is(editDistance("kitten", "sitting"), 3);
  assert.is(editDistance("tickTime", "tickTime"), 0);
});

test("nearest() forgives slips and case, and finds nothing far away", () => {
  const keys = ["tickTime", "dataDir", "maxClientCnxns"];
  assert.is(nearest("ticktime", keys), "tickTime");
  assert.is(nearest("datDir", keys), "dataDir");
  assert.is(nearest("maxClientConns", keys), "maxClientCnxns");
  assert.is(nearest("x", keys), undefined);
  assert.is(nearest("somethingElse", keys), undefined);
});

test.run();
