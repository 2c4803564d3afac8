import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ERROR_CODES, errorName, ZkError } from "../../../core/errors/zk_error.ts";

test("docs/errors.md lists exactly the codes of ERROR_CODES, with their names", () => {
  const page = readFileSync("docs/errors.md", "utf8");
  const rows = [...page.matchAll(/^\| (-\d+) \| `(\w+)` \|/gm)];
  const documented = rows.map(([, code, name]) => `${code} ${name}`);
  const known = Object.entries(ERROR_CODES).map(([name, code]) => `${code} ${name}`);
  assert.equal(documented, known);
});

test("errorName() gives the name of every code, and nothing for others", () => {
  for (const [name, code] of Object.entries(ERROR_CODES)) assert.is(errorName(code), name);
  for (const code of [0, -9, -100, -128, 101]) assert.is(errorName(code), undefined);
});

test("ZkError says which code, which name and which path", () => {
  const error = new ZkError("NoNode", "/a");
  assert.is(error.code, -101);
  assert.is(error.kind, "NoNode");
  assert.is(error.path, "/a");
  assert.is(error.message, "NoNode: /a");
});

test.run();
