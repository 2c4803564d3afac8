import { test } from "uvu";
import * as assert from "uvu/assert";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import { testLogger } from "../../conformance/logger.ts";

testLogger({
  test,
  make: () => {
    const written: string[] = [];
    const logger = new ConsoleLogger("debug", (line) => written.push(line));
    return { logger, lines: () => written };
  },
});

test("ConsoleLogger writes nothing below its level, in children neither", () => {
  const written: string[] = [];
  const logger = new ConsoleLogger("warn", (line) => written.push(line));
  logger.info("too low");
  logger.child("part").debug("too low");
  logger.child("part").warn("high enough", { port: 2181 });
  assert.is(written.length, 1);
  assert.match(written[0] ?? "", /^\d{4}-.*Z warn part: high enough {"port":2181}$/);
});

test.run();
