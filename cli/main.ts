import { Command, CommanderError } from "commander";
import { ZOOKIT_VERSION } from "../plugins/admin/mod.ts";
import { addBackupCommand } from "./backup.ts";
import { addCheckCommand } from "./check.ts";
import { addEnsembleCommand } from "./ensemble.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { addExportCommand } from "./export.ts";
import { addImportCommand } from "./import.ts";
import { addKeysCommand } from "./keys.ts";
import { addLogCommand } from "./log.ts";
import { addRestoreCommand } from "./restore.ts";
import { addServeCommand } from "./serve.ts";
import { addSnapshotCommand } from "./snapshot.ts";

/**
 * Runs the `zookit` command.
 *
 * @param argv what stands after the command's name.
 * @returns the exit code, one of `EXIT_CODES`, once the sub-command has ended.
 */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode: number = EXIT_CODES.ok;
  const done = (code: number): void => {
    exitCode = code;
  };
  const program = new Command("zookit")
    .description("A ZooKeeper-compatible coordination server.")
    .version(ZOOKIT_VERSION)
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError("(run zookit help for what there is)");
  addServeCommand(program, done);
  addEnsembleCommand(program, done);
  addImportCommand(program, done);
  addExportCommand(program, done);
  addBackupCommand(program, done);
  addRestoreCommand(program, done);
  addCheckCommand(program, done);
  addLogCommand(program, done);
  addSnapshotCommand(program, done);
  addKeysCommand(program);
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has printed the message, or the help that was asked for.
    return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  }
  return exitCode;
}
