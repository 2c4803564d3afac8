import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";

test("README's main.ts is the example that is run", () => {
  const readme = readFileSync("README.md", "utf8");
  const first = /^```ts\n([\s\S]*?)^```/m.exec(readme)?.[1];
  const example = readFileSync("examples/server/server.ts", "utf8");
  assert.is(first, example.replace("../../mod.ts", "zookit"));
});

test("README's links lead to files of the repository", () => {
  const links = [...readFileSync("README.md", "utf8").matchAll(/\]\(([^)]+)\)/g)];
  const missing = links.map((link) => link[1] ?? "").filter((path) => !exists(path));
  assert.equal(missing, []);
});

function exists(path: string): boolean {
  try {
    return readFileSync(path).length > 0;
  } catch (error) {
    return (error as { readonly code?: string }).code === "EISDIR";
  }
}

test.run();
