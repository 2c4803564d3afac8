import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** One named test in a table: the file, from `test/zab`, and the name. */
const NAMED = /`([^`]+\.ts)`: (.+?)(?=<br>| \|)/g;

/** The rows of a table whose first cell fits, with the tests that each names. */
function rowsOf(file: string, first: RegExp): { row: string; tests: [string, string][] }[] {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines
    .filter((line) => first.test(line))
    .map((row) => ({
      row,
      tests: [...row.matchAll(NAMED)].map(([, path = "", name = ""]) => [path, name]),
    }));
}

function assertIsThere([path, name]: [string, string]): void {
  const source = readFileSync(join("test/zab", path), "utf8");
  const isThere = ['"', "`"].some((quote) => source.includes(`${quote}${name}${quote}`));
  assert.ok(isThere, `${path}: ${name}`);
}

/** Errors of Apache's implementation that must have a row (PP 8). */
const KNOWN = [
  ...[558, 1277, 1324, 1549, 1653, 1732, 1783, 1805],
  ...[2164, 2307, 2325, 2354, 2355, 2678, 2819, 2845],
  ...[3023, 3056, 3104, 3127, 3144, 3145, 3531, 3642, 3720, 3781, 3829, 3911],
  ...[4352, 4394, 4541, 4643, 4646, 4685, 4712, 4785, 4925],
  ...["check alone", "empty members", "failed multi", "TRUNC beyond"],
];

test("every row of docs/zab-known-errors.md names a test that is there", () => {
  const rows = rowsOf("docs/zab-known-errors.md", /^\| (?!error |-)/);
  const named = new Set(rows.flatMap(({ row }) => row.split("|")[1]?.trim().split(", ")));
  for (const error of KNOWN) assert.ok(named.has(String(error)), `no row for ${error}`);
  for (const { row, tests } of rows) {
    assert.is(tests.length, 1, row);
    tests.forEach(assertIsThere);
  }
});

test("every check of docs/peer-checklist.md names tests that are there", () => {
  const rows = rowsOf("docs/peer-checklist.md", /^\| \d+ \|/);
  const numbers = rows.map(({ row }) => Number(/\d+/.exec(row)?.[0]));
  assert.equal(
    numbers,
    Array.from({ length: 40 }, (_, i) => i + 1),
  );
  for (const { row, tests } of rows) {
    assert.ok(tests.length > 0, row);
    tests.forEach(assertIsThere);
  }
});

test.run();
