import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MembershipFiles } from "../../../cli/config/membership_files.ts";

const folder = mkdtempSync(join(tmpdir(), "zookit-members-"));
const file = join(folder, "zoo.cfg");
const STATIC = [
  "# ours",
  "dataDir=/d",
  "clientPort=2181",
  "peerType=participant",
  "server.1=a:1:2",
  "server.2=b:1:2",
  "",
].join("\n");

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.before.each(() => {
  rmSync(`${file}.bak`, { force: true });
  writeFileSync(file, STATIC);
});

function read(name: string): string {
  return readFileSync(join(folder, name), "utf8");
}

test("members in force go into a file of their version, and zoo.cfg points to it", () => {
  const files = new MembershipFiles(file, 1);
  const text = "server.2=b:1:2:participant;b:3\nserver.1=a:1:2:participant\nversion=100000003";
  files.keep(text, false);
  assert.match(read("zoo.cfg.dynamic.next"), /^version=100000003$/m);
  files.keep(text, true);
  assert.is(
    read("zoo.cfg.dynamic.100000003"),
    "server.1=a:1:2:participant\nserver.2=b:1:2:participant;b:3",
  );
  const pointer = `dynamicConfigFile=${file}.dynamic.100000003\n`;
  assert.is(read("zoo.cfg"), `# ours\ndataDir=/d\nclientPort=2181\n${pointer}`);
  assert.is(read("zoo.cfg.bak"), STATIC);
  assert.is(existsSync(join(folder, "zoo.cfg.dynamic.next")), false);
});

test("a client port among the members takes the place of the one in zoo.cfg", () => {
  const files = new MembershipFiles(file, 1);
  files.keep("server.1=a:1:2:participant;a:2181\nversion=100000004", true);
  assert.not.match(read("zoo.cfg"), /clientPort/);
  assert.is(read("zoo.cfg.bak"), STATIC);
  files.keep("server.1=a:1:2:participant;a:2181\nversion=100000005", true);
  assert.is(read("zoo.cfg").match(/dynamicConfigFile/g)?.length, 1);
  assert.is(read("zoo.cfg.bak"), STATIC, "what it was at first");
});

test("members without this server, and those that only files name, change nothing", () => {
  new MembershipFiles(file, 1).keep("server.2=b:1:2:participant\nversion=100000006", true);
  new MembershipFiles(file, 1).keep("server.1=a:1:2:participant\nversion=0", true);
  assert.is(read("zoo.cfg"), STATIC);
});

test.run();
