import type { Command } from "commander";
import type { AdminLine } from "./backup_command.ts";
import { ProgressLine } from "./copy_command.ts";
import { EXIT_CODES } from "./exit_codes.ts";

/** Which server is asked, and by whom. */
export interface ServerFlags {
  readonly server: string;
  readonly auth: string;
}

/** What is asked of it. */
export interface Question {
  readonly command: "backup" | "restore";
  /** The folder, on the server's machine. */
  readonly path: string;
  /** What else can be done, when nobody answers. */
  readonly instead: string;
}

/** Adds the options that become {@link ServerFlags}. */
export function addServerOptions(command: Command): Command {
  const me = process.env["ZOOKIT_ADMIN_AUTH"] ?? "ip";
  return command
    .option("--server <url>", "admin server", "http://127.0.0.1:8080/commands")
    .option("--auth <text>", "who asks: digest user:password", me);
}

/**
 * Asks a running server for an admin command, with its progress on standard error and the outcome
 * on standard output.
 *
 * @returns one of `EXIT_CODES`.
 */
export async function askServer(question: Question, flags: ServerFlags): Promise<number> {
  const { command, path, instead } = question;
  const { server, auth } = flags;
  const url = `${server.replace(/\/+$/, "")}/${command}?path=${encodeURIComponent(path)}`;
  let answer: Response;
  try {
    answer = await fetch(url, { method: "POST", headers: { authorization: auth } });
  } catch (error) {
    const { cause = error } = error as Error;
    console.error(`zookit: no answer from ${server}: ${(cause as Error).message}`);
    console.error(`zookit: name the admin server (--server), or ${instead}`);
    return EXIT_CODES.address;
  }
  const shown = new ProgressLine();
  let last: AdminLine = { error: `the server ended before the ${command} was whole` };
  try {
    for await (const line of linesOf(answer)) {
      if (line.step === undefined) last = line;
      else shown.show({ step: line.step, count: line.count ?? 0 });
    }
  } catch (error) {
    last = { error: `${server}: ${(error as Error).message}` };
  }
  shown.end();
  const outcome = last.backup ?? (last.restored && `restored ${last.restored}`);
  if (outcome !== undefined) {
    console.log(`${path}: ${outcome}`);
    return EXIT_CODES.ok;
  }
  console.error(`zookit: ${last.error ?? `${server} answered with status ${answer.status}`}`);
  if (answer.status === 401 || answer.status === 403) {
    console.error('zookit: name who has every permission on /: --auth "digest user:password"');
  }
  return EXIT_CODES.storage;
}

function parseAnswer(text: string): AdminLine {
  try {
    return JSON.parse(text) as AdminLine;
  } catch {
    return { error: "no admin server answers there; its address ends in /commands (--server)" };
  }
}

async function* linesOf(answer: Response): AsyncGenerator<AdminLine> {
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
    for (const line of lines) yield JSON.parse(line) as AdminLine;
  }
}
