import { type AllowedDifference, allowedBy, same } from "./allowed.ts";
import type { Op, Program } from "./program.ts";
import { type Entry, entryText, type Transcript } from "./transcript.ts";

/** Times each rule of `allowed.ts` was needed. */
export type AllowedCounts = Map<string, number>;

/**
 * The first place at which two transcripts of `program` differ and no rule allows it, told in
 * words with what surrounds it; undefined where there is none.
 */
export function difference(
  program: Program,
  transcripts: readonly [Transcript, Transcript],
  counts: AllowedCounts,
): string | undefined {
  const [left, right] = transcripts;
  for (const [index, step] of program.steps.entries()) {
    const sent = step.kind === "batch" ? step.ops : [];
    for (const session of program.identities.keys()) {
      const a = left.steps[index]?.sessions[session] ?? [];
      const b = right.steps[index]?.sessions[session] ?? [];
      const ops = session === step.session ? sent : [];
      const at = firstDifference(ops, [a, b], counts);
      if (at === undefined) continue;
      return `step ${index}, session ${session}, answer ${at}:\n${sideBySide(a, b, at)}`;
    }
  }
  const lines = Math.max(left.tree.length, right.tree.length);
  for (let at = 0; at < lines; at++) {
    const [a, b] = [left.tree[at], right.tree[at]];
    if (!same(a, b)) return `final tree:\n  1 ${JSON.stringify(a)}\n  2 ${JSON.stringify(b)}`;
  }
  return undefined;
}

function firstDifference(
  ops: readonly Op[],
  [a, b]: readonly [readonly Entry[], readonly Entry[]],
  counts: AllowedCounts,
): number | undefined {
  const unanswered = [...ops];
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const [first, second] = [a[at], b[at]];
    const op = first?.kind === "reply" && isOf(unanswered[0], first.op) ? unanswered.shift() : undefined;
    if (same(first, second)) continue;
    if (first === undefined || second === undefined) return at;
    const rule: AllowedDifference | undefined = allowedBy({ op, apache: first, zookit: second });
    if (rule === undefined) return at;
    counts.set(rule.name, (counts.get(rule.name) ?? 0) + 1);
  }
  return undefined;
}

function isOf(op: Op | undefined, name: string): boolean {
  return op !== undefined && (op.op === "garbled" ? `garbled-${op.of.op}` : op.op) === name;
}

function sideBySide(a: readonly Entry[], b: readonly Entry[], at: number): string {
  const lines: string[] = [];
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const [first, second] = [entryText(a[index]), entryText(b[index])];
    if (index !== at && first === second) lines.push(`    ${first}`);
    else lines.push(`  1 ${first}`, `  2 ${second}`);
  }
  return lines.join("\n");
}
