import { type IncomingMessage, request as requestByHttp } from "node:http";
import { request as requestByHttps } from "node:https";
import { text } from "node:stream/consumers";
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
  let answer: IncomingMessage;
  try {
    answer = await post(url, auth);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    console.error(`zookit: no answer from ${server}: ${message || code}`);
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
  console.error(`zookit: ${last.error ?? `${server} answered with status ${answer.statusCode}`}`);
  if (answer.statusCode === 401 || answer.statusCode === 403) {
    console.error('zookit: name who has every permission on /: --auth "digest user:password"');
  }
  return EXIT_CODES.storage;
}

/** Waits as long as it takes, unlike `fetch`, which would give up before a large tree is stored. */
function post(url: string, auth: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith("https:") ? requestByHttps : requestByHttp;
    const headers = { authorization: auth, "content-length": 0 };
    request(url, { method: "POST", agent: false, headers }, resolve).on("error", reject).end();
  });
}

function parseAnswer(answer: string): AdminLine {
  try {
    return JSON.parse(answer) as AdminLine;
  } catch {
    return { error: "no admin server answers there; its address ends in /commands (--server)" };
  }
}

async function* linesOf(answer: IncomingMessage): AsyncGenerator<AdminLine> {
  if (answer.headers["content-type"] !== "application/octet-stream") {
    yield parseAnswer(await text(answer));
    return;
  }
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of answer) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as AdminLine;
  }
}
