import type { CreateOp, Op, PathText, Program } from "./program.ts";
import type { Entry, JsonObject, Transcript } from "./transcript.ts";

/** One answer at the same place on both servers, and the request that it answers. */
export type Pair = {
  readonly op: Op | undefined;
  readonly apache: Entry;
  readonly zookit: Entry;
};

/** A difference that is meant: Apache 3.8.0 differs here from the releases that we follow. */
export type AllowedDifference = {
  readonly name: string;
  /** The place in the reference of the client protocol that says so: see `row`. */
  readonly source: string;
  /**
   * Why Zookit does not do as Apache 3.8.0 does although no row of section 17 says that another
   * release does not. Without a row and without this there is no difference.
   */
  readonly mustStay?: string;
  readonly reason: string;
  /** Left out where random programs keep away from it, since Apache would not go on alike. */
  matches?(pair: Pair, ghosts: GhostWatches): boolean;
  /** Whether Apache alone sends `entry`. */
  isExtra?(entry: Entry, ghosts: GhostWatches): boolean;
  /** A program that shows Apache's old behaviour, and what each server says to it in short. */
  readonly example: Program;
  readonly apache: readonly string[];
  readonly zookit: readonly string[];
};

/**
 * Watches that one session has on Apache only, by path: left by an `exists` that Apache 3.8.0
 * answers without a look at the access control list.
 */
export type GhostWatches = Set<PathText>;

/** Rows of section 17 of the reference, its matrix of versions. */
const VERSION_ROWS = [
  "exists READ check, ACL-filtered events",
  "zxid in notifications",
  "remove/checkWatches types 4, 5; coexisting modes",
  "bare check -> -6 and close",
] as const;

function row(name: (typeof VERSION_ROWS)[number]): string {
  return `section 17, row '${name}'`;
}

const EXISTS_READ = row("exists READ check, ACL-filtered events");

const UNREADABLE: Op = { op: "create", path: "@/a", data: "", acl: "noRead", flags: 0 };
const HIDDEN_EXISTS: Op = { op: "exists", path: "@/a", watch: true };

/** The path of a node that is not there, as bytes. */
const DELETE_CONTAINER: Op = { op: "raw", bytes: "0000000d00000009000000142f6e6f6e65" };
const OLD_EVENT = "event 3 @/a zxid -1";
const WATCHER_TYPES = row("remove/checkWatches types 4, 5; coexisting modes");

export const ALLOWED: readonly AllowedDifference[] = [
  {
    name: "notification-zxid",
    source: row("zxid in notifications"),
    reason: "since 3.9.0 an event carries the zxid that caused it; 3.8.0 sends -1",
    matches: ({ apache, zookit }) =>
      apache.kind === "event" &&
      zookit.kind === "event" &&
      apache.zxid === "-1" &&
      same({ ...zookit, zxid: "-1" }, apache),
    example: exampleOf({ op: "exists", path: "@/b", watch: true }, plainNode("@/b")),
    apache: ["exists -101", "event 1 @/b zxid -1", "create 0"],
    zookit: ["exists -101", "event 1 @/b zxid +6", "create 0"],
  },
  {
    name: "exists-needs-read",
    source: EXISTS_READ,
    reason: "since 3.8.4 exists needs READ on the node; 3.8.0 answers and sets the watch",
    matches: ({ op, apache, zookit }, ghosts) => {
      if (op?.op !== "exists" || !sameBut(apache, zookit, ["err", "body"])) return false;
      const allowed = errOf(apache) === 0 && errOf(zookit) === -102;
      if (allowed && op.watch) ghosts.add(op.path);
      return allowed;
    },
    example: exampleOf(UNREADABLE, HIDDEN_EXISTS),
    apache: ["create 0", "exists 0"],
    zookit: ["create 0", "exists -102"],
  },
  {
    name: "exists-needs-read-watches",
    source: EXISTS_READ,
    reason: "the watch that such an exists left on 3.8.0 can be removed",
    matches: ({ op, apache, zookit }, ghosts) =>
      op?.op === "removeWatches" &&
      ghosts.has(op.path) &&
      sameBut(apache, zookit, ["err"]) &&
      errOf(apache) === 0 &&
      errOf(zookit) === -121,
    example: exampleOf(UNREADABLE, HIDDEN_EXISTS, { op: "removeWatches", path: "@/a", mode: 2 }),
    apache: ["create 0", "exists 0", "removeWatches 0"],
    zookit: ["create 0", "exists -102", "removeWatches -121"],
  },
  {
    name: "exists-needs-read-event",
    source: EXISTS_READ,
    reason: "the watch that such an exists left on 3.8.0 fires once the node may be read",
    isExtra: (entry, ghosts) => entry.kind === "event" && ghosts.delete(entry.path),
    example: exampleOf(
      UNREADABLE,
      HIDDEN_EXISTS,
      { op: "setACL", path: "@/a", acl: "open", version: -1 },
      { op: "setData", path: "@/a", data: "1", version: -1 },
    ),
    apache: ["create 0", "exists 0", "setACL 0", OLD_EVENT, "setData 0"],
    zookit: ["create 0", "exists -102", "setACL 0", "setData 0"],
  },
  {
    name: "watcher-types-4-and-5",
    source: WATCHER_TYPES,
    reason: "3.8.0 does not know these types and answers -5",
    matches: ({ op, apache, zookit }) =>
      (op?.op === "checkWatches" || op?.op === "removeWatches") &&
      (op.mode === 4 || op.mode === 5) &&
      sameBut(apache, zookit, ["err"]) &&
      errOf(apache) === -5 &&
      errOf(zookit) === -121,
    example: exampleOf({ op: "checkWatches", path: "@/a", mode: 5 }),
    apache: ["checkWatches -5"],
    zookit: ["checkWatches -121"],
  },
  {
    name: "coexisting-modes",
    source: WATCHER_TYPES,
    reason: "on 3.8.0 a later watch on the same path replaces the former, even a persistent one",
    example: exampleOf(
      plainNode("@/a"),
      { op: "addWatch", path: "@/a", mode: 0 },
      { op: "getData", path: "@/a", watch: true },
      { op: "setData", path: "@/a", data: "1", version: -1 },
      { op: "setData", path: "@/a", data: "2", version: -1 },
    ),
    apache: ["create 0", "addWatch 0", "getData 0", OLD_EVENT, "setData 0", "setData 0"],
    zookit: [
      ...["create 0", "addWatch 0", "getData 0"],
      ...["event 3 @/a zxid +7", "setData 0", "event 3 @/a zxid +8", "setData 0"],
    ],
  },
  {
    name: "check-finds-others-watches",
    source: WATCHER_TYPES, // The change that let modes coexist made the look-up by connection.
    reason: "3.8.0 finds watches of other connections too, and stumbles over paths without a slash",
    matches: ({ op, apache, zookit }) =>
      op?.op === "checkWatches" &&
      sameBut(apache, zookit, ["err"]) &&
      (errOf(apache) === 0 || errOf(apache) === -5) &&
      errOf(zookit) === -121,
    example: {
      identities: [null, null],
      steps: [
        { kind: "batch", session: 0, ops: [{ op: "exists", path: "@/b", watch: true }] },
        { kind: "batch", session: 1, ops: [{ op: "checkWatches", path: "@/b", mode: 2 }] },
      ],
    },
    apache: ["exists -101", "checkWatches 0"],
    zookit: ["exists -101", "checkWatches -121"],
  },
  {
    name: "bare-check",
    source: row("bare check -> -6 and close"),
    reason: "a check outside of a multi is refused; 3.8.0 never answers it, nor what is behind it",
    example: exampleOf({ op: "check", path: "@", version: 0 }),
    apache: ["silent"],
    zookit: ["check -6", "closed"],
  },
  {
    name: "internal-types",
    source: "section 3.0: 'Java accepts -10 and 20 from the wire'",
    mustStay:
      "section 17 has no row for it, since all releases obey; but whoever obeys lets any client " +
      "delete empty nodes whose access control lists forbid it, and set the time-out of its " +
      "session beyond maxSessionTimeout",
    reason: "createSession and deleteContainer are no client's to send; Apache obeys",
    example: {
      identities: [null],
      steps: [
        { kind: "batch", session: 0, ops: [{ op: "unknown", type: -10 }] },
        { kind: "batch", session: 0, ops: [DELETE_CONTAINER] },
      ],
    },
    apache: ["unknown -5", "raw -8"],
    zookit: ["unknown -6", "closed", "raw -6", "closed"],
  },
];

