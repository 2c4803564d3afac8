import type { CreateOp, Op, PathText, Program, Step } from "./program.ts";
import { SUPER } from "./servers.ts";

const CREATES = ["create", "create2", "createContainer", "createTTL"] as const;
const KINDS = { create: 0, create2: 0, createContainer: 4, createTTL: 5 } as const;
const HOUR_MS = 3_600_000;

/**
 * Programs that walk through the codes that random ones reach seldom; run as often as each cell
 * of `cells.ts` has to be hit.
 */
export function directedPrograms(): readonly Program[] {
  return [refusals(), watching(), quotas(), endings()];
}

export const WITHOUT_TTL: Program = program([
  [node("createTTL", "@/t"), { op: "multi", ops: [node("createTTL", "@/t")] }],
  [node("createTTL", "@/s", { flags: 6 }), node("createTTL", "@/u", { ttl: 0 })],
]);

/** Who may see and change what tells of members, where there are none, and who is denied it. */
export const MEMBERS: Program = {
  identities: [null, SUPER, "alice:a"],
  steps: [0, 1, 2].flatMap((session): Step[] => {
    const [path, watch] = ["/zookeeper/config", true];
    const looks: readonly Op[] = [
      { op: "exists", path, watch },
      { op: "getData", path, watch },
      { op: "getACL", path },
      { op: "getChildren2", path, watch },
    ];
    return [
      { kind: "batch", session, ops: [{ op: "reconfig" }, ...looks, { op: "reconfig" }] },
      {
        kind: "batch",
        session,
        ops: [
          { op: "setData", path, data: "server.1=a:1:2", version: -1 },
          node("create", `${path}/k`),
          { op: "multi", ops: [{ op: "setData", path, data: "", version: -1 }] },
          { op: "delete", path, version: -1 },
          { op: "delete", path: `${path}/k`, version: -1 },
          { op: "setACL", path, acl: "open", version: -1 },
          { op: "reconfig" },
        ],
      },
      { kind: "batch", session, ops: [...looks, { op: "whoAmI" }] },
    ];
  }),
};

/** Who they are, by each way to say so; whom the server refuses is told, and gets nothing. */
export const LOGINS: Program = {
  identities: ["sasl:ann:secret", "x509", "sasl:ann:wrong", "sasl:nobody:x", "digest:alice:a"],
  steps: [0, 1, 2, 3, 4].flatMap((session): Step[] => [
    {
      kind: "batch",
      session,
      ops: [
        { op: "whoAmI" },
        node("create", `@/ann${session}`, { acl: "ann" }),
        node("create", `@/certified${session}`, { acl: "certified" }),
        node("create", `@/own${session}`, { acl: "creator" }),
        { op: "getACL", path: `@/own${session}` },
        ...["@/ann0", "@/certified1", "@/own0", "@/own1", "@/own4"].flatMap((path): Op[] => [
          { op: "getData", path, watch: false },
          { op: "setData", path, data: "w", version: -1 },
        ]),
      ],
    },
    { kind: "drop", session },
    { kind: "batch", session, ops: [{ op: "whoAmI" }] },
    ...(session === 0 ? [] : [{ kind: "batch", session, ops: [{ op: "sasl" }] } as const]),
    { kind: "batch", session, ops: [{ op: "sasl", token: "out of turn" }] },
    { kind: "batch", session, ops: [{ op: "auth", scheme: "sasl", auth: "ann" }] },
  ]),
};

/** Every request by somebody who has not logged in where that is enforced. */
export const STRANGERS: Program = {
  ...program([...CREATES.map((op) => node(op, "@/n")), ...others()].map((op) => [op])),
  isUninvited: true,
};

/** Somebody who has, and says more. */
export const INVITED: Program = program(
  [
    [{ op: "whoAmI" }, node("create", "@/n"), { op: "getData", path: "@/n", watch: false }],
    [{ op: "auth", scheme: "ip", auth: "" }, { op: "ping" }],
  ],
  "alice:a",
);

