import { OPCODES } from "../../core/wire/opcodes.ts";
import { formatZxid, type Zxid } from "../../core/wire/zxid.ts";
import type { Committed } from "./committed.ts";
import type { Call, Findings } from "./history.ts";
import { byClient, zxidSeen } from "./read_rules.ts";

/**
 * Whoever asks for the members is told those of a committed transaction, or the first ones; and
 * never older ones than those that a former reply of the session knew.
 *
 * @param first lines of the first members.
 */
export function checkMembers(
  calls: readonly Call[],
  committed: Committed,
  first: readonly string[],
): Findings {
  const findings: Findings = [];
  const made = new Map<Zxid, string>();
  for (const { zxid, body } of committed.txns) {
    if (body.type !== OPCODES.reconfig) continue;
    made.set(zxid, linesOf(new TextDecoder().decode(body.data ?? undefined).split("\n")));
  }
  for (const own of byClient(calls).values()) {
    let seen: Zxid = 0;
    for (const call of own) {
      const { outcome, client } = call;
      if (outcome.kind === "members") {
        const { members, version } = outcome;
        const known = made.get(version) ?? linesOf(first);
        const newest = Math.max(0, ...[...made.keys()].filter((zxid) => zxid <= seen));
        const so = `client ${client} was told the members of ${formatZxid(version)}`;
        if (linesOf(members) !== known) findings.push(`${so}, which were others: ${members}`);
        if (version < newest) findings.push(`${so} after those of ${formatZxid(newest)}`);
        seen = Math.max(seen, version);
      }
      seen = Math.max(seen, zxidSeen(call) ?? 0);
    }
  }
  return findings;
}

/** In an order of its own; the version is no member. */
function linesOf(lines: readonly string[]): string {
  return lines
    .filter((line) => !line.startsWith("version="))
    .sort()
    .join("\n");
}
