import { formatZxid, type Zxid } from "../../core/wire/zxid.ts";
import type { Committed } from "./committed.ts";
import type { Call, Findings } from "./history.ts";
import { textOf, zxidOfWrite } from "./write_rules.ts";

/** Every read shows what was committed, as of the transaction that its reply names. */
export function checkReadsTellTheTruth(calls: readonly Call[], committed: Committed): Findings {
  const findings: Findings = [];
  for (const call of calls) {
    const { operation, outcome } = call;
    if (operation.kind === "get" && outcome.kind === "data") {
      const { data, stat, zxid } = outcome;
      const state = committed.stateAt(operation.path, zxid);
      const isSo =
        state?.data === data &&
        state.version === stat.version &&
        state.czxid === stat.czxid &&
        state.mzxid === stat.mzxid &&
        state.owner === stat.ephemeralOwner;
      if (isSo) continue;
      const was = `${state?.data} version ${state?.version} at ${formatZxid(zxid)}`;
      findings.push(`client ${call.client} read ${data} version ${stat.version}; it was ${was}`);
    } else if (operation.kind === "children" && outcome.kind === "children") {
      const { zxid } = outcome;
      const shown = outcome.children.filter(isMade(operation.path)).sort().join();
      const were = committed.childrenAt(operation.path, zxid).join();
      if (shown === were) continue;
      const so = `at ${formatZxid(zxid)}: ${shown}; there were ${were}`;
      findings.push(`client ${call.client} saw children of ${operation.path} ${so}`);
    }
  }
  return findings;
}

/**
 * What a session sees never goes back, wherever it is connected: no reply shows a state older than
 * an earlier reply, or than its own acknowledged writes. And a znode that is said to be missing was
 * missing at some time in between.
 */
export function checkSessionsGoForward(calls: readonly Call[], committed: Committed): Findings {
  const findings: Findings = [];
  for (const own of byClient(calls).values()) {
    let seen: Zxid = 0;
    for (const [index, call] of own.entries()) {
      const { outcome, operation } = call;
      const isMissing = outcome.kind === "refused" && outcome.error === "NoNode";
      if (isMissing && (operation.kind === "get" || operation.kind === "children")) {
        const later = own.slice(index + 1).map(zxidSeen);
        const bound = later.find((zxid) => zxid !== undefined) ?? committed.last;
        if (!wasMissing(committed, operation.path, [seen, bound])) {
          findings.push(`client ${call.client}: ${textOf(call)}, but it was there`);
        }
      }
      const zxid = zxidSeen(call);
      if (zxid === undefined) continue;
      if (zxid < seen) {
        const so = `shows ${formatZxid(zxid)} after ${formatZxid(seen)}`;
        findings.push(`client ${call.client}: ${textOf(call)} ${so}`);
      }
      seen = Math.max(seen, zxid);
    }
  }
  return findings;
}

/** No client sees a change before the event of a watch that it set; none fires for nothing. */
export function checkWatchBeforeRead(calls: readonly Call[], committed: Committed): Findings {
  const findings: Findings = [];
  for (const own of byClient(calls).values()) {
    for (const [index, call] of own.entries()) {
      const { watch, operation, outcome } = call;
      if (watch === undefined) continue;
      if (outcome.kind !== "data" && outcome.kind !== "children") continue;
      if (operation.kind !== "get" && operation.kind !== "children") continue;
      const changedAt = firstChange(committed, operation, outcome.zxid);
      const { notified } = watch;
      if (changedAt === undefined) {
        if (notified === undefined || notified.type === "lost") continue;
        findings.push(`client ${call.client}: ${textOf(call)} was told of a change that never was`);
        continue;
      }
      const tooEarly = own
        .slice(index + 1)
        .find((later) => (zxidSeen(later) ?? 0) >= changedAt && isBefore(later, notified?.at));
      if (tooEarly === undefined) continue;
      const change = `the change ${formatZxid(changedAt)} of ${operation.path}`;
      findings.push(`client ${call.client}: ${textOf(tooEarly)} saw ${change} before its event`);
    }
  }
  return findings;
}

/** Servers have a znode of their own below the root. */
function isMade(parent: string): (name: string) => boolean {
  return (name) => parent !== "/" || name !== "zookeeper";
}

/** The state that a reply shows: that of this transaction or a later one. */
export function zxidSeen(call: Call): Zxid | undefined {
  const { outcome } = call;
  if (outcome.kind === "data" || outcome.kind === "children") return outcome.zxid;
  return zxidOfWrite(call);
}

function isBefore(call: Call, notifiedAt: number | undefined): boolean {
  return notifiedAt === undefined || call.returnedAt < notifiedAt;
}

function firstChange(
  committed: Committed,
  { kind, path }: { readonly kind: "get" | "children"; readonly path: string },
  after: Zxid,
): Zxid | undefined {
  const ofNode = committed.momentsOf(path).filter(({ zxid }) => zxid > after);
  if (kind === "get") return ofNode[0]?.zxid;
  const gone = ofNode.find(({ state }) => state === undefined)?.zxid;
  const ofChildren = committed.childChangesOf(path).find((zxid) => zxid > after);
  if (gone === undefined || ofChildren === undefined) return gone ?? ofChildren;
  return Math.min(gone, ofChildren);
}

function wasMissing(
  committed: Committed,
  path: string,
  [from, to]: readonly [Zxid, Zxid],
): boolean {
  if (committed.stateAt(path, from) === undefined) return true;
  const between = committed.momentsOf(path).filter(({ zxid }) => zxid > from && zxid <= to);
  return between.some(({ state }) => state === undefined);
}

/** The calls of each client, in their order. */
export function byClient(calls: readonly Call[]): Map<number, Call[]> {
  const clients = new Map<number, Call[]>();
  for (const call of calls) {
    const own = clients.get(call.client);
    if (own === undefined) clients.set(call.client, [call]);
    else own.push(call);
  }
  return clients;
}
