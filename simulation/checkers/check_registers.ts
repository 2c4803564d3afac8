import { formatZxid, type Zxid } from "../../core/wire/zxid.ts";
import { registerCalls } from "./check_history.ts";
import type { Call, Findings } from "./history.ts";
import { isLinearizable } from "./linearizable.ts";
import { checkRealTime, textOf, zxidOfWrite } from "./write_rules.ts";

/**
 * What clients alone can tell, without any server's log: that each znode is a linearizable register
 * for its writes and for reads behind a sync or an own write, that acknowledged writes stand in the
 * order of real time, and that each client's requests were answered in its own order.
 *
 * @param calls of each client in the order of its calls.
 * @param paths of the znodes.
 */
export function checkRegisters(calls: readonly Call[], paths: readonly string[]): Findings {
  return [
    ...checkRealTime(calls),
    ...checkClientOrder(calls),
    ...paths
      .filter((path) => !isLinearizable(registerCalls(calls, path)))
      .map((path) => `no order explains what was read from and written to ${path}`),
  ];
}

/** Of one client, a later answer never shows an older transaction than an earlier one. */
function checkClientOrder(calls: readonly Call[]): Findings {
  const findings: Findings = [];
  const latest = new Map<number, { readonly zxid: Zxid; readonly isWrite: boolean }>();
  for (const call of calls) {
    const { client, outcome } = call;
    const written = zxidOfWrite(call);
    const zxid = written ?? (outcome.kind === "data" ? outcome.zxid : undefined);
    if (zxid === undefined) continue;
    const before = latest.get(client);
    const isWrite = written !== undefined;
    const isTwice = isWrite && before?.isWrite === true && before.zxid === zxid;
    if (before !== undefined && (zxid < before.zxid || isTwice)) {
      const order = `${formatZxid(zxid)} after ${formatZxid(before.zxid)}`;
      findings.push(`client ${client}: ${textOf(call)} is of ${order}`);
    }
    latest.set(client, { zxid, isWrite });
  }
  return findings;
}
