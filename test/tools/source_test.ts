import { test } from "uvu";
import * as assert from "uvu/assert";
import { blank } from "../../tools/source.ts";

test("blank() keeps code and line breaks, and erases comments and strings", () => {
  const text = 'const a = "b"; // c\n/* d\n */ const e = 1;';
  const blanked = blank(text);
  assert.is(blanked.length, text.length);
  assert.is(blanked.replaceAll(/ +/g, " "), "const a = ; \n \n const e = 1;");
});

test("blank() keeps what stands in the holes of a template", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source under test.
  const blanked = blank("f(`a ${b({ c: `d ${e}` })} g`);");
  assert.is(blanked.replaceAll(" ", ""), "f(b({c:e}));");
});

test("blank() tells a regular expression from a division", () => {
  assert.is(blank("x = /[/'\"]/.test(y);").replaceAll(" ", ""), "x=.test(y);");
  assert.is(blank("x = a / b; y = 'c' / d;").replaceAll(" ", ""), "x=a/b;y=/d;");
});

test("blank() is not misled by an escaped quote", () => {
  assert.is(blank(String.raw`f("a\"b"); g('\\');`).replaceAll(" ", ""), "f();g();");
});

test.run();
