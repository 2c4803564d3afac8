import fc from "fast-check";
import { ACLS } from "./acls.ts";
import type { AclName, Op, PathText } from "./program.ts";

/** Paths that may exist, with weights; few, so that operations meet. */
export const GOOD_PATHS: readonly [number, PathText][] = [
  [8, "@/a"],
  [5, "@/b"],
  [6, "@/a/x"],
  [3, "@/a/y"],
  [3, "@/b/x"],
  [2, "@/a/x/k"],
  [2, "@/s-0000000000"],
  [2, "@/s-0000000001"],
  [2, "@/a/s-0000000000"],
  [2, "@/m"],
  [2, "@"],
  [1, "@/gr\u00fc\u00df"],
];
const BAD_PATHS: readonly PathText[] = [
  "@/",
  "@//a",
  "@/a/",
  "@/./a",
  "@/a/..",
  "@/...",
  "a",
  "",
  null,
  "@/\u0000",
  "@/a\u0001",
  "@/\u0085",
  "@/\uf8ff",
  "@/\uffff",
  "@/\ud7ff",
  "@/.a",
  "@/nowhere/at/all",
];

/** Nodes that every server has. */
export const SYSTEM_PATHS: readonly PathText[] = [
  "/",
  "/zookeeper",
  "/zookeeper/quota",
  "/zookeeper/config",
];

/** Mostly one of the few good paths; sometimes one that the server should refuse. */
export function path(): fc.Arbitrary<PathText> {
  const bad = fc.constantFrom(...BAD_PATHS);
  return fc.oneof(
    { weight: 28, arbitrary: weighted(...GOOD_PATHS) },
    { weight: 2, arbitrary: bad },
    { weight: 1, arbitrary: fc.constantFrom(...SYSTEM_PATHS) },
  );
}

/** Mostly the open list, so that the tree stays usable. */
export function acl(): fc.Arbitrary<AclName> {
  const any = fc.constantFrom(...Object.keys(ACLS));
  return fc.oneof({ weight: 5, arbitrary: fc.constant("open") }, { weight: 2, arbitrary: any });
}

/** Version to expect: any, one that may be right, or one that is never. */
export const version = (): fc.Arbitrary<number> =>
  weighted([5, -1], [3, 0], [2, 1], [1, 2], [1, 99], [1, -7]);
/** Data of a node, null included. */
export const data = (): fc.Arbitrary<string | null> =>
  weighted<string | null>([3, "v"], [2, ""], [1, null], [1, "twenty bytes of data"]);

/** Lists that a server accepts and that tell identities apart. */
export const USEFUL_ACLS: readonly AclName[] = [
  "readOnly",
  "noRead",
  "aliceWorldReads",
  "alice",
  "bobAdmin",
  "loopback",
];
/** Prefixes for sequential nodes, with weights. */
export const SEQUENTIAL_PARENTS: readonly [number, PathText][] = [
  [3, "@/s-"],
  [2, "@/a/s-"],
  [1, "@/a/"],
];

/** One of the values, in proportion to the weights. */
export function weighted<T>(...choices: readonly (readonly [number, T])[]): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));
}

/** A batch of one operation. */
export function tupled(op: fc.Arbitrary<Op>): fc.Arbitrary<readonly Op[]> {
  return op.map((each) => [each]);
}
