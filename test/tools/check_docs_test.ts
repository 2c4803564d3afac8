import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkDocstrings, examplesOf } from "../../tools/check_docs.ts";
import { blank } from "../../tools/source.ts";

function findings(text: string): string[] {
  return checkDocstrings({ path: "core/a.ts", text, code: blank(text) });
}

test("checkDocstrings() names exported symbols without a docstring", () => {
  const text = "/** For b. */\nexport const b = 1;\nexport async function c() {}\nfunction d() {}";
  assert.equal(findings(text), ["core/a.ts:3: c has no docstring"]);
});

test("checkDocstrings() asks overloads for one docstring", () => {
  assert.equal(findings("/** A. */\nexport function a(): 1;\nexport function a(): 2 {}"), []);
});

test("examplesOf() takes the blocks of the opening docstring alone", () => {
  const block = (code: string): string => ` * \`\`\`ts\n * ${code}\n * \`\`\`\n`;
  const text = `/**\n * For all.\n${block("a();")}${block("b();")} */\n/**\n${block("c();")} */\n`;
  assert.equal(examplesOf(text), ["a();\n", "b();\n"]);
});

test.run();
