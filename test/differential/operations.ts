import fc from "fast-check";
import { acl, data, GOOD_PATHS, path, SEQUENTIAL_PARENTS, version, weighted } from "./names.ts";
import type { CreateOp, Op, PathText } from "./program.ts";
import { SUPER } from "./servers.ts";

const PERSISTENT_SESSION = 2;
const RECURSIVE_SESSION = 3;

/** Whether the session sets one-shot watches, and no others. */
function isOneShot(session: number): boolean {
  return session !== PERSISTENT_SESSION && session !== RECURSIVE_SESSION;
}

/** Any request that keeps the connection open; `session` decides on the kind of watch. */
export function ordinaryOp(session: number): fc.Arbitrary<Op> {
  const plain = fc.oneof(
    { weight: 12, arbitrary: writeOp() },
    { weight: 8, arbitrary: readOp(isOneShot(session)) },
    { weight: 3, arbitrary: watchOp(session) },
    { weight: 3, arbitrary: multiOp() },
    { weight: 1, arbitrary: bareOp() },
  );
  const garbled = garbledOp(plain.filter((op) => staysItself(op, session)));
  return fc.oneof(
    { weight: 200, arbitrary: plain },
    { weight: 10, arbitrary: garbled },
    { weight: 1, arbitrary: longOp() },
  );
}

/**
 * Leaves out what a garbled body would turn into something that is not compared: a read that then
 * sets a watch where the session has other ones, a lasting watch of another mode, a watch on a
 * null path or a question for one, and a reconfig, which takes no zxid on Apache when it cannot be
 * read, unlike every other write.
 */
function staysItself({ op }: Op, session: number): boolean {
  if (op === "reconfig" || /Watch(es)?$/.test(op)) return isOneShot(session) && /^set/.test(op);
  return isOneShot(session) || !/^(exists|getData|getChildren2?|setWatches2)$/.test(op);
}

/** Requests up to the longest that servers take by default. */
function longOp(): fc.Arbitrary<Op> {
  const data = fc.constantFrom("#100000", "#1000000", "#1048574", "#1048575");
  const [op, at, version] = [fc.constant("setData" as const), path(), fc.constant(-1)];
  const create = createOp(fc.constant(0), path());
  const made = fc.tuple(create, data).map(([each, long]): Op => ({ ...each, data: long }));
  return fc.oneof(fc.record({ op, path: at, data, version }), made);
}

function createOp(
  flagsOf: fc.Arbitrary<number>,
  at: fc.Arbitrary<PathText>,
): fc.Arbitrary<CreateOp> {
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

/** Any write but multi. */
export function writeOp(): fc.Arbitrary<Op> {
  const [remove, change] = [fc.constant("delete" as const), fc.constant("setData" as const)];
  return fc.oneof(
    { weight: 10, arbitrary: anyCreateOp() },
    { weight: 6, arbitrary: fc.record({ op: remove, path: path(), version: version() }) },
    {
      weight: 6,
      arbitrary: fc.record({ op: change, path: path(), data: data(), version: version() }),
    },
    { weight: 3, arbitrary: setAclOp() },
  );
}

function setAclOp(): fc.Arbitrary<Op> {
  const op = fc.constant("setACL" as const);
  return fc.record({ op, path: path(), acl: acl(), version: version() });
}

function readOp(mayWatch: boolean): fc.Arbitrary<Op> {
  const watch = mayWatch ? fc.boolean() : fc.constant(false);
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
        path: path(),
      }),
    },
  );
}

function watchOp(session: number): fc.Arbitrary<Op> {
  const standard = isOneShot(session);
  const mode = session === PERSISTENT_SESSION ? 0 : 1;
  const add = fc.record({
    op: fc.constant("addWatch" as const),
    path: path().filter(isText),
    mode: standard ? fc.constantFrom(2, -1) : weighted([9, mode], [1, 2]),
  });
  const look = fc.record({
    op: fc.constantFrom("checkWatches", "removeWatches"),
    path: path(),
    mode: standard ? fc.constantFrom(1, 2, 3, 4, 5, 6, 0) : fc.constantFrom(3, 3, 3, 6),
  });
  // Apache 3.8.0 keeps a lasting watch on a null path, and fails over it when it closes.
  const watched = standard ? path() : path().filter(isText);
  const oneOffs = fc.array(watched, { maxLength: 3 });
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
  return fc.oneof(
    { weight, arbitrary: add },
    { weight: 2, arbitrary: look },
    { weight: 2, arbitrary: sets },
  );
}

