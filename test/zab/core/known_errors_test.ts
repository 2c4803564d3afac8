import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const ROW = /^\| .* \| `([^`]+)`: (.+) \|$/;

test("every row of docs/zab-known-errors.md names a test that is there", () => {
  const lines = readFileSync("docs/zab-known-errors.md", "utf8").split("\n");
  const rows = lines.filter((line) => line.startsWith("| ")).slice(1);
  assert.ok(rows.length >= 30, `${rows.length} rows`);
  for (const row of rows) {
    const [, file = "", name = ""] = ROW.exec(row) ?? [];
    const source = readFileSync(join("test/zab", file), "utf8");
    assert.ok(source.includes(`test("${name}"`), `${file}: ${name}`);
  }
});

test.run();
