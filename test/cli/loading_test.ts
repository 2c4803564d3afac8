import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const IMPORT = /^(?:import|export) (?!type )(?:[^;"]*from )?"([^"]+)";/gm;

/** A file, and the files and packages that must be loaded before it runs. */
function loadedWith(file: string, loaded: Set<string> = new Set()): Set<string> {
  if (loaded.has(file)) return loaded;
  loaded.add(file);
  if (!file.endsWith(".ts")) return loaded;
  const text = readFileSync(posix.join(ROOT, file), "utf8");
  for (const [, name = ""] of text.matchAll(IMPORT)) {
    const isRelative = name.startsWith(".");
    loadedWith(isRelative ? posix.join(posix.dirname(file), name) : name, loaded);
  }
  return loaded;
}

test("a start waits for nothing that only other configurations or sub-commands need", () => {
  const loaded = [...loadedWith("cli/main.ts"), ...loadedWith("cli/serve.ts")];
  assert.ok(loaded.includes("core/kernel/server.ts") && loaded.includes("commander"));
  const folders = ["client/", "storage/", "transports/websocket/", "plugins/audit/"];
  assert.equal(
    loaded.filter((file) => folders.some((folder) => file.startsWith(folder))),
    [],
  );
  const names = [
    "mod.ts",
    "cli/backup.ts",
    "plugins/admin/admin_server.ts",
    "plugins/auth/sasl.ts",
    "plugins/zab/driver.ts",
    "transports/tcp/tls_transport.ts",
    "prom-client",
  ];
  assert.equal(
    names.filter((name) => loaded.includes(name)),
    [],
  );
});

test.run();