function others(): readonly Op[] {
  const [path, version, watch, lists] = ["@", -1, true, [[], [], [], [], []]];
  const reads = ["exists", "getData", "getChildren", "getChildren2"] as const;
  const looks = ["getACL", "sync", "getEphemerals", "getAllChildrenNumber"] as const;
  const watches = ["addWatch", "checkWatches", "removeWatches"] as const;
  return [
    ...reads.map((op): Op => ({ op, path, watch })),
    ...looks.map((op): Op => ({ op, path })),
    ...watches.map((op): Op => ({ op, path, mode: 1 })),
    { op: "delete", path, version },
    { op: "setData", path, data: "w", version },
    { op: "setACL", path, acl: "open", version },
    { op: "multi", ops: [node("create", "@/n")] },
    { op: "multiRead", ops: [{ op: "getData", path, watch }] },
    { op: "setWatches", since: "zero", lists: lists.slice(2) },
    { op: "setWatches2", since: "zero", lists },
    ...(["ping", "whoAmI", "reconfig", "closeSession"] as const).map((op): Op => ({ op })),
    { op: "unknown", type: 99 },
  ];
}

function program(batches: readonly (readonly Op[])[], identity: string | null = null): Program {
  const steps = batches.map((ops): Step => ({ kind: "batch", session: 0, ops }));
  return { identities: [identity], steps };
}

function node(op: CreateOp["op"], path: PathText, other: Partial<CreateOp> = {}): CreateOp {
  const plain = { op, path, data: "v", acl: "open", flags: KINDS[op] };
  return { ...plain, ...(op === "createTTL" ? { ttl: HOUR_MS } : {}), ...other };
}

function cut(of: Op): Op {
  return { op: "garbled", of, cut: 3, tail: "" };
}

/** `@/locked` and its child `k`, of which nobody may do anything; `@/eph` takes no children. */
function scene(): readonly Op[] {
  return [
    node("create", "@/locked"),
    node("create", "@/locked/k", { acl: "nothing" }),
    node("create", "@/parent"),
    node("create", "@/parent/k"),
    node("create", "@/eph", { flags: 1 }),
    { op: "setACL", path: "@/locked", acl: "nothing", version: -1 },
  ];
}

function refusedCreates(op: CreateOp["op"]): readonly Op[] {
  return [
    node(op, `@/${op}`),
    node(op, `@/${op}`),
    node(op, "@/\u0001"),
    node(op, "@/nowhere/k"),
    node(op, "@/locked/new"),
    node(op, "@/eph/k"),
    node(op, "@/list", { acl: "empty" }),
    cut(node(op, "@/cut")),
  ];
}

function refusals(): Program {
  const reads = ["exists", "getData", "getChildren", "getChildren2"] as const;
  const others = ["getACL", "getAllChildrenNumber", "getEphemerals", "sync"] as const;
  const watch = false;
  const asked = ["@", "@/nowhere", "@/locked", "@/\u0000"].flatMap((path): Op[] => [
    ...reads.map((op): Op => ({ op, path, watch })),
    ...others.map((op): Op => ({ op, path })),
  ]);
  const cuts = [...reads.map((op): Op => cut({ op, path: "@", watch }))];
  for (const op of others) cuts.push(cut({ op, path: "@" }));
  return program([
    scene(),
    CREATES.flatMap(refusedCreates),
    [...asked, ...cuts],
    [...refusedWrites("delete"), ...refusedWrites("setData")],
    refusedWrites("setACL"),
    multis(),
    [{ op: "sasl" }, { op: "reconfig" }, { op: "whoAmI" }, { op: "ping" }],
  ]);
}

function refusedWrites(op: "delete" | "setData" | "setACL"): readonly Op[] {
  const write = (path: PathText, version = -1): Op =>
    op === "delete" ? { op, path, version } : other(op, path, version);
  const other = (name: "setData" | "setACL", path: PathText, version: number): Op =>
    name === "setData"
      ? { op: name, path, data: "w", version }
      : { op: name, path, acl: "open", version };
  return [
    write("@/parent"), // Not empty, for delete.
    write(op === "delete" ? "/zookeeper" : "@/a//b"),
    write("@/nowhere"),
    write("@/locked/k"),
    write("@/parent/k", 99),
    cut(write("@/parent")),
    ...(op === "setACL" ? [{ op, path: "@/parent", acl: "badScheme", version: -1 } as const] : []),
    ...(op === "delete" ? [write("@/create"), node("create", "@/create")] : []),
  ];
}

