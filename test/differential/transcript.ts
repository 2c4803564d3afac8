/** What one server said while a program ran, in terms that do not depend on the server. */

import type { Op } from "./program.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export type ConnectedEntry = {
  readonly kind: "connected";
  readonly as: "new" | "resumed" | "refused" | "closed";
  readonly timeoutMs: number;
  readonly session: string;
};
export type EventEntry = {
  readonly kind: "event";
  readonly type: number;
  readonly state: number;
  readonly path: string | null;
  readonly zxid: string;
};
export type ReplyEntry = {
  readonly kind: "reply";
  /** Name of the request that this answers, or what the frame could not be matched with. */
  readonly op: string;
  /** Its place among all requests of its session, from 0; -1 when there is none. */
  readonly request: number;
  readonly xid: number;
  readonly zxid: string;
  readonly err: number;
  readonly body: Json;
};
/** `closed`: the server ended the connection. `silent`: it owes `missing` replies. */
export type EndEntry =
  | { readonly kind: "closed" }
  | { readonly kind: "silent"; readonly missing: number };
export type Entry = ConnectedEntry | EventEntry | ReplyEntry | EndEntry;

/** All that one session sent, and all that arrived on its connections, each in order. */
export type SessionRecord = {
  readonly requests: readonly Op[];
  readonly entries: readonly Entry[];
};

export type Transcript = {
  readonly sessions: readonly SessionRecord[];
  /** The program's part of the tree at its end: one line a node, parents first. */
  readonly tree: readonly Json[];
};

/** Counts per `opcode error` pair, for the table of what a run has reached. */
export type Coverage = Map<string, number>;

export function entryText(entry: Entry | undefined): string {
  return entry === undefined ? "(nothing)" : JSON.stringify(entry);
}

/** Adds every answer of `transcript`, those inside of multis included. */
export function addCoverage(coverage: Coverage, transcript: Transcript): void {
  const add = (op: string, code: number | string): void => {
    const cell = `${op} ${code}`;
    coverage.set(cell, (coverage.get(cell) ?? 0) + 1);
  };
  for (const session of transcript.sessions) {
    for (const entry of session.entries) {
      if (entry.kind === "reply") addReply(add, entry);
      else if (entry.kind === "event") add("event", entry.type);
      else if (entry.kind === "connected") add("connect", entry.as);
      else add("connection", entry.kind);
    }
  }
}

function addReply(add: (op: string, code: number | string) => void, entry: ReplyEntry): void {
  add(entry.op, entry.err);
  if (entry.op !== "multi" && entry.op !== "multiRead") return;
  const results = (entry.body as { readonly results?: readonly JsonObject[] } | null)?.results;
  for (const { type, err } of results ?? []) add(`${entry.op}/${type}`, Number(err));
}

/** Rows of opcodes, columns of codes, in each cell the count on the first and second server. */
export function coverageTable(first: Coverage, second: Coverage): string {
  const cells = [...new Set([...first.keys(), ...second.keys()])].map((cell) => cell.split(" "));
  const codes = [...new Set(cells.map(([, code = ""]) => code))].sort(byNumber);
  const ops = [...new Set(cells.map(([op = ""]) => op))].sort();
  const count = (op: string, code: string): string => {
    const cell = `${op} ${code}`;
    if (!first.has(cell) && !second.has(cell)) return "";
    return `${first.get(cell) ?? 0}/${second.get(cell) ?? 0}`;
  };
  const table = [["", ...codes], ...ops.map((op) => [op, ...codes.map((code) => count(op, code))])];
  const widths = table[0]?.map((_, at) => Math.max(...table.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((text, at) => text.padEnd(widths?.[at] ?? 0)).join(" ");
  return table.map((row) => line(row).trimEnd()).join("\n");
}

/** Numbers from the greatest down, then words. */
function byNumber(a: string, b: string): number {
  const [first, second] = [Number(a), Number(b)];
  if (Number.isNaN(first) || Number.isNaN(second)) return a < b ? -1 : 1;
  return second - first;
}
