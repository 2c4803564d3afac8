import type { Op } from "./program.ts";
import type { Entry, JsonObject, ReplyEntry } from "./transcript.ts";

/** One answer at the same place on both servers, and the request that it answers. */
export type Pair = {
  readonly op: Op | undefined;
  readonly apache: Entry;
  readonly zookit: Entry;
};

/** A difference that is meant: Apache 3.8.0 differs here from the releases that we follow. */
export type AllowedDifference = {
  readonly name: string;
  /** The place in `client-protocol.md` that says so. */
  readonly source: string;
  readonly reason: string;
  matches(pair: Pair): boolean;
};

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
  },
  {
    name: "create2-in-multi",
    source: "section 4.1: 'Opcode 15 is answered with 15 from 3.8.2 on'",
    reason: "3.8.0 answers a create2 inside of a multi like a create, without its Stat",
    matches: ({ apache, zookit }) =>
      isReply(apache, "multi") &&
      isReply(zookit, "multi") &&
      !same(apache, zookit) &&
      same(apache, withResults(zookit, plainCreate)),
  },
];

/** The rule that allows the difference in `pair`, if one does. */
export function allowedBy(pair: Pair): AllowedDifference | undefined {
  return ALLOWED.find((rule) => rule.matches(pair));
}

export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function isReply(entry: Entry, op: string): entry is ReplyEntry {
  return entry.kind === "reply" && entry.op === op;
}

function plainCreate(result: JsonObject): JsonObject {
  if (result.type !== 15) return result;
  return { ...result, type: 1, body: (result.body as JsonObject).path ?? null };
}

function withResults(entry: ReplyEntry, change: (result: JsonObject) => JsonObject): ReplyEntry {
  const body = entry.body as JsonObject | null;
  const results = body?.results as readonly JsonObject[] | undefined;
  if (body === null || results === undefined) return entry;
  return { ...entry, body: { ...body, results: results.map(change) } };
}
