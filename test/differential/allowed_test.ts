import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ALLOWED, brief } from "./allowed.ts";
import { Campaign } from "./campaign.ts";
import { ONLY_HERE } from "./cells.ts";
import { EXAMPLES } from "./examples.ts";
import { ServerPair } from "./pair.ts";
import type { Program } from "./program.ts";
import type { JsonObject } from "./transcript.ts";

const campaign = new Campaign(["apache", "zookit"], "everything");
let pair: ServerPair;

test.before(async () => {
  pair = await ServerPair.start(["apache", "zookit"], "everything");
});

test.after(async () => {
  await pair.end();
  await campaign.end();
});

// What Apache does not do any more is allowed only as long as this Apache does it.
for (const { name, source, reason, example, apache, zookit } of ALLOWED) {
  test(`${name}: ${reason}`, async () => {
    const [first, second] = await pair.run(example);
    assert.equal(brief(first), apache, source);
    assert.equal(brief(second), zookit, source);
    assert.not.equal(apache, zookit);
  });
}

for (const { name, matches, isExtra, example } of ALLOWED) {
  if (matches === undefined && isExtra === undefined) continue;
  test(`${name} is all that differs in its example`, async () => {
    const before = campaign.allowed.get(name) ?? 0;
    await campaign.check(example);
    assert.ok((campaign.allowed.get(name) ?? 0) > before);
  });
}

for (const [name, program] of Object.entries(EXAMPLES)) {
  test(`${name}, on both alike`, () => campaign.check(program));
}

test("each allowed difference has a row of section 17, but for one that must stay without", () => {
  assert.is(new Set(ALLOWED.map(({ name }) => name)).size, ALLOWED.length);
  const others = ALLOWED.filter(({ source }) => !/^section 17, row '.+'$/.test(source));
  assert.equal(
    others.map(({ name, mustStay }) => [name, mustStay !== undefined]),
    [["internal-types", true]],
  );
  for (const { because } of ONLY_HERE) assert.ok(ALLOWED.some(({ name }) => name === because));
});

test("docs/differences.md has one row for each allowed difference", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/differences.md"), "utf8");
  const rows = [...page.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, name]) => name);
  assert.equal(rows.sort(), ALLOWED.map(({ name }) => name).sort());
});

test("a null path anywhere in a multi makes the whole unreadable", async () => {
  const path = null; // On Apache the reply comes before its zxid, hence not among the examples.
  const node = { op: "create", path: "@/a", data: "", acl: "open", flags: 0 } as const;
  const ops = [node, { op: "setData", path, data: "", version: -1 }] as const;
  const program: Program = {
    identities: [null],
    steps: [{ kind: "batch", session: 0, ops: [{ op: "multi", ops }] }],
  };
  for (const transcript of await pair.run(program)) {
    assert.match(brief(transcript).join(), /^multi -5/); // On Apache the end of a multi follows.
    const paths = transcript.tree.map((line) => (line as JsonObject).path);
    assert.equal(paths, ["@", "~", "~/a", "~/b"]);
  }
});

test.run();
