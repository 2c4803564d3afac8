import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { chooseStorage, storageNotice } from "../../cli/choose_storage.ts";
import { defaultConfig, type ServerConfig } from "../../cli/config/server_config.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "zookit-choice-"));
test.after(() => rmSync(FOLDER, { recursive: true }));

function choice(settings: Partial<ServerConfig>): [string, string | undefined] {
  const config = { ...defaultConfig(), ...settings };
  return [chooseStorage(config).name, storageNotice(config)];
}

test("a new folder gets SQLite's files, and none keeps everything in memory", () => {
  assert.equal(choice({ dataDir: join(FOLDER, "new") }), ["storage-sqlite", undefined]);
  assert.equal(choice({ dataDir: undefined }), ["storage-memory", undefined]);
});

test("an Apache server's folder is used as it is, which is said", () => {
  const dataDir = join(FOLDER, "apache");
  mkdirSync(join(dataDir, "version-2"), { recursive: true });
  const [name, notice] = choice({ dataDir, dataLogDir: join(FOLDER, "log") });
  assert.is(name, "storage-apache");
  assert.match(notice ?? "", `${dataDir} holds the files of an Apache ZooKeeper server`);
});

test("where both are, SQLite's are the newer ones", () => {
  const dataDir = join(FOLDER, "both");
  mkdirSync(join(dataDir, "version-2"), { recursive: true });
  writeFileSync(join(dataDir, "log.db"), "");
  assert.equal(choice({ dataDir }), ["storage-sqlite", undefined]);
});

test("a dataLogDir that SQLite cannot use is named", () => {
  const dataDir = join(FOLDER, "new");
  const [, notice] = choice({ dataDir, dataLogDir: "/datalog" });
  assert.match(notice ?? "", /^dataLogDir has no effect/);
  assert.equal(choice({ dataDir, dataLogDir: dataDir })[1], undefined);
});

test.run();
