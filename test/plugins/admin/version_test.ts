import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SERVER_VERSION, ZOOKIT_VERSION } from "../../../plugins/admin/mod.ts";

test("ZOOKIT_VERSION is the version of the package", () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  assert.is(ZOOKIT_VERSION, version);
});

test("SERVER_VERSION begins with a release, as tools expect, and tells when it was built", () => {
  assert.match(SERVER_VERSION, /^3\.\d+\.\d+-\S+, built on \d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
});

test.run();
