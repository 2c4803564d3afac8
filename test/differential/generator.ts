import fc from "fast-check";
import { ACLS } from "./acls.ts";
import type { AclName, CreateOp, Op, PathText, Program, Step } from "./program.ts";

/**
 * Random programs whose answers are the same in every run of one server. What would not be is
 * left out on purpose:
 *
 * - `auth` and `sasl` stand first in their batch: Apache answers them at once, ahead of
 *   requests in progress (reference section 3.3).
 * - What makes a server close the connection stands alone: whether frames behind it are still
 *   read is a race.
 * - Programs with quotas send one request at a time: Apache checks quotas against what has been
 *   applied, so pipelined writes may overshoot (section 14).
 * - A session uses one kind of watch: in 3.8.0 a later mode replaces the former (section 5.2).
 *   Sessions 0 and 1 set one-shot watches, 2 persistent and 3 recursive ones.
 */
export function programs(): fc.Arbitrary<Program> {
  const pipelined = programOf(
    fc.oneof(...SESSIONS.map((session) => pipelinedStep(session))),
    { minLength: 5, maxLength: 14 },
  );
  const withQuotas = programOf(
    fc.oneof(...SESSIONS.map((session) => quotaStep(session))),
    { minLength: 15, maxLength: 40 },
  );
  return fc.oneof({ weight: 6, arbitrary: pipelined }, { weight: 1, arbitrary: withQuotas });
}

const SESSIONS = [0, 1, 2, 3] as const;
const STANDARD_SESSIONS = 2;
const PERSISTENT_SESSION = 2;
type Lengths = { readonly minLength: number; readonly maxLength: number };

function programOf(step: fc.Arbitrary<Step>, lengths: Lengths): fc.Arbitrary<Program> {
  const identity = weighted<string | null>([3, null], [3, "alice:a"], [2, "bob:b"], [1, "super:secret"]);
  return fc.record({
    identities: fc.tuple(identity, identity, identity, identity),
    steps: fc.array(step, { ...lengths, size: "max" }),
  });
}

function pipelinedStep(session: number): fc.Arbitrary<Step> {
  const op = ordinaryOp(session);
  const opening = fc.oneof({ weight: 12, arbitrary: fc.constant([]) }, tupled(identityOp()));
  const many = fc.array(op, { minLength: 1, maxLength: 10, size: "max" });
  const ops = fc.tuple(opening, many).map(([first, rest]) => [...first, ...rest]);
  return fc.oneof(
    { weight: 30, arbitrary: batch(session, ops) },
    { weight: 3, arbitrary: batch(session, tupled(endingOp())) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "drop", session }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "expire", session }) },
  );
}

function quotaStep(session: number): fc.Arbitrary<Step> {
  const op = fc.oneof(
    { weight: 5, arbitrary: quotaOp() },
    { weight: 12, arbitrary: writeOp() },
    { weight: 3, arbitrary: ordinaryOp(session) },
  );
  return batch(session, tupled(op));
}

function batch(session: number, ops: fc.Arbitrary<readonly Op[]>): fc.Arbitrary<Step> {
  return ops.map((each) => ({ kind: "batch", session, ops: each }));
}

function ordinaryOp(session: number): fc.Arbitrary<Op> {
  const plain = fc.oneof(
    { weight: 12, arbitrary: writeOp() },
    { weight: 8, arbitrary: readOp(session < STANDARD_SESSIONS) },
    { weight: 3, arbitrary: watchOp(session) },
    { weight: 3, arbitrary: multiOp() },
    { weight: 1, arbitrary: bareOp() },
  );
  return fc.oneof({ weight: 20, arbitrary: plain }, garbledOp(plain));
}

const GOOD_PATHS: readonly [number, PathText][] = [
  [8, "@/a"],
  [5, "@/b"],
  [6, "@/a/x"],
  [3, "@/a/y"],
  [3, "@/b/x"],
  [2, "@/a/x/k"],
  [2, "@/s-0000000000"],
  [2, "@/s-0000000001"],
  [2, "@/a/s-0000000000"],
  [2, "@"],
  [1, "@/gr\u00fc\u00df"],
];
const BAD_PATHS: readonly PathText[] = [
  "@/", "@//a", "@/a/", "@/./a", "@/a/..", "@/...", "a", "", null, "@/\u0000", "@/a\u0001",
  "@/\u0085", "@/\uf8ff", "@/\uffff", "@/\ud7ff", "@/.a", "@/nowhere/at/all",
];

function path(): fc.Arbitrary<PathText> {
  const bad = fc.constantFrom(...BAD_PATHS);
  return fc.oneof({ weight: 14, arbitrary: weighted(...GOOD_PATHS) }, { weight: 1, arbitrary: bad });
}

function acl(): fc.Arbitrary<AclName> {
  const any = fc.constantFrom(...Object.keys(ACLS));
  return fc.oneof({ weight: 5, arbitrary: fc.constant("open") }, { weight: 2, arbitrary: any });
}

