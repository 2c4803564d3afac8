import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CONFIG_KEYS } from "../../../cli/config/keys.ts";
import { loadConfig } from "../../../cli/config/load.ts";
import { manual } from "../../../cli/config/manual.ts";

test("docs/configuration.md is what zookit keys prints", () => {
  assert.is(readFileSync("docs/configuration.md", "utf8"), manual());
});

test("the defaults that the manual names are accepted, and change nothing", () => {
  const keys = CONFIG_KEYS.flatMap((topic) => topic.keys);
  const plain = keys.filter(({ fallback }) => !/[ ;]|^(nobody|none|srvr)$/.test(fallback));
  assert.ok(plain.length > 25);
  const definitions = plain.map(({ name, fallback }) => `zookeeper.${name}=${fallback}`);
  const { config, warnings } = loadConfig({ definitions });
  assert.equal(warnings, []);
  assert.equal({ ...config, options: {} }, loadConfig({}).config);
});

test.run();
