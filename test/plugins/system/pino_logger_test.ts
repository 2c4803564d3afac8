import { test } from "uvu";
import * as assert from "uvu/assert";
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

test.run();