const version = (): fc.Arbitrary<number> => weighted([5, -1], [3, 0], [2, 1], [1, 2], [1, 99], [1, -7]);
const data = (): fc.Arbitrary<string | null> =>
  weighted<string | null>([3, "v"], [2, ""], [1, null], [1, "twenty bytes of data"]);

const SEQUENTIAL_PARENTS: readonly [number, PathText][] = [[3, "@/s-"], [2, "@/a/s-"], [1, "@/a/"]];

function createOp(flagsOf: fc.Arbitrary<number>, at: fc.Arbitrary<PathText>): fc.Arbitrary<CreateOp> {
  const op = weighted<"create" | "create2">([3, "create"], [2, "create2"]);
  return fc.record({ op, path: at, data: data(), acl: acl(), flags: flagsOf });
}

function anyCreateOp(): fc.Arbitrary<CreateOp> {
  const container = fc.record({
    op: fc.constant("createContainer" as const),
    path: path(),
    data: data(),
    acl: acl(),
    flags: weighted([6, 4], [1, 0], [1, 2], [1, 5], [1, 9]),
  });
  const ttl = fc.record({
    op: fc.constant("createTTL" as const),
    path: path(),
    data: data(),
    acl: acl(),
    flags: weighted([5, 5], [4, 6], [1, 0], [1, 1]),
    ttl: weighted([6, 3_600_000], [1, 0], [1, 2 ** 40 - 1], [1, 2 ** 40]),
  });
  return fc.oneof(
    { weight: 8, arbitrary: createOp(weighted([8, 0], [4, 1]), path()) },
    { weight: 4, arbitrary: createOp(weighted([3, 2], [2, 3]), weighted(...SEQUENTIAL_PARENTS)) },
    { weight: 1, arbitrary: createOp(weighted([1, 4], [1, 5], [1, 6], [1, 7], [1, -1]), path()) },
    { weight: 2, arbitrary: container },
    { weight: 2, arbitrary: ttl },
  );
}

function writeOp(): fc.Arbitrary<Op> {
  const [remove, change] = [fc.constant("delete" as const), fc.constant("setData" as const)];
  const special = fc.constantFrom("/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config");
  return fc.oneof(
    { weight: 10, arbitrary: anyCreateOp() },
    { weight: 6, arbitrary: fc.record({ op: remove, path: path(), version: version() }) },
    { weight: 6, arbitrary: fc.record({ op: change, path: path(), data: data(), version: version() }) },
    { weight: 3, arbitrary: setAclOp() },
    { weight: 1, arbitrary: fc.record({ op: remove, path: special, version: version() }) },
  );
}

function setAclOp(): fc.Arbitrary<Op> {
  const op = fc.constant("setACL" as const);
  return fc.record({ op, path: path(), acl: acl(), version: version() });
}

function readOp(mayWatch: boolean): fc.Arbitrary<Op> {
  const watch = mayWatch ? fc.boolean() : fc.constant(false);
  const at = fc.oneof({ weight: 12, arbitrary: path() }, fc.constantFrom("/", "/zookeeper"));
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        op: fc.constantFrom("exists", "getData", "getChildren", "getChildren2"),
        path: path(),
        watch,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constantFrom("getACL", "sync", "getEphemerals", "getAllChildrenNumber"),
        path: at,
      }),
    },
  );
}

function watchOp(session: number): fc.Arbitrary<Op> {
  const standard = session < STANDARD_SESSIONS;
  const mode = session === PERSISTENT_SESSION ? 0 : 1;
  const add = fc.record({
    op: fc.constant("addWatch" as const),
    path: path(),
    mode: standard ? fc.constantFrom(2, -1) : weighted([9, mode], [1, 2]),
  });
  const look = fc.record({
    op: fc.constantFrom("checkWatches", "removeWatches"),
    path: path(),
    mode: standard ? fc.constantFrom(1, 2, 3, 6, 0) : fc.constantFrom(3, 3, 3, 6),
  });
  const oneOffs = fc.array(path(), { maxLength: 3 });
  const none = fc.constant<PathText[]>([]);
  const list = fc.oneof({ weight: 12, arbitrary: oneOffs }, fc.constant(null));
  const lists = (kinds: readonly boolean[]): fc.Arbitrary<(readonly PathText[] | null)[]> =>
    fc.tuple(...kinds.map((used) => (used ? list : none)));
  const since = fc.constantFrom("zero", "base", "now", "future", "negative");
  const set = fc.record({ op: fc.constant("setWatches" as const), since, lists: lists(ONE_SHOT) });
  const kinds = standard ? [...ONE_SHOT, false, false] : [...NO_ONE_SHOT, mode === 0, mode === 1];
  const set2 = fc.record({ op: fc.constant("setWatches2" as const), since, lists: lists(kinds) });
  const sets = standard ? fc.oneof(set, set2) : set2;
  const weight = standard ? 1 : 3;
  return fc.oneof({ weight, arbitrary: add }, { weight: 2, arbitrary: look }, { weight: 2, arbitrary: sets });
}

const ONE_SHOT = [true, true, true];
const NO_ONE_SHOT = [false, false, false];

