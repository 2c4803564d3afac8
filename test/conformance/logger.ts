import assert from "node:assert/strict";
import type { Logger } from "../../core/contracts/logger.ts";

/** What the suite needs to know of an implementation. */
export interface LoggerFixture {
  /** The runner's `test`. */
  readonly test: (name: string, run: () => Promise<void>) => void;
  /** A logger that shows every level, and where its lines go. */
  readonly make: () => { readonly logger: Logger; readonly lines: () => readonly string[] };
}

/** Registers the tests that every {@link Logger} passes. */
export function testLogger({ test, make }: LoggerFixture): void {
  test("Logger writes one line for each message, with its fields", async () => {
    const { logger, lines } = make();
    logger.debug("a message");
    logger.info("b message", { path: "/a b", count: 7 });
    logger.warn("c message");
    logger.error("d message", { error: new Error("the cause") });
    assert.equal(lines().length, 4);
    const [, second = "", , fourth = ""] = lines();
    for (const part of ["b message", "/a b", "7"]) assert.ok(second.includes(part), second);
    for (const part of ["d message", "the cause"]) assert.ok(fourth.includes(part), fourth);
  });

  test("Logger.child() adds its scope to those above it and leaves its parent alone", async () => {
    const { logger, lines } = make();
    logger.child("outer-part").child("inner-part").info("from below");
    logger.info("from above");
    const [below = "", above = ""] = lines();
    assert.ok(below.includes("inner-part") && below.includes("outer-part"), below);
    assert.ok(!above.includes("-part"), above);
  });

  test("Logger never throws, whatever the fields are, and keeps to one line", async () => {
    const { logger, lines } = make();
    const cycle: Record<string, unknown> = { name: "cycle" };
    cycle["self"] = cycle;
    logger.info("cyclic", cycle);
    logger.info("big", { id: 2n ** 60n });
    logger.info("odd", { nothing: undefined, call: () => 1, text: "two\nlines" });
    assert.equal(lines().length, 3);
    for (const line of lines()) assert.ok(!line.trimEnd().includes("\n"), line);
  });
}