function plainNode(path: string): CreateOp {
  return { op: "create", path, data: "", acl: "open", flags: 0 };
}

function exampleOf(...ops: readonly Op[]): Program {
  return { identities: [null], steps: [{ kind: "batch", session: 0, ops }] };
}

/** The rule that allows the difference in `pair`, if one does. */
export function allowedBy(pair: Pair, ghosts: GhostWatches): AllowedDifference | undefined {
  const { op } = pair;
  const plain = { ...pair, op: op?.op === "garbled" ? op.of : op };
  return ALLOWED.find((rule) => rule.matches?.(plain, ghosts) ?? false);
}

/** What all sessions were told, in short, without the handshakes and pings of the runner. */
export function brief({ sessions }: Transcript): string[] {
  return sessions.flatMap(({ entries }) => entries.flatMap(briefEntry));
}

function briefEntry(entry: Entry): string[] {
  if (entry.kind === "connected") return [];
  if (entry.kind === "event") return [`event ${entry.type} ${entry.path} zxid ${entry.zxid}`];
  if (entry.kind !== "reply") return [entry.kind];
  if (entry.op === "ping") return [];
  const results = resultsOf(entry).map(({ type, err }) => `${type}:${err}`);
  const list = results.length === 0 ? "" : ` [${results.join(" ")}]`;
  const odd = entry.err !== 0 && entry.body !== null ? " and a body" : "";
  return [`${entry.op} ${entry.err}${list}${odd}`];
}

/** The rule that allows that Apache alone sends `entry`, if one does. */
export function extraBy(
  entry: Entry | undefined,
  ghosts: GhostWatches,
): AllowedDifference | undefined {
  if (entry === undefined) return undefined;
  return ALLOWED.find((rule) => rule.isExtra?.(entry, ghosts) ?? false);
}

/** Whether two values out of JSON are equal, whatever the order of their fields. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const [first, second] = [a as Readonly<Record<string, unknown>>, b as typeof a];
  const keys = Object.keys(first);
  if (keys.length !== Object.keys(second).length) return false;
  return keys.every((key) => key in second && same(first[key], Reflect.get(second, key)));
}

function sameBut(a: Entry, b: Entry, fields: readonly string[]): boolean {
  const hidden = Object.fromEntries(fields.map((field) => [field, null]));
  return same({ ...a, ...hidden }, { ...b, ...hidden });
}

function errOf(entry: Entry): number | undefined {
  return entry.kind === "reply" ? entry.err : undefined;
}

function resultsOf(entry: Entry): readonly JsonObject[] {
  if (entry.kind !== "reply") return [];
  const body = entry.body as { readonly results?: readonly JsonObject[] } | null;
  return body?.results ?? [];
}
