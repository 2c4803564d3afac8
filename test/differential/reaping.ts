import fc from "fast-check";
import type { CreateOp, Op, Program, Step } from "./program.ts";

/** Does everything to the nodes; the others watch, each with watches of one kind. */
const OWNER = 0;
const ONE_SHOT = 1;
const PERSISTENT = 2;
const RECURSIVE = 3;

/** A way for a node to become one that a server removes by itself. */
type Life = {
  /** In one write, so that the server's look cannot come in between. */
  readonly build: (at: string) => readonly Op[];
  /** The last one of these sets the node free. */
  readonly free: (at: string) => readonly Op[];
};

const remove = (path: string): Op => ({ op: "delete", path, version: -1 });
const write = (path: string): Op => ({ op: "setData", path, data: "w", version: -1 });

function node(path: string, op: CreateOp["op"] = "create", flags = 0): CreateOp {
  return { op, path, data: "v", acl: "open", flags };
}

const container = (path: string): CreateOp => node(path, "createContainer", 4);
const stale = (path: string): CreateOp => ({ ...node(path, "createTTL", 5), ttl: 1 });
const atOnce = (...ops: readonly Op[]): Op => ({ op: "multi", ops });

/** Servers look every 50 ms, also for containers that were never used. */
const LIVES: Readonly<Record<string, Life>> = {
  usedContainer: {
    build: (at) => [atOnce(container(at), node(`${at}/k`))],
    free: (at) => [write(at), remove(`${at}/k`)],
  },
  neverUsedContainer: { build: () => [], free: (at) => [container(at)] },
  nestedContainers: {
    build: (at) => [atOnce(container(at), container(`${at}/in`), node(`${at}/in/k`))],
    free: (at) => [remove(`${at}/in/k`)],
  },
  containerOfEphemeral: {
    build: (at) => [atOnce(container(at), node(`${at}/e`, "create", 1))],
    free: () => [{ op: "closeSession" }],
  },
  staleNode: { build: () => [], free: (at) => [stale(at)] },
  staleNodeThatChildrenProtect: {
    build: (at) => [atOnce(stale(at), node(`${at}/k`)), write(at)],
    free: (at) => [remove(`${at}/k`)],
  },
  nodeThatNobodyMayDelete: {
    build: (at) => [atOnce(container(at), node(`${at}/k`))],
    free: (at) => {
      const parent = at.slice(0, at.lastIndexOf("/"));
      return [{ op: "setACL", path: parent, acl: "noDelete", version: -1 }, remove(`${at}/k`)];
    },
  },
};

/** What no server may remove: it is in use, or young. */
const SURVIVORS: readonly Op[] = [
  node("@/p"),
  atOnce(container("@/used"), node("@/used/k")),
  atOnce(container("@/p/used"), container("@/p/used/inner"), node("@/p/used/inner/k")),
  { ...node("@/young", "createTTL", 5), ttl: 3_600_000 },
  atOnce(stale("@/parent"), node("@/parent/k")),
];

/** Programs in which, one after the other, nodes become what a server removes by itself. */
export function reapingPrograms(): fc.Arbitrary<Program> {
  const rounds = fc.array(round(), { minLength: 3, maxLength: 6, size: "max" });
  return rounds.map(
    (each): Program => ({
      identities: [null, null, null, null],
      steps: [
        { kind: "batch", session: OWNER, ops: SURVIVORS },
        ...each.flatMap((stepsOf, index) => stepsOf(index)),
      ],
    }),
  );
}

function round(): fc.Arbitrary<(index: number) => Step[]> {
  const life = fc.constantFrom(...Object.values(LIVES));
  const watching = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean());
  return fc
    .tuple(life, fc.constantFrom("@", "@/p"), watching)
    .map(([{ build, free }, parent, watched]) => (index) => {
      const at = `${parent}/r${index}`;
      const watchers = [ONE_SHOT, PERSISTENT, RECURSIVE].filter((_, which) => watched[which]);
      return [
        { kind: "batch", session: OWNER, ops: build(at) },
        ...watchers.map((session): Step => {
          return { kind: "batch", session, ops: watches(session, at, parent) };
        }),
        { kind: "batch", session: OWNER, ops: free(at) },
        { kind: "reap", path: at },
        { kind: "batch", session: OWNER, ops: looks(at, parent) },
      ];
    });
}

function watches(session: number, at: string, parent: string): readonly Op[] {
  if (session === PERSISTENT)
    return [at, parent].map((path) => ({ op: "addWatch", path, mode: 0 }));
  if (session === RECURSIVE) return [{ op: "addWatch", path: parent, mode: 1 }];
  return [
    { op: "exists", path: at, watch: true },
    { op: "getChildren", path: at, watch: true },
    { op: "getChildren", path: parent, watch: true },
  ];
}

/** What is left, and whether the name is free again. */
function looks(at: string, parent: string): readonly Op[] {
  return [
    { op: "exists", path: at, watch: false },
    { op: "getChildren2", path: parent, watch: false },
    node(at),
    { op: "getAllChildrenNumber", path: "@" },
    remove(at),
  ];
}
