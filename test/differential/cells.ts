import type { Coverage } from "./transcript.ts";

/** How often each reachable cell has to be hit on each server. */
export const HITS_MIN = 5;

const CREATES = [0, -5, -8, -101, -102, -108, -110, -114, -125];

/**
 * The codes that each request can be answered with by a server that stands alone, has TTL nodes
 * and enforces quotas: sections 3 to 6 of the reference of the client protocol. `multi/-1` and
 * the like are results inside of one, by their type.
 *
 * Not here, since such a server has no way to them: codes of the client's side, of ensembles, of
 * local sessions, of read-only mode and of throttling (`../interop/throttled_test.ts`). Enforced
 * logins have a list of their own.
 */
export const REACHABLE: Readonly<Record<string, readonly number[]>> = {
  create: CREATES,
  create2: CREATES,
  createContainer: CREATES,
  createTTL: CREATES,
  delete: [0, -5, -8, -101, -102, -103, -111],
  exists: [0, -5, -8, -101],
  getData: [0, -5, -101, -102],
  setData: [0, -5, -8, -101, -102, -103, -125],
  getACL: [0, -5, -101, -102],
  setACL: [0, -5, -8, -101, -102, -103, -114],
  getChildren: [0, -5, -101, -102],
  getChildren2: [0, -5, -101, -102],
  getAllChildrenNumber: [0, -5, -101, -102],
  getEphemerals: [0, -5],
  sync: [0, -5],
  ping: [0],
  whoAmI: [0],
  reconfig: [-123],
  multi: [0, -5],
  "multi/1": [0],
  "multi/2": [0],
  "multi/5": [0],
  "multi/13": [0],
  "multi/15": [0],
  "multi/-1": [0, -2, -8, -101, -102, -103, -108, -110, -111, -114, -125],
  multiRead: [0, -5],
  "multiRead/4": [0],
  "multiRead/8": [0],
  "multiRead/-1": [-101, -102],
  checkWatches: [0, -5, -121],
  removeWatches: [0, -5, -121],
  addWatch: [0, -5],
  setWatches: [0, -5],
  setWatches2: [0, -5],
  auth: [0, -115],
  sasl: [0],
  closeSession: [0],
  unknown: [-6],
  event: [1, 2, 3, 4],
};

/** What is answered differently without TTL nodes. */
export const REACHABLE_BY_DEFAULTS: Readonly<Record<string, readonly number[]>> = {
  createTTL: [-6],
  "multi/-1": [-6],
};

/** What is answered where clients may change the members, by a server that has none. */
export const REACHABLE_BY_RECONFIG: Readonly<Record<string, readonly number[]>> = {
  reconfig: [-6],
};

/** What is answered where users log in by SASL. */
export const REACHABLE_BY_LOGINS: Readonly<Record<string, readonly number[]>> = {
  sasl: [0, -115],
};

/** What everything but a login is answered where one is enforced. */
export const REACHABLE_BY_STRANGERS: Readonly<Record<string, readonly number[]>> =
  Object.fromEntries(
    Object.keys(REACHABLE)
      .filter((op) => !op.includes("/") && op !== "event" && op !== "auth" && op !== "sasl")
      .map((op) => [op, [-124]]),
  );

/** Cells that Apache 3.8.0 does not have, each with the allowed difference that says so. */
export const ONLY_HERE: readonly { readonly cell: string; readonly because: string }[] = [
  { cell: "exists -102", because: "exists-needs-read" },
];

/** The cells of `wanted` that were hit too seldom, in words. */
export function missedCells(
  wanted: Readonly<Record<string, readonly number[]>>,
  [first, second]: readonly [Coverage, Coverage],
): string[] {
  const missed: string[] = [];
  for (const [op, codes] of Object.entries(wanted)) {
    for (const code of codes) {
      const cell = `${op} ${code}`;
      const [a, b] = [first.get(cell) ?? 0, second.get(cell) ?? 0];
      if (Math.min(a, b) < HITS_MIN) missed.push(`${cell}: ${a}/${b}`);
    }
  }
  return missed;
}
