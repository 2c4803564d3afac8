import type { Command } from "commander";
import { locateNodeRecord, type NodeRecord } from "../core/contracts/node_record.ts";
import type { Storage } from "../core/contracts/storage.ts";
import { JuteReader } from "../core/wire/jute.ts";
import { formatZxid } from "../core/wire/zxid.ts";
import { aclText, dataFields, fieldsText, type TxnFields } from "./describe_txn.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { printLines } from "./print_lines.ts";
import { withStoredData } from "./stored_data.ts";

interface SnapshotFlags {
  readonly logDir?: string;
  readonly json?: true;
  readonly data?: true;
}

/** `zookit snapshot`: prints the checkpoint that a data folder holds. */
export function addSnapshotCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command("snapshot")
    .description("print the znodes and sessions of the last checkpoint of a stopped server")
    .argument("<folder>", "data folder of Zookit, or dataDir of Apache ZooKeeper")
    .option("--log-dir <folder>", "dataLogDir of Apache ZooKeeper, if that is another one")
    .option("--json", "print JSON, one object a line")
    .option("--data", "print data of znodes too, in base64")
    .addHelpText("after", "\nWhat came after the checkpoint is in the log: zookit log")
    .action(async (folder: string, { logDir, json, data }: SnapshotFlags) => {
      const exitCode = await withStoredData({ folder, logFolder: logDir }, async ({ storage }) => {
        await storage.open();
        await printLines(snapshotLines(storage, { json: json === true, withData: data === true }));
        return EXIT_CODES.ok;
      });
      done(exitCode);
    });
}

async function* snapshotLines(
  storage: Storage,
  { json, withData }: { readonly json: boolean; readonly withData: boolean },
): AsyncGenerator<string> {
  const { zxid, slices } = storage.load();
  const show = (fields: TxnFields): string =>
    json ? JSON.stringify(fields) : fieldsText(fields, ["path"]);
  const acls = new Map<number, readonly string[]>([[-1, ["world:anyone:rwcda"]]]);
  const record: NodeRecord = { pathStart: 0, pathEnd: 0, aclAt: 0, end: 0 };
  let znodes = 0;
  let sessions = 0;
  for await (const slice of slices) {
    for (const { id, timeoutMs } of slice.sessions ?? []) {
      sessions += 1;
      yield show({ session: id.toString(), timeoutMs });
    }
    for (const list of slice.acls) acls.set(list.id, list.acls.map(aclText));
    for (let at = 0; at < slice.nodes.length; at = record.end) {
      locateNodeRecord(slice.nodes, at, record);
      znodes += 1;
      yield show(nodeFields(new JuteReader(slice.nodes, at, record.end), acls, withData));
    }
  }
  yield show({ checkpoint: `0x${formatZxid(zxid)}`, znodes, sessions });
}

/** The fields of a node record (PP 1.2), under the names of Apache's Stat. */
function nodeFields(
  reader: JuteReader,
  acls: ReadonlyMap<number, readonly string[]>,
  withData: boolean,
): TxnFields {
  const hex = (): string => `0x${formatZxid(reader.long())}`;
  const time = (): string => new Date(reader.long()).toISOString();
  const path = reader.text();
  const data = reader.buffer();
  const acl = acls.get(reader.long());
  return {
    path: path === "" ? "/" : path,
    czxid: hex(),
    mzxid: hex(),
    ctime: time(),
    mtime: time(),
    version: reader.int(),
    cversion: reader.int(),
    aversion: reader.int(),
    ephemeralOwner: `0x${BigInt.asUintN(64, reader.bigint()).toString(16)}`,
    pzxid: hex(),
    acl,
    ...dataFields(data, withData),
  };
}
