import type { CreateOp, Op, PathText, Program } from "./program.ts";
import type { Entry, EventEntry, JsonObject, ReplyEntry } from "./transcript.ts";

/** One answer at the same place on both servers, and the request that it answers. */
export type Pair = {
  readonly op: Op | undefined;
  readonly apache: Entry;
  readonly zookit: Entry;
};

/** A difference that is meant: Apache 3.8.0 differs here from the releases that we follow. */
export type AllowedDifference = {
  readonly name: string;
  /** The place in the reference of the client protocol that says so. */
  readonly source: string;
  readonly reason: string;
  matches(pair: Pair, ghosts: GhostWatches): boolean;
  /** A program that shows Apache's old behaviour: its transcripts differ by this rule. */
  readonly example: Program;
};

/**
 * Watches that one session has on Apache only, by path: left by an `exists` that Apache 3.8.0
 * answers without a look at the access control list.
 */
export type GhostWatches = Set<PathText>;

const EXISTS_READ = "section 17, row 'exists READ check, ACL-filtered events'";

const UNREADABLE: Op = { op: "create", path: "@/a", data: "", acl: "noRead", flags: 0 };
const HIDDEN_EXISTS: Op = { op: "exists", path: "@/a", watch: true };

export const ALLOWED: readonly AllowedDifference[] = [
  {
    name: "notification-zxid",
    source: "section 17, row 'zxid in notifications'",
    reason: "since 3.9.0 an event carries the zxid that caused it; 3.8.0 sends -1",
    matches: ({ apache, zookit }) =>
      apache.kind === "event" &&
      zookit.kind === "event" &&
      apache.zxid === "-1" &&
      same({ ...zookit, zxid: "-1" }, apache),
    example: exampleOf({ op: "exists", path: "@/b", watch: true }, plainNode("@/b")),
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
  },
  {
    name: "watcher-types-4-and-5",
    source: "section 17, row 'remove/checkWatches types 4, 5; coexisting modes'",
    reason: "3.8.0 does not know these types and answers -5",
    matches: ({ op, apache, zookit }) =>
      (op?.op === "checkWatches" || op?.op === "removeWatches") &&
      (op.mode === 4 || op.mode === 5) &&
      sameBut(apache, zookit, ["err"]) &&
      errOf(apache) === -5 &&
      errOf(zookit) === -121,
    example: exampleOf({ op: "checkWatches", path: "@/a", mode: 5 }),
  },
  {
    name: "check-finds-others-watches",
    source: "section 17, row 'remove/checkWatches types 4, 5; coexisting modes' (ZOOKEEPER-4466)",
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
  },
  {
    name: "create2-in-multi",
    source: "section 4.1: 'Opcode 15 is answered with 15 from 3.8.2 on'",
    reason: "3.8.0 takes a create2 or createContainer with plain flags in a multi for a create",
    matches: ({ op, apache, zookit }) =>
      op?.op === "multi" && errOf(apache) === 0 && same(apache, withPlainCreates(op.ops, zookit)),
    example: exampleOf({ op: "multi", ops: [{ ...plainNode("@/a"), op: "create2" }] }),
  },
  {
    name: "bad-flags-in-multi",
    source: "section 4.1: 'a bad create flag (3.8.2+; earlier an in-body -8)'",
    reason: "a create flag that does not exist makes the whole multi unreadable since 3.8.2",
    matches: ({ op, apache, zookit }) =>
      op?.op === "multi" &&
      op.ops.some(hasBadFlags) &&
      sameBut(apache, zookit, ["err", "body"]) &&
      errOf(zookit) === -5 &&
      resultsOf(apache).some(({ err }) => err !== 0),
    example: exampleOf({ op: "multi", ops: [{ ...plainNode("@/a"), flags: 9 }] }),
  },
  {
    name: "body-behind-an-error",
    source:
      "section 1, Headers: 'a malformed multiRead gets err -5 plus an empty-multi terminator'",
    reason: "a body behind an error is read by no client; here there is none",
    matches: ({ op, apache, zookit }) =>
      op?.op === "multiRead" &&
      sameBut(apache, zookit, ["body"]) &&
      errOf(apache) === -5 &&
      zookit.kind === "reply" &&
      zookit.body === null,
    example: exampleOf({ op: "multiRead", ops: [plainNode("@/a")] }),
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
  return ALLOWED.find((rule) => rule.matches(plain, ghosts));
}

/** Whether Apache alone sends `entry`, because of a watch that it alone has. */
export function isFromGhost(entry: Entry | undefined, ghosts: GhostWatches): entry is EventEntry {
  return entry?.kind === "event" && ghosts.delete(entry.path);
}

export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
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

function hasBadFlags(op: Op): op is CreateOp {
  return "flags" in op && op.op !== "createTTL" && (op.flags < 0 || op.flags > 4);
}

function withPlainCreates(ops: readonly Op[], entry: Entry): Entry {
  const results = resultsOf(entry).map((result, index) => {
    const op = ops[index];
    if (result.type !== 15 || (op?.op !== "create2" && op?.op !== "createContainer")) return result;
    if (op.flags === 4) return result;
    return { ...result, type: 1, body: (result.body as JsonObject).path ?? null };
  });
  const reply = entry as ReplyEntry;
  return { ...reply, body: { ...(reply.body as JsonObject | null), results } };
}
