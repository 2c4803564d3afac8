import { test } from "uvu";
import { testClock } from "../conformance/clock.ts";
import { ManualClock } from "./manual_clock.ts";

testClock({
  test,
  make: () => new ManualClock(),
  advance: (clock, ms) => (clock as ManualClock).advance(ms),
});
test.run();