function multiOp(): fc.Arbitrary<Op> {
  const check = fc.record({ op: fc.constant("check" as const), path: path(), version: version() });
  const write = fc.oneof({ weight: 5, arbitrary: writeOp() }, check);
  const good = fc.oneof(
    createOp(fc.constant(0), weighted(...GOOD_PATHS)),
    createOp(fc.constantFrom(2, 3), weighted(...SEQUENTIAL_PARENTS)),
    fc.record({
      op: fc.constant("setData" as const),
      path: weighted<PathText>([2, "@/a"], [1, "@"], [1, "@/a/x"]),
      data: data(),
      version: fc.constant(-1),
    }),
  );
  const read = fc.record({
    op: fc.constantFrom("getData", "getChildren"),
    path: path(),
    watch: fc.boolean(),
  });
  const multi = fc.constant("multi" as const);
  const multiRead = fc.constant("multiRead" as const);
  const parts = (part: fc.Arbitrary<Op>): fc.Arbitrary<Op[]> => fc.array(part, { maxLength: 5 });
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ op: multi, ops: parts(write) }) },
    { weight: 5, arbitrary: fc.record({ op: multi, ops: parts(good) }) },
    { weight: 3, arbitrary: fc.record({ op: multiRead, ops: parts(read) }) },
    { weight: 1, arbitrary: fc.record({ op: multi, ops: parts(fc.oneof(write, read)) }) },
    { weight: 1, arbitrary: fc.record({ op: multiRead, ops: parts(fc.oneof(write, read)) }) },
  );
}

function bareOp(): fc.Arbitrary<Op> {
  return fc.record({ op: weighted<"whoAmI" | "ping" | "reconfig">([3, "whoAmI"], [1, "ping"], [1, "reconfig"]) });
}

function identityOp(): fc.Arbitrary<Op> {
  const auth = fc.constantFrom("alice:a", "bob:b", "bob:b", "nocolon", ":", "");
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ op: fc.constant("auth" as const), scheme: fc.constant("digest"), auth }) },
    { weight: 1, arbitrary: fc.constant<Op>({ op: "auth", scheme: "ip", auth: "" }) },
    { weight: 1, arbitrary: fc.constant<Op>({ op: "sasl" }) },
  );
}

/** What ends the connection: closeSession, a failing auth, unknown requests, broken frames. */
function endingOp(): fc.Arbitrary<Op> {
  const authOp = fc.record({
    op: fc.constant("auth" as const),
    scheme: fc.constantFrom("nonesuch", "world", null),
    auth: fc.constantFrom("x:y", null),
  });
  const unknown = fc.record({
    op: fc.constant("unknown" as const),
    type: fc.constantFrom(0, -1, 10, 23, 50, 99, 108, 1_000),
  });
  const broken = ["ffffffff", "80000000", "7fffffff", "00000000", "0000000400000001", "00100000"];
  const raw = fc.record({ op: fc.constant("raw" as const), bytes: fc.constantFrom(...broken) });
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant<Op>({ op: "closeSession" }) },
    { weight: 2, arbitrary: authOp },
    { weight: 2, arbitrary: unknown },
    { weight: 2, arbitrary: raw },
  );
}

/** Bodies cut short, with bytes that do not parse behind the cut, or with bytes too many. */
function garbledOp(of: fc.Arbitrary<Op>): fc.Arbitrary<Op> {
  const cut = fc.integer({ min: 0, max: 12 });
  const tail = fc.constantFrom("", "", "ff", "ffffffff", "7fffffff", "fffffffe", "00");
  return fc.record({ op: fc.constant("garbled" as const), of, cut, tail });
}

function quotaOp(): fc.Arbitrary<Op> {
  const node = fc.constantFrom("~/a/zookeeper_limits", "~/a/zookeeper_stats", "~/b/zookeeper_limits");
  const limits = fc.constantFrom(
    "count=3,bytes=-1=;byteHardLimit=10;countHardLimit=3",
    "count=1,bytes=1",
    "count=-1,bytes=-1=;countHardLimit=2",
    "count=-1,bytes=-1=;byteHardLimit=4",
    "nonsense",
    "",
  );
  const make = fc.record({
    op: fc.constant("create" as const),
    path: node,
    data: limits,
    acl: fc.constant("open"),
    flags: fc.constant(0),
  });
  const change = fc.record({
    op: fc.constant("setData" as const),
    path: node,
    data: limits,
    version: fc.constant(-1),
  });
  const remove = fc.record({ op: fc.constant("delete" as const), path: node, version: version() });
  const read = fc.record({ op: fc.constant("getData" as const), path: node, watch: fc.constant(false) });
  return fc.oneof({ weight: 4, arbitrary: make }, change, remove, { weight: 3, arbitrary: read });
}

function weighted<T>(...choices: readonly (readonly [number, T])[]): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));
}

function tupled(op: fc.Arbitrary<Op>): fc.Arbitrary<readonly Op[]> {
  return op.map((each) => [each]);
}
