import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StorageError } from "../../../core/contracts/storage.ts";
import { AuditFile } from "../../../plugins/audit/mod.ts";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import { ManualClock } from "../../core/manual_clock.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "zookit-audit-"));
test.after(() => rmSync(FOLDER, { recursive: true }));

function open(name: string, log: string[] = []): AuditFile {
  const logger = new ConsoleLogger("info", (line) => log.push(line));
  const file = new AuditFile(join(FOLDER, name), new ManualClock(), logger);
  file.start();
  return file;
}

test("lines are written as Apache's logging writes them, after those that are there", () => {
  for (const result of ["success", "failure"] as const) {
    const file = open("two.log");
    file.write("user=root", result);
    file.close();
  }
  const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}`;
  const end = String.raw`audit\.Slf4jAuditLogger: user=root\n`;
  const lines = new RegExp(`^${time} INFO ${end}${time} ERROR ${end}$`);
  assert.match(readFileSync(join(FOLDER, "two.log"), "utf8"), lines);
});

test("a file of 10 MB is put aside, and 10 of them are kept", () => {
  const path = join(FOLDER, "much.log");
  for (let i = 1; i <= 10; i++) writeFileSync(`${path}.${i}`, `old ${i}`);
  const file = open("much.log");
  const line = "x".repeat(60_000);
  for (let i = 0; i < 180; i++) file.write(line, "success");
  file.close();
  const names = readdirSync(FOLDER).filter((name) => name.startsWith("much.log"));
  assert.is(names.length, 11, String(names));
  assert.is(readFileSync(`${path}.10`, "utf8"), "old 9");
  for (const name of [path, `${path}.1`]) {
    const { size } = statSync(name);
    assert.ok(size > 100_000 && size <= 10 * 1024 * 1024, `${name} ${size}`);
  }
});

test("a file that cannot be opened stops the start, and is named", () => {
  try {
    open("no/such/folder.log");
    assert.unreachable("there is no such folder");
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    assert.match(error.message, "folder.log cannot be opened");
  }
});

test.run();
