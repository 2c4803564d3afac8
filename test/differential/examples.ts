import type { CreateOp, Op, Program } from "./program.ts";

const OPEN: CreateOp = { op: "create", path: "@/a", data: "v", acl: "open", flags: 0 };
const READ: Op = { op: "getData", path: "@", watch: false };

/** Programs that once gave different answers, by what they show. */
export const EXAMPLES: Readonly<Record<string, Program>> = {
  "a sync is answered before the writes behind it": oneBatch(
    { op: "sync", path: "@" },
    OPEN,
    { op: "getData", path: "@/a", watch: false },
    { op: "sync", path: "@/a" },
    { op: "delete", path: "@/a", version: -1 },
  ),
  "setWatches tells of what comes before the null that fails it": oneBatch(
    OPEN,
    { op: "setWatches", since: "zero", lists: [["@/a"], ["@/a", null], null] },
    { op: "setWatches", since: "zero", lists: [["@/a"], [], null] },
  ),
  "a null path is a bad argument or unreadable, by the request": oneBatch(
    { op: "setData", path: null, data: "", version: -1 },
    { op: "setACL", path: null, acl: "open", version: -1 },
    { op: "delete", path: null, version: -1 },
    { ...OPEN, path: null },
    { ...OPEN, path: null, flags: 9 },
    { op: "removeWatches", path: null, mode: 3 },
  ),
  "a watch on the empty path can be removed, and is never found": oneBatch(
    { op: "setWatches2", since: "zero", lists: [[], [], [], [""], [""]] },
    { op: "checkWatches", path: "", mode: 1 },
    { op: "checkWatches", path: "", mode: 2 },
    { op: "checkWatches", path: "", mode: 3 },
    { op: "removeWatches", path: "", mode: 3 },
    { op: "removeWatches", path: "", mode: 3 },
  ),
  "sasl is declined without ado": oneBatch({ op: "sasl" }, { op: "whoAmI" }),
  "a create inside of a multi is read by opcode and flag": oneBatch(
    { op: "multi", ops: [{ ...OPEN, op: "createTTL", flags: 0, ttl: 5 }] },
    { op: "multi", ops: [{ ...OPEN, op: "createTTL", path: "@/b", flags: 9, ttl: 5 }] },
    { op: "multi", ops: [{ ...OPEN, op: "createContainer", path: "@/c", flags: 5 }] },
    { op: "multi", ops: [{ ...OPEN, path: "@/d", flags: 6 }] },
  ),
  "a create2 or createContainer with plain flags in a multi is a create": oneBatch(
    { op: "multi", ops: [{ ...OPEN, op: "create2" }] },
    { op: "multi", ops: [{ ...OPEN, op: "createContainer", path: "@/b", flags: 2 }] },
    { op: "multi", ops: [{ ...OPEN, op: "create2", path: "@/c", flags: 4 }] },
  ),
  "a create flag that does not exist fails its part of a multi": oneBatch(
    { op: "multi", ops: [OPEN, { ...OPEN, path: "@/b", flags: 9 }, { ...OPEN, path: "@/c" }] },
    {
      op: "multi",
      ops: [
        { ...OPEN, path: "@/no/k" },
        { ...OPEN, op: "create2", flags: -1 },
      ],
    },
  ),
  "a multiRead that cannot be answered has what was answered before behind its error": oneBatch(
    { op: "multiRead", ops: [OPEN] },
    {
      op: "multiRead",
      ops: [
        { op: "check", path: "@", version: 0 },
        { ...OPEN, flags: 9 },
      ],
    },
    { op: "multiRead", ops: [OPEN, READ] },
    { op: "multiRead", ops: [READ, OPEN] },
    { op: "multiRead", ops: [READ, { ...READ, path: null }, READ] },
    { op: "multiRead", ops: [{ ...READ, op: "getChildren", path: null }] },
    { op: "multiRead", ops: [{ ...READ, path: null }, OPEN] },
    { op: "garbled", of: { op: "multiRead", ops: [OPEN] }, cut: 3, tail: "" },
    { op: "multi", ops: [READ] },
  ),
  "the root counts itself by its other name": oneBatch(
    { op: "getAllChildrenNumber", path: "/" },
    { op: "getAllChildrenNumber", path: "" },
  ),
  "limits that cannot be read refuse creates": oneByOne(
    { ...OPEN, path: "~/a/zookeeper_limits", data: "nonsense" },
    { ...OPEN, path: "~/a/zookeeper_stats" },
    OPEN,
  ),
  "a change that shrinks what is still too large is refused": oneByOne(
    { ...OPEN, data: "twenty bytes of data" },
    { ...OPEN, path: "~/a/zookeeper_limits", data: "count=-1,bytes=-1=;byteHardLimit=4" },
    { ...OPEN, path: "~/a/zookeeper_stats" },
    { op: "setData", path: "@/a", data: "seven b", version: -1 },
    { op: "setData", path: "@/a", data: "v", version: -1 },
  ),
};

function oneBatch(...ops: readonly Op[]): Program {
  return { identities: [null], steps: [{ kind: "batch", session: 0, ops }] };
}

function oneByOne(...ops: readonly Op[]): Program {
  const steps = ops.map((op) => ({ kind: "batch", session: 0, ops: [op] }) as const);
  return { identities: [null], steps };
}
