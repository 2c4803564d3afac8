import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkSource } from "../../tools/check_layers.ts";
import { blank } from "../../tools/source.ts";

function findings(path: string, text: string): number {
  return checkSource({ path, text, code: blank(text) }).length;
}

test("checkSource() lets a layer import the ones below it, and not the ones above", () => {
  assert.is(findings("core/server/a.ts", 'import { b } from "../tree/b.ts";'), 0);
  assert.is(findings("core/tree/a.ts", 'import { b } from "../server/b.ts";'), 1);
  assert.is(findings("core/tree/a.ts", 'export * from "../server/b.ts";'), 1);
  assert.is(findings("core/tree/a.ts", 'const b = await import("../server/b.ts");'), 1);
});

test("checkSource() keeps plugins, stores and transports strangers to each other", () => {
  assert.is(findings("plugins/auth/a.ts", 'import { b } from "./b.ts";'), 0);
  assert.is(findings("plugins/auth/a.ts", 'import { b } from "../admin/b.ts";'), 1);
  assert.is(findings("storage/memory/a.ts", 'import { b } from "../../transports/tcp/b.ts";'), 1);
});

test("checkSource() keeps packages in their places", () => {
  assert.is(findings("transports/tcp/a.ts", 'import { connect } from "node:net";'), 0);
  assert.is(findings("core/wire/a.ts", 'import { connect } from "node:net";'), 1);
  assert.is(findings("core/watch/a.ts", 'import { Subject } from "rxjs";'), 0);
  assert.is(findings("plugins/auth/a.ts", 'import { Subject } from "rxjs";'), 1);
  assert.is(findings("core/wire/a.ts", 'import x from "left-pad";'), 1);
});

test("checkSource() lets time and chance enter only where they are implemented", () => {
  assert.is(findings("plugins/system/clock.ts", "const now = Date.now();"), 0);
  assert.is(findings("core/server/a.ts", "const now = Date.now();"), 1);
  assert.is(findings("core/server/a.ts", "setTimeout(f, Math.random());"), 2);
  assert.is(findings("core/server/a.ts", "// Date.now() is not for us\nf('new Date()');"), 0);
});

test("checkSource() ignores imports in comments and strings", () => {
  assert.is(findings("core/tree/a.ts", '// import { b } from "../server/b.ts";'), 0);
});

test.run();
