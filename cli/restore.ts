import { resolve } from "node:path";
import type { Command } from "commander";
import { addServerOptions, askServer, type ServerFlags } from "./ask_server.ts";
import { summary } from "./backup_command.ts";
import { ProgressLine } from "./copy_command.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { withStoredData } from "./stored_data.ts";
import { findUnfinished, writeBackup } from "./write_backup.ts";

interface RestoreFlags extends ServerFlags {
  readonly to?: string;
}

const INSTEAD = "make a folder for one that is to start (--to)";

const HELP = `
The running server, which must stand alone, reads the folder on its own machine, checks it, lets its
clients go, and serves what was in it; what it had is gone. With --to a new data folder is made
instead, for a server that does not run yet: then nothing is overwritten. See docs/operations.md for
what clients will notice. Environment: ZOOKIT_ADMIN_AUTH is the default of --auth.`;

/** `zookit restore`: gives a backup to a running server, or copies it for one that is to start. */
export function addRestoreCommand(program: Command, done: (exitCode: number) => void): void {
  const command = program
    .command("restore")
    .description("check a backup, and replace by it what a running server has, or copy it")
    .argument("<backup>", "folder that zookit backup has written")
    .option("--to <folder>", "new data folder, for a server that does not run yet");
  addServerOptions(command)
    .addHelpText("after", HELP)
    .action(async (folder: string, flags: RestoreFlags) => {
      const { to } = flags;
      // An unset variable of a script must not stand for the folder that one is in.
      if (folder === "" || to === "") {
        console.error("zookit: name the backup; an empty name is none");
        return done(EXIT_CODES.usage);
      }
      const path = resolve(folder);
      const ask = () => askServer({ command: "restore", path, instead: INSTEAD }, flags);
      done(await (to === undefined ? ask() : copy(folder, to)));
    });
}

async function copy(folder: string, to: string): Promise<number> {
  const unfinished = findUnfinished(folder);
  if (unfinished !== undefined) {
    console.error(`zookit: ${unfinished}`);
    return EXIT_CODES.storage;
  }
  return withStoredData({ folder }, async ({ storage }) => {
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
}