/** One multi for each way to fail, with a part before and a part behind it. */
function multis(): readonly Op[] {
  const path = "@/parent";
  const failing: readonly Op[] = [
    node("create", "@/\u0001"),
    node("create", "@/nowhere/k"),
    node("create", "@/locked/new"),
    { op: "check", path, version: 99 },
    node("create", "@/eph/k"),
    node("create", path),
    { op: "delete", path, version: -1 },
    node("create", "@/list", { acl: "none" }),
  ];
  const [before, behind]: Op[] = [node("create", "@/m"), { op: "delete", path, version: -1 }];
  const read = { op: "getData", path, watch: false } as const;
  const list = { op: "getChildren", path, watch: false } as const;
  return [
    ...failing.map((op): Op => ({ op: "multi", ops: [before as Op, op, behind as Op] })),
    { op: "multi", ops: [node("create", "@/m"), node("createContainer", "@/m/c")] },
    {
      op: "multi",
      ops: [
        { op: "check", path, version: 0 },
        { op: "setData", path, data: "w", version: 0 },
      ],
    },
    {
      op: "multi",
      ops: [
        { op: "delete", path: "@/m/c", version: -1 },
        { op: "delete", path: "@/m", version: -1 },
      ],
    },
    { op: "multi", ops: [read] },
    {
      op: "multiRead",
      ops: [read, list, { ...read, path: "@/nowhere" }, { ...list, path: "@/locked" }],
    },
    { op: "multiRead", ops: [node("create", "@/m")] },
  ];
}

function watching(): Program {
  const path = "@/w";
  const set = (op: "setWatches" | "setWatches2", lists: readonly (PathText[] | null)[]): Op => ({
    op,
    since: "zero",
    lists,
  });
  const look = (mode: number): readonly Op[] => [
    { op: "checkWatches", path, mode },
    { op: "removeWatches", path, mode },
  ];
  return program([
    [{ op: "exists", path, watch: true }, ...look(1), ...look(2), ...look(2), ...look(9)],
    [{ op: "exists", path, watch: true }, node("create", path)],
    [
      { op: "getData", path, watch: true },
      { op: "setData", path, data: "w", version: -1 },
    ],
    [{ op: "getChildren", path, watch: true }, node("create", "@/w/k")],
    [
      { op: "delete", path: "@/w/k", version: -1 },
      { op: "getData", path, watch: true },
    ],
    [
      { op: "delete", path, version: -1 },
      { op: "addWatch", path: "@/x", mode: 0 },
    ],
    [{ op: "addWatch", path: "@/x", mode: 7 }, ...look(3)],
    [set("setWatches", [[path], [path], [path]]), set("setWatches", [[], null, []])],
    [set("setWatches2", [[], [], [], [path], []]), set("setWatches2", [[], [], [], null, []])],
  ]);
}

/** One request at a time: Apache looks at what has been applied, not at what is under way. */
function quotas(): Program {
  const limits = "~/a/zookeeper_limits";
  const oneNode = "count=-1,bytes=-1=;byteHardLimit=4;countHardLimit=1";
  const ops: readonly Op[] = [
    node("create", "@/a"),
    node("create", limits, { data: oneNode }),
    node("create", "~/a/zookeeper_stats"),
    ...CREATES.map((op) => node(op, "@/a/k")),
    { op: "multi", ops: [node("create", "@/a/k")] },
    { op: "setData", path: "@/a", data: "twenty bytes of data", version: -1 },
    { op: "getData", path: "~/a/zookeeper_stats", watch: false },
  ];
  return program(ops.map((op) => [op]));
}

function endings(): Program {
  const big = { op: "setData", path: "@", version: -1 } as const;
  return program(
    [
      [{ op: "auth", scheme: "digest", auth: "bob:b" }],
      [{ op: "auth", scheme: "nonesuch", auth: "x" }],
      [{ op: "unknown", type: 99 }],
      [
        { ...big, data: "#1048575" },
        { op: "getData", path: "@", watch: false },
      ],
      [{ ...big, data: "#1048576" }],
      [{ op: "raw", bytes: "ffffffff" }],
      [{ op: "closeSession" }],
    ],
    "alice:a",
  );
}
