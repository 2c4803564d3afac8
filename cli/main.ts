import { Command, CommanderError } from "commander";
import { ZOOKIT_VERSION } from "../plugins/admin/version.ts";
import { EXIT_CODES } from "./exit_codes.ts";

type AddCommand = (program: Command, done: (exitCode: number) => void) => void;

/** The sub-commands in the order of the help. Each is loaded when it is asked for. */
const COMMANDS: ReadonlyMap<string, () => Promise<AddCommand>> = new Map([
  ["serve", async () => (await import("./serve.ts")).addServeCommand],
  ["ensemble", async () => (await import("./ensemble.ts")).addEnsembleCommand],
  ["import", async () => (await import("./import.ts")).addImportCommand],
  ["export", async () => (await import("./export.ts")).addExportCommand],
  ["backup", async () => (await import("./backup.ts")).addBackupCommand],
  ["restore", async () => (await import("./restore.ts")).addRestoreCommand],
  ["check", async () => (await import("./check.ts")).addCheckCommand],
  ["log", async () => (await import("./log.ts")).addLogCommand],
  ["snapshot", async () => (await import("./snapshot.ts")).addSnapshotCommand],
  ["keys", async () => (await import("./keys.ts")).addKeysCommand],
]);

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
  const named = COMMANDS.get(argv[0] ?? "");
  // The help, and advice on a name that is none of theirs, are about all of them.
  const wanted = named === undefined ? [...COMMANDS.values()] : [named];
  for (const load of wanted) (await load())(program, done);
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has printed the message, or the help that was asked for.
    return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  }
  return exitCode;
}
