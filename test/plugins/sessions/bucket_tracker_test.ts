import { test } from "uvu";
import * as assert from "uvu/assert";
import { SessionId } from "../../../core/wire/session_id.ts";
import { BucketTracker, BucketTracking } from "../../../plugins/sessions/mod.ts";
import { testSessionTracking } from "../../conformance/sessions.ts";

testSessionTracking({ test, make: () => new BucketTracking() });

test("BucketTracker keeps no empty bucket, however long sessions live", () => {
  const tracker = new BucketTracker(1_000);
  const id = new SessionId(1, 2);
  tracker.add(id, 5_000, 0);
  for (let now = 0; now < 1_000_000; now += 700) tracker.touch(id, 5_000, now);
  assert.is(tracker.buckets().length, 1);
  tracker.close(id);
  assert.is(tracker.buckets().length, 0);
});

test.run();
