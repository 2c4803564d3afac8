import { errorName } from "../../core/errors/zk_error.ts";
import type { SubTxn, TxnBody } from "../../core/tree/txn.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { formatZxid, type Zxid } from "../../core/wire/zxid.ts";
import type { Committed, CommittedTxn } from "./committed.ts";
import type { Call, Change, Findings } from "./history.ts";

/** Refusals that only a transaction can have decided. */
const DECIDED = new Set(["NoNode", "NodeExists", "BadVersion", "NotEmpty"]);

/**
 * Each session's acknowledged writes are committed once, in the order of its calls, and nothing is
 * committed that it did not ask for.
 */
export function checkWritesOnceInOrder(calls: readonly Call[], committed: Committed): Findings {
  const findings: Findings = [];
  const bySession = new Map<bigint, Call[]>();
  for (const call of calls) {
    if (changesOf(call) === undefined) continue;
    const own = bySession.get(call.session);
    if (own === undefined) bySession.set(call.session, [call]);
    else own.push(call);
  }
  for (const [session, writes] of bySession) {
    const txns = (committed.bySession.get(session) ?? []).filter(
      ({ body }) => body.type !== OPCODES.createSession && body.type !== OPCODES.closeSession,
    );
    const problem = matchInOrder(writes, txns);
    if (problem !== undefined) findings.push(`session ${session.toString(16)}: ${problem}`);
  }
  return findings;
}

/**
 * What was acknowledged before another write was asked for comes before it in the order of zxids.
 */
export function checkRealTime(calls: readonly Call[]): Findings {
  const findings: Findings = [];
  const writes = calls
    .map((call) => ({ call, zxid: zxidOfWrite(call) }))
    .filter((write): write is { call: Call; zxid: Zxid } => write.zxid !== undefined);
  const byReturn = [...writes].sort((a, b) => a.call.returnedAt - b.call.returnedAt);
  let returned = 0;
  let highest = 0;
  for (const { call, zxid } of writes.sort((a, b) => a.call.calledAt - b.call.calledAt)) {
    for (; returned < byReturn.length; returned++) {
      const other = byReturn[returned] as { call: Call; zxid: Zxid };
      if (other.call.returnedAt > call.calledAt) break;
      highest = Math.max(highest, other.zxid);
    }
    if (zxid > highest) continue;
    const so = `is ${formatZxid(zxid)}, but ${formatZxid(highest)} had returned before it began`;
    findings.push(`client ${call.client}: ${textOf(call)} ${so}`);
  }
  return findings;
}

/** Numbers of sequential znodes rise in the order of their creation, and none comes twice. */
export function checkSequences(calls: readonly Call[]): Findings {
  const findings: Findings = [];
  const made = new Map<string, { zxid: Zxid; number: number }[]>();
  for (const { operation, outcome } of calls) {
    if (operation.kind !== "create" || operation.isSequential !== true) continue;
    const [stat] = outcome.kind === "done" ? outcome.stats : [];
    const [path] = outcome.kind === "done" ? outcome.paths : [];
    if (stat === undefined || path === undefined) continue;
    const parent = path.slice(0, path.lastIndexOf("/"));
    const list = made.get(parent) ?? [];
    list.push({ zxid: stat.czxid, number: Number(path.slice(-10)) });
    made.set(parent, list);
  }
  for (const [parent, list] of made) {
    list.sort((a, b) => a.zxid - b.zxid);
    for (const [index, { number, zxid }] of list.entries()) {
      const before = list[index - 1];
      if (before === undefined || before.number < number) continue;
      const at = formatZxid(zxid);
      findings.push(`${parent}: number ${number} at ${at} comes after ${before.number}`);
    }
  }
  return findings;
}

/** Zxid of an acknowledged write, where the reply told it. */
export function zxidOfWrite({ operation, outcome }: Call): Zxid | undefined {
  if (operation.kind === "reconfig" && outcome.kind === "members") return outcome.version;
  if (outcome.kind !== "done") return undefined;
  const known = outcome.stats.find((stat) => stat !== undefined);
  if (known === undefined) return undefined;
  return operation.kind === "create" ? known.czxid : known.mzxid;
}

/** A call for messages. */
export function textOf({ operation, outcome }: Call): string {
  return `${JSON.stringify(operation)} (${outcome.kind})`;
}

