import type { Command } from "commander";
import { summary } from "./backup_command.ts";
import { ProgressLine } from "./copy_command.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { withStoredData } from "./stored_data.ts";
import { writeBackup } from "./write_backup.ts";

interface RestoreFlags {
  readonly to: string;
}

const HELP = `
The server that is to use the folder must not run yet. Stop the old server first, and keep its data
folder: nothing is overwritten. See docs/operations.md for what clients will notice.`;

/** `zookit restore`: copies a backup to a new data folder, and checks what was copied. */
export function addRestoreCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command("restore")
    .description("copy a backup to a new data folder for zookit serve, and check it")
    .argument("<backup>", "folder that zookit backup has written")
    .requiredOption("--to <folder>", "new data folder")
    .addHelpText("after", HELP)
    .action(async (folder: string, { to }: RestoreFlags) => {
      const exitCode = await withStoredData({ folder }, async ({ storage }) => {
        const shown = new ProgressLine();
        try {
          await storage.open();
          const made = await writeBackup(storage, to, (progress) => shown.show(progress));
          shown.end();
          console.log(`${to}: ${summary(made)}`);
          return EXIT_CODES.ok;
        } finally {
          shown.end();
        }
      });
      done(exitCode);
    });
}
