/** What one server said while a program ran, in terms that do not depend on the server. */

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

/** All that happened on each session's connection during one step, in order of arrival. */
export type StepRecord = { readonly sessions: readonly (readonly Entry[])[] };

export type Transcript = {
  readonly steps: readonly StepRecord[];
  /** The program's part of the tree at its end: one line a node, in path order. */
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
  for (const step of transcript.steps) {
    for (const entry of step.sessions.flat()) {
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

/** One line an opcode: each code with the count reached on the first and second server. */
export function coverageTable(first: Coverage, second: Coverage): string {
  const rows = new Map<string, string[]>();
  const cells = [...new Set([...first.keys(), ...second.keys()])].sort();
  for (const cell of cells) {
    const [op = "", code = ""] = cell.split(" ");
    const counts = `${first.get(cell) ?? 0}/${second.get(cell) ?? 0}`;
    rows.set(op, [...(rows.get(op) ?? []), `${code}: ${counts}`]);
  }
  return [...rows].map(([op, codes]) => `${op.padEnd(22)} ${codes.join("  ")}`).join("\n");
}
