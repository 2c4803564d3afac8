import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseJvmFlags, parseProperties } from "../../../cli/config/properties.ts";

function pairsOf(text: string): [key: string, value: string][] {
  return parseProperties(text, "zoo.cfg").map(({ key, value }) => [key, value]);
}

test("parseProperties() parts key and value as Java does", () => {
  assert.equal(pairsOf("a=1\nb : 2\nc 3\nd\n  e =  5  \nf==6\ng=h:i\n"), [
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
    ["d", ""],
    ["e", "5"],
    ["f", "=6"],
    ["g", "h:i"],
  ]);
});

test("parseProperties() leaves out comments and blank lines, and numbers the others", () => {
  const text = "# one\r\n! two\r\n\r\n   \r\na=1 # not a comment\r\n\t# five\r\nb=2";
  assert.equal(parseProperties(text, "zoo.cfg"), [
    { key: "a", value: "1 # not a comment", source: "zoo.cfg:5" },
    { key: "b", value: "2", source: "zoo.cfg:7" },
  ]);
});

test("parseProperties() joins lines that end in a backslash, and only then", () => {
  assert.equal(pairsOf("a=x,\\\n   y,\\\n z\nb=C:\\\\\nc=1\n"), [
    ["a", "x,y,z"],
    ["b", "C:\\"],
    ["c", "1"],
  ]);
  assert.equal(pairsOf("a=1\\"), [["a", "1"]]);
});

test("parseProperties() reads escapes", () => {
  assert.equal(pairsOf("a\\=b=1\\u00e9\\q\nc\\ d=\\tx"), [
    ["a=b", "1éq"],
    ["c d", "x"],
  ]);
});

test("parseProperties() keeps a key that is given twice, in order", () => {
  assert.equal(pairsOf("a=1\na=2"), [
    ["a", "1"],
    ["a", "2"],
  ]);
});

test("parseJvmFlags() takes -D flags out of Java's, with or without quotes", () => {
  const flags = `-Xmx1g -Da=1 "-Db=two words" -Dc='x y' -Dd -De=f=g -server`;
  assert.equal(
    parseJvmFlags(flags, "JVMFLAGS").map(({ key, value }) => [key, value]),
    [
      ["a", "1"],
      ["b", "two words"],
      ["c", "x y"],
      ["d", ""],
      ["e", "f=g"],
    ],
  );
  assert.equal(parseJvmFlags("", "JVMFLAGS"), []);
});

test.run();
