import { resolve } from "node:path";
import type { Command } from "commander";
import { addServerOptions, askServer, type ServerFlags } from "./ask_server.ts";
import { summary } from "./backup_command.ts";
import { ProgressLine } from "./copy_command.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { withStoredData } from "./stored_data.ts";
import { writeBackup } from "./write_backup.ts";

interface BackupFlags extends ServerFlags {
  readonly from?: string;
  readonly fromLog?: string;
}

const INSTEAD = "copy a stopped one (--from)";

const HELP = `
The server itself writes the folder, on its own machine, and serves meanwhile. With --from the data
of a stopped server is copied instead. Environment: ZOOKIT_ADMIN_AUTH is the default of --auth.`;

/** `zookit backup`: copies the data of a server to a new folder. */
export function addBackupCommand(program: Command, done: (exitCode: number) => void): void {
  const command = program
    .command("backup")
    .description("copy the data of a running or a stopped server to a new folder, and check it")
    .argument("<folder>", "new folder for the backup");
  addServerOptions(command)
    .option("--from <folder>", "data folder of a stopped server")
    .option("--from-log <folder>", "its dataLogDir, for Apache ZooKeeper")
    .addHelpText("after", HELP)
    .action(async (folder: string, flags: BackupFlags) => {
      const path = resolve(folder);
      const { from, fromLog } = flags;
      const ask = () => askServer({ command: "backup", path, instead: INSTEAD }, flags);
      done(await (from === undefined ? ask() : copy(path, from, fromLog)));
    });
}

async function copy(path: string, folder: string, logFolder?: string): Promise<number> {
  return withStoredData({ folder, logFolder }, async ({ storage }) => {
    const shown = new ProgressLine();
    try {
      await storage.open();
      const made = await writeBackup(storage, path, (progress) => shown.show(progress));
      shown.end();
      console.log(`${path}: ${summary(made)}`);
      return EXIT_CODES.ok;
    } finally {
      shown.end();
    }
  });
}
