import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MUTANTS, QUICK } from "../../simulation/mutants/list.ts";

test("what each mutant changes stands in the sources, once", () => {
  for (const { name, edits } of MUTANTS) {
    for (const { file, find, put } of edits) {
      const places = readFileSync(file, "utf8").split(find).length - 1;
      assert.is(places, 1, `${name}: ${file}`);
      assert.is.not(find, put, name);
    }
  }
});

test("mutants have names of their own, and CI's few are among them", () => {
  const names = MUTANTS.map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  assert.equal(
    [...QUICK.keys()].filter((name) => !names.includes(name)),
    [],
  );
});

test("docs/simulation.md has a row for each mutant, with the seeds that it took", () => {
  const text = readFileSync("docs/simulation.md", "utf8");
  const rows = [...text.matchAll(/^\| (.+) \| \d+ \|$/gm)].map(([, name]) => name);
  assert.equal(
    rows,
    MUTANTS.map(({ name }) => name),
  );
});

test.run();
