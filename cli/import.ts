import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { ApacheStorage } from "../storage/apache/mod.ts";
import { SqliteStorage } from "../storage/sqlite/mod.ts";
import { runCopy } from "./copy_command.ts";

interface ImportFlags {
  readonly from: string;
  readonly fromLog?: string;
  readonly to: string;
}

/** `zookit import`: copies the data of an Apache ZooKeeper server to SQLite. */
export function addImportCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command("import")
    .description("copy the data of a stopped Apache ZooKeeper server to SQLite files")
    .requiredOption("--from <folder>", "dataDir of the Apache server")
    .option("--from-log <folder>", "its dataLogDir, if that is another one")
    .requiredOption("--to <folder>", "new data folder for zookit serve --data-dir")
    .action(async ({ from, fromLog, to }: ImportFlags) => {
      const isThere = existsSync(join(from, "version-2"));
      const missing = isThere ? undefined : `${from} has no folder version-2: is it a dataDir?`;
      const source = new ApacheStorage({ dataDir: from, dataLogDir: fromLog });
      done(await runCopy({ missing, source, target: new SqliteStorage({ path: to }) }));
    });
}