function isText(path: PathText): path is string {
  return path !== null;
}

const ONE_SHOT = [true, true, true];
const NO_ONE_SHOT = [false, false, false];

function multiOp(): fc.Arbitrary<Op> {
  const check = fc.record({ op: fc.constant("check" as const), path: path(), version: version() });
  const write = fc.oneof({ weight: 5, arbitrary: writeOp() }, check).filter(failsCleanly);
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
  const someRead = read.filter(failsCleanly);
  const multi = fc.constant("multi" as const);
  const multiRead = fc.constant("multiRead" as const);
  const parts = (part: fc.Arbitrary<Op>): fc.Arbitrary<Op[]> => fc.array(part, { maxLength: 5 });
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ op: multi, ops: parts(write) }) },
    { weight: 4, arbitrary: fc.record({ op: multi, ops: parts(good) }) },
    { weight: 3, arbitrary: fc.record({ op: multi, ops: lifeOfANode() }) },
    { weight: 2, arbitrary: fc.record({ op: multi, ops: brokenLife(write) }) },
    { weight: 3, arbitrary: fc.record({ op: multiRead, ops: parts(read) }) },
    { weight: 1, arbitrary: fc.record({ op: multi, ops: parts(fc.oneof(write, someRead)) }) },
    { weight: 1, arbitrary: fc.record({ op: multiRead, ops: parts(fc.oneof(write, read)) }) },
  );
}

/**
 * Leaves out what stops Apache 3.8.0 half way through a multi: over a null path it answers before
 * its zxid has come, and over a time to live under another opcode it forgets to undo, so that a
 * write behind it finds a node that is none and is never answered.
 */
function failsCleanly(op: Op): boolean {
  if ("path" in op && op.path === null) return false;
  return !("flags" in op) || op.op === "createTTL" || (op.flags !== 5 && op.flags !== 6);
}

/** The first few of these: each works on what the one before has left. */
function lifeOfANode(): fc.Arbitrary<Op[]> {
  const [path, child, acl, data] = ["@/m", "@/m/k", "open", "v"];
  const kinds = fc.constantFrom<[CreateOp["op"], number]>(
    ["create", 0],
    ["create", 4],
    ["create2", 0],
    ["createContainer", 4],
    ["createTTL", 5],
  );
  const length = weighted([1, 1], [1, 2], [1, 3], [1, 4], [1, 5], [4, 6]);
  return fc.tuple(kinds, length).map(([[op, flags], count]) => {
    const life: Op[] = [
      { op, path, data: null, acl, flags, ttl: 3_600_000 },
      { op: "setData", path, data, version: 0 },
      { op: "check", path, version: 1 },
      { op: "create", path: child, data, acl, flags: 0 },
      { op: "delete", path: child, version: 0 },
      { op: "delete", path, version: -1 },
    ];
    return life.slice(0, count);
  });
}

/** The life of a node with some other operation in its midst, which mostly fails. */
function brokenLife(other: fc.Arbitrary<Op>): fc.Arbitrary<Op[]> {
  return fc
    .tuple(lifeOfANode(), other, fc.nat({ max: 6 }))
    .map(([life, op, at]) => [...life.slice(0, at), op, ...life.slice(at)]);
}

/** Sets a watch, then asks for it or takes it away, changes what it watches, and asks again. */
export function lifeOfAWatch(session: number): fc.Arbitrary<readonly Op[]> {
  const mode = session === PERSISTENT_SESSION ? 0 : 1;
  const reads = ["exists", "getData", "getChildren"] as const;
  const set = (at: PathText): fc.Arbitrary<Op> =>
    isOneShot(session)
      ? fc.record({
          op: fc.constantFrom(...reads),
          path: fc.constant(at),
          watch: fc.constant(true),
        })
      : fc.constant<Op>({ op: "addWatch", path: at, mode });
  const look = (at: PathText): fc.Arbitrary<Op> => {
    const types = isOneShot(session) ? [1, 2, 3] : [3];
    const op = fc.constantFrom<"checkWatches" | "removeWatches">("checkWatches", "removeWatches");
    return fc.record({ op, path: fc.constant(at), mode: fc.constantFrom(...types) });
  };
  const change = (at: PathText): fc.Arbitrary<Op> =>
    fc.constantFrom<Op>(
      { op: "create", path: at, data: null, acl: "open", flags: 0 },
      { op: "create", path: `${at}/w`, data: null, acl: "open", flags: 1 },
      { op: "setData", path: at, data: "w", version: -1 },
      { op: "delete", path: at, version: -1 },
    );
  return fc
    .constantFrom("@/a", "@/b", "@/a/x", "@/m")
    .chain((at) => fc.tuple(set(at), look(at), change(at), look(at), change(at)));
}

