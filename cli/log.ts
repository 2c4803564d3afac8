import type { Command } from "commander";
import { partOfBatch } from "../core/contracts/log_batch.ts";
import type { Storage } from "../core/contracts/storage.ts";
import { readTxn } from "../core/tree/txn.ts";
import { getInt } from "../core/wire/jute.ts";
import { ZXID_ZERO, type Zxid } from "../core/wire/zxid.ts";
import { fieldsText, txnFields } from "./describe_txn.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { printLines } from "./print_lines.ts";
import { withStoredData } from "./stored_data.ts";

interface LogFlags {
  readonly logDir?: string;
  readonly from?: string;
  readonly to?: string;
  readonly json?: true;
  readonly data?: true;
}

/** What of a log is shown, and how. */
interface LogView {
  readonly from: Zxid;
  readonly to: Zxid;
  readonly json: boolean;
  readonly withData: boolean;
}

/** `zookit log`: prints the transactions that a data folder holds. */
export function addLogCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command("log")
    .description("print the transactions in the data folder of a stopped server, one a line")
    .argument("<folder>", "data folder of Zookit, or dataDir of Apache ZooKeeper")
    .option("--log-dir <folder>", "dataLogDir of Apache ZooKeeper, if that is another one")
    .option("--from <zxid>", "leave out those before, for example 0x1f")
    .option("--to <zxid>", "leave out those behind")
    .option("--json", "print JSON, one object a line")
    .option("--data", "print data of znodes too, in base64")
    .action(async (folder: string, flags: LogFlags) => {
      const view = {
        from: zxidOf(flags.from) ?? ZXID_ZERO,
        to: zxidOf(flags.to) ?? Number.MAX_SAFE_INTEGER,
        json: flags.json === true,
        withData: flags.data === true,
      };
      if (!Number.isSafeInteger(view.from) || !Number.isSafeInteger(view.to)) {
        console.error("zookit: a zxid is a number, for example 0x1f or 31");
        return done(EXIT_CODES.usage);
      }
      const exitCode = await withStoredData(
        { folder, logFolder: flags.logDir },
        async ({ storage }) => {
          await storage.open();
          await printLines(logLines(storage, view));
          return EXIT_CODES.ok;
        },
      );
      done(exitCode);
    });
}

function zxidOf(text: string | undefined): Zxid | undefined {
  if (text === undefined) return undefined;
  return /^(?:0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
}

async function* logLines(storage: Storage, view: LogView): AsyncGenerator<string> {
  for await (const batch of storage.read(Math.max(ZXID_ZERO, view.from) - 1)) {
    const part = partOfBatch(batch, view.from - 1, view.to);
    if (part !== undefined) {
      const { bytes } = part;
      for (let at = 0; at < bytes.length; ) {
        const end = at + 4 + getInt(bytes, at);
        const fields = txnFields(readTxn(bytes, at + 4, end), view.withData);
        const bare = ["zxid", "time", "type", "path"];
        yield view.json ? JSON.stringify(fields) : fieldsText(fields, bare);
        at = end;
      }
    }
    if (batch.lastZxid >= view.to) return;
  }
}
