import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { ApacheStorage } from "../storage/apache/mod.ts";
import { SqliteStorage } from "../storage/sqlite/mod.ts";
import { runCopy } from "./copy_command.ts";

interface ExportFlags {
  readonly from: string;
  readonly to: string;
  readonly toLog?: string;
}

/** `zookit export`: copies the data of a Zookit server to the files of Apache ZooKeeper. */
export function addExportCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command("export")
    .description("copy the data of a stopped Zookit server to files for Apache ZooKeeper")
    .requiredOption("--from <folder>", "data folder of the Zookit server, with SQLite files")
    .requiredOption("--to <folder>", "new dataDir for the Apache server")
    .option("--to-log <folder>", "its dataLogDir, if that is another one")
    .action(async ({ from, to, toLog }: ExportFlags) => {
      const isThere = existsSync(join(from, "log.db"));
      const missing = isThere ? undefined : `${from} has no log.db: is it a data folder?`;
      const target = new ApacheStorage({ dataDir: to, dataLogDir: toLog });
      done(await runCopy({ missing, source: new SqliteStorage({ path: from }), target }));
    });
}