function bareOp(): fc.Arbitrary<Op> {
  return fc.record({
    op: weighted<"whoAmI" | "ping" | "reconfig">([3, "whoAmI"], [1, "ping"], [1, "reconfig"]),
  });
}

/** What a connection may say about who it is. */
export function identityOp(): fc.Arbitrary<Op> {
  const auth = fc.constantFrom("alice:a", "bob:b", "carol:c", SUPER, "nocolon", ":", "");
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        op: fc.constant("auth" as const),
        scheme: fc.constant("digest"),
        auth,
      }),
    },
    { weight: 1, arbitrary: fc.constant<Op>({ op: "auth", scheme: "ip", auth: "" }) },
    { weight: 1, arbitrary: fc.constant<Op>({ op: "sasl" }) },
  );
}

/** What ends the connection: closeSession, a failing auth, unknown requests, bad or long frames. */
export function endingOp(): fc.Arbitrary<Op> {
  const authOp = fc.record({
    op: fc.constant("auth" as const),
    scheme: fc.constantFrom("nonesuch", "world", null),
    auth: fc.constantFrom("x:y", null),
  });
  const [data, version] = ["#1048576", -1];
  const tooLong = path().map((at): Op => ({ op: "setData", path: at, data, version }));
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
    { weight: 1, arbitrary: tooLong },
  );
}

/** Bodies cut short, with bytes that do not parse behind the cut, or with bytes too many. */
function garbledOp(of: fc.Arbitrary<Op>): fc.Arbitrary<Op> {
  const cut = fc.integer({ min: 0, max: 12 });
  const tail = fc.constantFrom("", "", "ff", "ffffffff", "7fffffff", "fffffffe", "00");
  return fc.record({ op: fc.constant("garbled" as const), of, cut, tail });
}

const LIMITS = fc.constantFrom(
  "count=3,bytes=-1=;byteHardLimit=10;countHardLimit=3",
  "count=1,bytes=1",
  "count=-1,bytes=-1=;countHardLimit=2",
  "count=-1,bytes=-1=;byteHardLimit=4",
  "nonsense",
  "",
);

/** What a client makes to set a quota: the limits, and a node for the server to count in. */
export function quotaNodes(): fc.Arbitrary<Op[]> {
  const place = weighted([3, "~/a"], [1, "~/b"]);
  return fc.tuple(place, LIMITS).map(([path, data]) => [
    { op: "create", path: `${path}/zookeeper_limits`, data, acl: "open", flags: 0 },
    { op: "create", path: `${path}/zookeeper_stats`, data: "", acl: "open", flags: 0 },
  ]);
}

/** Reads and changes of the nodes that set and count quotas. */
export function quotaOp(): fc.Arbitrary<Op> {
  const path = fc.constantFrom(
    "~/a/zookeeper_limits",
    "~/a/zookeeper_stats",
    "~/b/zookeeper_limits",
  );
  const [setData, remove] = [fc.constant("setData" as const), fc.constant("delete" as const)];
  const version = fc.constant(-1);
  const limits = fc.constantFrom("~/a/zookeeper_limits", "~/b/zookeeper_limits");
  // Apache's server ends itself over statistics that it cannot read.
  const [stats, counts] = [fc.constant("~/a/zookeeper_stats"), fc.constant("count=1,bytes=7")];
  const read = fc.record({ op: fc.constant("getData" as const), path, watch: fc.constant(false) });
  return fc.oneof(
    { weight: 2, arbitrary: quotaNodes().chain((nodes) => fc.constantFrom(...nodes)) },
    { weight: 2, arbitrary: fc.record({ op: setData, path: limits, data: LIMITS, version }) },
    { weight: 1, arbitrary: fc.record({ op: setData, path: stats, data: counts, version }) },
    { weight: 1, arbitrary: fc.record({ op: remove, path, version }) },
    { weight: 3, arbitrary: read },
  );
}
