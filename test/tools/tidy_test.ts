import { test } from "uvu";
import * as assert from "uvu/assert";
import { blank } from "../../tools/source.ts";
import { checkSource } from "../../tools/tidy.ts";

function findings(text: string, path = "core/a.ts"): string[] {
  return checkSource({ path, text, code: blank(text) });
}

const SIXTY_LINES = "  f();\n".repeat(60);

test("checkSource() refuses a long function, however it is written", () => {
  const body = `{\n${SIXTY_LINES}${SIXTY_LINES}}`;
  assert.is(findings(`function a(b: number): Map<string, number> ${body}`).length, 1);
  assert.is(findings(`const a = (b: number): void => ${body};`).length, 1);
  assert.is(findings(`class A {\n  async b(c = {}): Promise<void> ${body}\n}`).length, 1);
});

test("checkSource() measures a function without the functions inside it", () => {
  const inner = `  test("x", () => {\n${SIXTY_LINES}  });\n`;
  assert.equal(findings(`export function suite(): void {\n${inner}${inner}${inner}}`), []);
});

test("checkSource() does not take classes, objects and loops for functions", () => {
  const body = `{\n${SIXTY_LINES}${SIXTY_LINES}}`;
  assert.equal(findings(`export interface A ${body}`), []);
  assert.equal(findings(`for (const a of b()) ${body}`), []);
});

test("checkSource() refuses long files and long lines", () => {
  assert.is(findings("a();\n".repeat(401)).length, 1);
  assert.equal(findings("a();\n".repeat(400)), []);
  assert.is(findings(`${"x".repeat(101)}\n`).length, 1);
  assert.equal(findings(`${"x".repeat(100)}\n`), []);
});

test("checkSource() refuses names that say nothing", () => {
  assert.is(findings("", "core/utils.ts").length, 1);
  assert.is(findings("", "core/helpers/a.ts").length, 1);
});

test.run();
