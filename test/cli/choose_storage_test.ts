import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { chooseStorage, storageNotice } from "../../cli/choose_storage.ts";
import { defaultConfig, type ServerConfig } from "../../cli/config/server_config.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "zookit-choice-"));
test.after(() => rmSync(FOLDER, { recursive: true }));

async function choice(settings: Partial<ServerConfig>): Promise<[string, string | undefined]> {
  const config = { ...defaultConfig(), ...settings };
  return [(await chooseStorage(config)).name, storageNotice(config)];
}

test("a new folder gets SQLite's files, and none keeps everything in memory", async () => {
  assert.equal(await choice({ dataDir: join(FOLDER, "new") }), ["storage-sqlite", undefined]);
  assert.equal(await choice({ dataDir: undefined }), ["storage-memory", undefined]);
});

test("an Apache server's folder is used as it is, which is said", async () => {
  const dataDir = join(FOLDER, "apache");
  mkdirSync(join(dataDir, "version-2"), { recursive: true });
  const [name, notice] = await choice({ dataDir, dataLogDir: join(FOLDER, "log") });
  assert.is(name, "storage-apache");
  assert.match(notice ?? "", `${dataDir} holds the files of an Apache ZooKeeper server`);
});

test("where both are, SQLite's are the newer ones", async () => {
  const dataDir = join(FOLDER, "both");
  mkdirSync(join(dataDir, "version-2"), { recursive: true });
  writeFileSync(join(dataDir, "log.db"), "");
  assert.equal(await choice({ dataDir }), ["storage-sqlite", undefined]);
});

test("a dataLogDir that SQLite cannot use is named", async () => {
  const dataDir = join(FOLDER, "new");
  const [, notice] = await choice({ dataDir, dataLogDir: "/datalog" });
  assert.match(notice ?? "", /^dataLogDir has no effect/);
  assert.equal((await choice({ dataDir, dataLogDir: dataDir }))[1], undefined);
});

test.run();
