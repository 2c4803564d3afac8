import { resolve } from "node:path";
import type { Command } from "commander";
import { type BackupLine, summary } from "./backup_command.ts";
import { ProgressLine } from "./copy_command.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { withStoredData } from "./stored_data.ts";
import { writeBackup } from "./write_backup.ts";

interface BackupFlags {
  readonly from?: string;
  readonly fromLog?: string;
  readonly server: string;
  readonly auth: string;
}

const HELP = `
The server itself writes the folder, on its own machine, and serves meanwhile. With --from the data
of a stopped server is copied instead. Environment: ZOOKIT_ADMIN_AUTH is the default of --auth.`;

/** `zookit backup`: copies the data of a server to a new folder. */
export function addBackupCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command("backup")
    .description("copy the data of a running or a stopped server to a new folder, and check it")
    .argument("<folder>", "new folder for the backup")
    .option("--server <url>", "admin server", "http://127.0.0.1:8080/commands")
    .option(
      "--auth <text>",
      "who asks: digest user:password",
      process.env["ZOOKIT_ADMIN_AUTH"] ?? "ip",
    )
    .option("--from <folder>", "data folder of a stopped server")
    .option("--from-log <folder>", "its dataLogDir, for Apache ZooKeeper")
    .addHelpText("after", HELP)
    .action(async (folder: string, flags: BackupFlags) => {
      const path = resolve(folder);
      const { from, fromLog } = flags;
      done(from === undefined ? await ask(path, flags) : await copy(path, from, fromLog));
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

async function ask(path: string, { server, auth }: BackupFlags): Promise<number> {
  const url = `${server.replace(/\/+$/, "")}/backup?path=${encodeURIComponent(path)}`;
  let answer: Response;
  try {
    answer = await fetch(url, { method: "POST", headers: { authorization: auth } });
  } catch (error) {
    const { cause = error } = error as Error;
    console.error(`zookit: no answer from ${server}: ${(cause as Error).message}`);
    console.error("zookit: name the admin server (--server), or copy a stopped one (--from)");
    return EXIT_CODES.address;
  }
  const shown = new ProgressLine();
  let last: BackupLine = { error: "the server ended before the backup was whole" };
  try {
    for await (const line of linesOf(answer)) {
      if (line.step === undefined) last = line;
      else shown.show({ step: line.step, count: line.count ?? 0 });
    }
  } catch (error) {
    last = { error: `${server}: ${(error as Error).message}` };
  }
  shown.end();
  if (last.backup !== undefined) {
    console.log(`${path}: ${last.backup}`);
    return EXIT_CODES.ok;
  }
  console.error(`zookit: ${last.error ?? `${server} answered with status ${answer.status}`}`);
  if (answer.status === 401 || answer.status === 403) {
    console.error('zookit: name who has every permission on /: --auth "digest user:password"');
  }
  return EXIT_CODES.storage;
}

function parseAnswer(text: string): BackupLine {
  try {
    return JSON.parse(text) as BackupLine;
  } catch {
    return { error: "no admin server answers there; its address ends in /commands (--server)" };
  }
}

async function* linesOf(answer: Response): AsyncGenerator<BackupLine> {
  const isStream = answer.headers.get("content-type") === "application/octet-stream";
  if (!isStream || answer.body === null) {
    yield parseAnswer(await answer.text());
    return;
  }
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of answer.body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as BackupLine;
  }
}
