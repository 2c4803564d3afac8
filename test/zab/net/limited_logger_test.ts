import { test } from "uvu";
import * as assert from "uvu/assert";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import { LimitedLogger } from "../../../plugins/zab/net/limited_logger.ts";
import { ManualClock } from "../../core/manual_clock.ts";

const REFUSED = "learner connection refused";

test("of a thousand strangers in a second twenty are logged, and the rest are counted", () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const whole = new ConsoleLogger("warn", (line) => lines.push(line));
  const logger = new LimitedLogger(whole, clock).child("zab");
  for (let i = 0; i < 1_000; i++) {
    clock.advance(0.9);
    logger.warn(REFUSED, { reason: "too many connections that do not say who they are" });
  }
  assert.is(lines.length, 20);
  logger.warn("another matter");
  assert.is(lines.length, 21, "what has another text is not held back");
  clock.advance(101);
  for (let i = 0; i < 2; i++) logger.warn(REFUSED, { address: "10.0.0.1" });
  assert.is(lines.length, 23);
  assert.match(lines[21] ?? "", '"unlogged":980');
  assert.not.match(lines[22] ?? "", "unlogged");
});

test.run();
