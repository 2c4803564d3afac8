import type { Committed } from "./committed.ts";
import type { Call, Findings } from "./history.ts";
import { isLinearizable, type RegisterCall, type RegisterOutcome } from "./linearizable.ts";
import {
  checkReadsTellTheTruth,
  checkSessionsGoForward,
  checkWatchBeforeRead,
} from "./read_rules.ts";
import { checkRealTime, checkSequences, checkWritesOnceInOrder } from "./write_rules.ts";

/**
 * Everything that clients of ZooKeeper may rely on, checked on what they did and what the ensemble
 * says that it committed.
 *
 * @param calls of each client in the order of its calls.
 * @param registers paths of znodes whose writes and strict reads are also checked alone, as a
 * linearizable register, without believing in any zxid.
 */
export function checkHistory(
  calls: readonly Call[],
  committed: Committed,
  registers: readonly string[],
): Findings {
  return [
    ...committed.findings,
    ...checkWritesOnceInOrder(calls, committed),
    ...checkRealTime(calls),
    ...checkSequences(calls),
    ...checkReadsTellTheTruth(calls, committed),
    ...checkSessionsGoForward(calls, committed),
    ...checkWatchBeforeRead(calls, committed),
    ...registers
      .filter((path) => !isLinearizable(registerCalls(calls, path)))
      .map((path) => `no order explains what was read from and written to ${path}`),
  ];
}

/**
 * The calls on one znode: single writes, and those reads that directly follow an acknowledged write
 * or sync of their session. Such a read is linearizable between the call of that write or sync and
 * its own return; others may be old.
 */
export function registerCalls(calls: readonly Call[], path: string): RegisterCall[] {
  const found: RegisterCall[] = [];
  const barrierBegan = new Map<number, number>();
  for (const call of calls) {
    const { client, operation, outcome, calledAt, returnedAt } = call;
    if (operation.kind === "get" && operation.path === path) {
      const beganAt = barrierBegan.get(client);
      const result = readOutcome(call);
      if (beganAt === undefined || result === undefined) continue;
      found.push({ operation: { kind: "read" }, outcome: result, calledAt: beganAt, returnedAt });
    }
    const isWrite = operation.kind === "set" || operation.kind === "create";
    const isBarrier = isWrite || operation.kind === "sync";
    if (isBarrier && outcome.kind === "done") barrierBegan.set(client, calledAt);
    else barrierBegan.delete(client);
    const isHere = (isWrite || operation.kind === "delete") && operation.path === path;
    if (!isHere) continue;
    found.push({ operation, outcome: writeOutcome(call), calledAt, returnedAt });
  }
  return found;
}

function readOutcome({ outcome }: Call): RegisterOutcome | undefined {
  if (outcome.kind === "data") {
    return { kind: "value", data: outcome.data, version: outcome.stat.version };
  }
  return outcome.kind === "refused" && outcome.error === "NoNode" ? { kind: "NoNode" } : undefined;
}

function writeOutcome({ outcome }: Call): RegisterOutcome {
  if (outcome.kind === "done") return { kind: "done", version: outcome.stats[0]?.version ?? 0 };
  if (outcome.kind !== "refused") return { kind: "unknown" };
  const { error } = outcome;
  const isDecided = error === "NoNode" || error === "NodeExists" || error === "BadVersion";
  return isDecided ? { kind: error } : { kind: "unknown" };
}
