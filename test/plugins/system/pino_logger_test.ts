import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LogThreshold } from "../../../core/contracts/logger.ts";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import { createPinoLogger } from "../../../plugins/system/pino_logger.ts";
import { testLogger } from "../../conformance/logger.ts";

testLogger({
  test,
  make: () => {
    const written: string[] = [];
    const stream = { write: (line: string) => void written.push(line) };
    return { logger: createPinoLogger("debug", stream), lines: () => written };
  },
});

test("PinoLogger writes JSON with level, time, scope, message and fields", () => {
  const written: string[] = [];
  const logger = createPinoLogger("info", { write: (line) => void written.push(line) });
  logger.debug("too low");
  logger.child("tcp").info("listening", { port: 2181 });
  assert.is(written.length, 1);
  const { time, ...rest } = JSON.parse(written[0] ?? "") as Record<string, unknown>;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT/);
  assert.equal(rest, { level: "info", scope: "tcp", port: 2181, msg: "listening" });
});

test("a threshold that is changed counts for loggers that were made before", () => {
  const written: string[] = [];
  const threshold: LogThreshold = { level: "warn" };
  const pino = createPinoLogger(threshold, { write: (line) => void written.push(line) });
  const loggers = [pino.child("a"), new ConsoleLogger(threshold, (line) => written.push(line))];
  const counts = (["debug", "info", "warn", "silent"] as const).map((level) => {
    threshold.level = level;
    const before = written.length;
    for (const logger of loggers) {
      logger.info("told");
      logger.error("told");
    }
    return written.length - before;
  });
  assert.equal(counts, [4, 4, 2, 0]);
});

test.run();
