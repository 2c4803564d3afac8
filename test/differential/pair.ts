import type { Program } from "./program.ts";
import { Runner } from "./runner.ts";
import { askWord, type Server, type ServerKind, startServer } from "./servers.ts";
import { transactionsOf } from "./transaction_log.ts";
import type { Transcript } from "./transcript.ts";
import { DigestedTree, type DigestReport } from "./tree_digest.ts";
import type { Variant } from "./variants.ts";

/** Two servers that get the same programs from the start of their lives, so run alike. */
export class ServerPair {
  readonly servers: readonly [Server, Server];
  readonly #runners: readonly [Runner, Runner];

  static async start(kinds: readonly [ServerKind, ServerKind], as: Variant): Promise<ServerPair> {
    const [first, second] = kinds;
    return new ServerPair(await Promise.all([startServer(first, as), startServer(second, as)]));
  }

  private constructor(servers: readonly [Server, Server]) {
    this.servers = servers;
    this.#runners = [new Runner(servers[0]), new Runner(servers[1])];
  }

  run(program: Program): Promise<[Transcript, Transcript]> {
    const [first, second] = this.#runners;
    return Promise.all([first.run(program), second.run(program)]);
  }

  /** Stops both and removes their files. */
  async end(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
    for (const server of this.servers) server.discard();
  }

  /** Stops both, and compares every digest that they told with the rule. */
  async endWithDigests(): Promise<[DigestReport, DigestReport]> {
    const [first, second] = this.servers;
    const told = await Promise.all([toldDigests(first), toldDigests(second)]);
    await Promise.all([first.stop(), second.stop()]);
    const reports: [DigestReport, DigestReport] = [
      await readDigests(first, told[0]),
      await readDigests(second, told[1]),
    ];
    await this.end();
    return reports;
  }
}

type ToldDigests = {
  /** Lines of the word `hash`: zxid and digest of the tree after it. */
  readonly lines: readonly string[];
  /** Transactions after which the tree was not as announced, by the server's own account. */
  readonly mismatchCount: number;
};

async function toldDigests({ port }: Server): Promise<ToldDigests> {
  const [hash, mntr] = [await askWord(port, "hash"), await askWord(port, "mntr")];
  const count = /^zk_digest_mismatches_count\t(\d+)/m.exec(mntr)?.[1];
  return { lines: hash.split("\n").filter((line) => line !== ""), mismatchCount: Number(count) };
}

/**
 * Reads the log of a stopped server. Apache itself announces a wrong digest when changes to the
 * root by its two names, "" and "/", are under way at once; it counts these, and no more are let
 * pass. What a tree has, as `hash` tells, is always by the rule.
 */
async function readDigests(server: Server, told: ToldDigests): Promise<DigestReport> {
  const tree = new DigestedTree();
  for await (const transaction of transactionsOf(server)) tree.apply(transaction);
  const { report } = tree;
  if (report.mismatches.length === told.mismatchCount) report.mismatches.length = 0;
  else {
    const counts = `${report.mismatches.length} by the rule, ${told.mismatchCount} by its own`;
    report.mismatches.unshift(`announced and not so: ${counts} account`);
  }
  report.hashLineCount = told.lines.length;
  for (const line of told.lines) {
    const [zxid = "", digest = ""] = line.split(": ");
    const noted = report.noted.get(BigInt(`0x${zxid}`));
    if (noted !== BigInt(digest)) report.mismatches.push(`hash says ${line}, the log ${noted}`);
  }
  return report;
}