function changesOf({ operation }: Call): readonly Change[] | undefined {
  if (operation.kind === "multi") return operation.changes;
  if (operation.kind === "reconfig") return [];
  const isWrite =
    operation.kind === "create" || operation.kind === "set" || operation.kind === "delete";
  return isWrite ? [operation] : undefined;
}

/** @returns what is wrong, if the transactions are not the calls in order, but for open ones. */
function matchInOrder(writes: readonly Call[], txns: readonly CommittedTxn[]): string | undefined {
  // All numbers of calls that may have been dealt with so far.
  let places = new Set([0]);
  const hasOpen = writes.some(({ outcome }) => outcome.kind === "unknown");
  for (const txn of txns) {
    // What a server had taken before the session left it, or ended, may come late: refused, and out
    // of order. The end that a client asks for is no call, and may find its session expired.
    const error = errorOf(txn.body);
    if (error === "SessionExpired" || (hasOpen && error === "SessionMoved")) continue;
    const after = new Set<number>();
    for (const place of places) {
      for (let at = place; at < writes.length; at++) {
        const call = writes[at] as Call;
        if (isOf(call, txn)) after.add(at + 1);
        if (mustHaveTxn(call)) break;
      }
    }
    if (after.size === 0) {
      const next = writes[Math.max(...places)];
      const instead = next === undefined ? "no call is left" : `next is ${textOf(next)}`;
      return `transaction ${formatZxid(txn.zxid)} of type ${txn.body.type} is nobody's: ${instead}`;
    }
    places = after;
  }
  for (const place of places) if (!writes.slice(place).some(mustHaveTxn)) return undefined;
  const lost = writes.slice(Math.max(...places)).find(mustHaveTxn);
  return lost === undefined ? undefined : `${textOf(lost)} is not among what is committed`;
}

function mustHaveTxn({ outcome }: Call): boolean {
  if (outcome.kind === "refused") return DECIDED.has(outcome.error);
  return outcome.kind === "done" || outcome.kind === "members";
}

/** Whether a transaction can be what came of a call. */
function isOf(call: Call, { body, zxid }: CommittedTxn): boolean {
  const { outcome, operation } = call;
  const changes = changesOf(call) ?? [];
  const error = errorOf(body);
  if (error !== undefined) {
    if (outcome.kind === "unknown") return true;
    return outcome.kind === "refused" && outcome.error === error;
  }
  if (outcome.kind === "refused") return false;
  if ((body.type === OPCODES.reconfig) !== (operation.kind === "reconfig")) return false;
  if (operation.kind === "reconfig")
    return outcome.kind === "unknown" || zxidOfWrite(call) === zxid;
  const subs = body.type === OPCODES.multi ? body.txns : [body as SubTxn];
  if ((body.type === OPCODES.multi) !== (operation.kind === "multi")) return false;
  if (subs.length !== changes.length) return false;
  if (outcome.kind === "done") {
    const told = zxidOfWrite(call);
    if (told !== undefined && told !== zxid) return false;
  }
  return subs.every((sub, index) => isChange(changes[index] as Change, sub, pathOf(call, index)));
}

function pathOf({ outcome }: Call, index: number): string | undefined {
  return outcome.kind === "done" ? outcome.paths[index] : undefined;
}

function errorOf(body: TxnBody): string | undefined {
  if (body.type === OPCODES.error) return errorName(body.code) ?? String(body.code);
  if (body.type !== OPCODES.multi) return undefined;
  // The culprit's code; the others of a refused multi have 0, or say that they come too late.
  for (const sub of body.txns) {
    const name = sub.type === OPCODES.error ? errorName(sub.code) : undefined;
    if (name !== undefined && name !== "RuntimeInconsistency") return name;
  }
  return body.txns.some(({ type }) => type === OPCODES.error) ? "refused" : undefined;
}

function isChange(change: Change, txn: SubTxn, path: string | undefined): boolean {
  switch (change.kind) {
    case "delete":
      return txn.type === OPCODES.delete && txn.path === change.path;
    case "set":
      return (
        txn.type === OPCODES.setData &&
        txn.path === change.path &&
        textOfData(txn.data) === change.data
      );
    case "create":
      if (txn.type !== OPCODES.create && txn.type !== OPCODES.create2) return false;
      if (textOfData(txn.data) !== change.data) return false;
      if (path !== undefined) return txn.path === path;
      return change.isSequential ? txn.path.startsWith(change.path) : txn.path === change.path;
  }
}

const TEXT = new TextDecoder();

function textOfData(data: Uint8Array | null): string {
  return data === null ? "" : TEXT.decode(data);
}
