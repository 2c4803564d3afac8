import type { Command } from "commander";
import { type Storage, StorageError, type StorageState } from "../core/contracts/storage.ts";
import { readTxnHeader, TxnHeader } from "../core/tree/txn.ts";
import { getInt } from "../core/wire/jute.ts";
import { epochOf, formatZxid, ZXID_ZERO } from "../core/wire/zxid.ts";
import { digestText, recoverTree } from "./copy_storage.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { withStoredData } from "./stored_data.ts";
import { findUnfinished } from "./write_backup.ts";

/** `zookit check`: looks for damage in a data folder. */
export function addCheckCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command("check")
    .description("verify the data folder of a stopped server: checksums, order, tree digest")
    .argument("<folder>", "data folder of Zookit, or dataDir of Apache ZooKeeper")
    .option("--log-dir <folder>", "dataLogDir of Apache ZooKeeper, if that is another one")
    .addHelpText("after", "\nExit codes: 0 all is well; 2 wrong usage; 3 damaged or in use.")
    .action(async (folder: string, { logDir }: { readonly logDir?: string }) => {
      const exitCode = await withStoredData(
        { folder, logFolder: logDir },
        async ({ format, storage }) => {
          console.log(`folder      ${folder}, ${format}`);
          const unfinished = findUnfinished(folder);
          const problems = unfinished === undefined ? await check(storage) : [unfinished];
          for (const problem of problems) console.log(`damaged     ${problem}`);
          console.log(problems.length === 0 ? "all is well" : `${problems.length} found`);
          return problems.length === 0 ? EXIT_CODES.ok : EXIT_CODES.storage;
        },
      );
      done(exitCode);
    });
}

/** Tells on standard output what there is. @returns what is wrong with it. */
async function check(storage: Storage): Promise<string[]> {
  let state: StorageState;
  try {
    state = await storage.open();
  } catch (error) {
    if (!(error instanceof StorageError) || error.kind !== "damaged") throw error;
    return [error.message];
  }
  const hex = (zxid: number): string => `0x${formatZxid(zxid)}`;
  console.log(`epochs      accepted ${state.acceptedEpoch}, current ${state.currentEpoch}`);
  console.log(`checkpoint  ${hex(state.checkpointZxid)}`);
  const problems = [...(await storage.damage())];
  if (problems.length > 0) return problems;
  const log = await readLog(storage, state);
  console.log(`log         ${log.count} transactions, ${hex(log.first)} to ${hex(log.last)}`);
  const { tree, txnCount, isAsAnnounced } = await recoverTree(storage);
  console.log(`tree        ${tree.nodeCount} znodes, ${tree.sessions.size} sessions`);
  console.log(`digest      ${digestText(tree)} at ${hex(tree.lastZxid)}, ${txnCount} replayed`);
  if (!isAsAnnounced) log.problems.push("the tree is not the one that the log announces");
  return log.problems;
}

interface LogFindings {
  count: number;
  first: number;
  last: number;
  readonly problems: string[];
}

/** Walks through the log: above the checkpoint no transaction may be missing. */
async function readLog(storage: Storage, state: StorageState): Promise<LogFindings> {
  const found: LogFindings = { count: 0, first: 0, last: 0, problems: [] };
  const header = new TxnHeader();
  let previous = state.checkpointZxid;
  for await (const { bytes } of storage.read(ZXID_ZERO)) {
    for (let at = 0; at < bytes.length; at += 4 + getInt(bytes, at)) {
      readTxnHeader(header, bytes, at + 4);
      const { zxid } = header;
      if (found.count === 0) found.first = zxid;
      found.count += 1;
      found.last = zxid;
      if (zxid <= state.checkpointZxid) continue;
      if (zxid !== previous + 1 && epochOf(zxid) <= epochOf(previous)) {
        const gap = `0x${formatZxid(previous)} and 0x${formatZxid(zxid)}`;
        found.problems.push(`transactions between ${gap} are missing`);
      }
      previous = zxid;
    }
  }
  return found;
}
