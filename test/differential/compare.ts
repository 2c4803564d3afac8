import { allowedBy, type GhostWatches, isFromGhost, same } from "./allowed.ts";
import type { Op, Program, Step } from "./program.ts";
import { type Entry, entryText, type Transcript } from "./transcript.ts";

/** Times each rule of `allowed.ts` was needed. */
export type AllowedCounts = Map<string, number>;

/**
 * The first place at which two transcripts of `program` differ and no rule allows it, told in
 * words with what surrounds it; undefined where there is none. Rules that were needed are
 * counted in `counts`.
 */
export function difference(
  program: Program,
  transcripts: readonly [Transcript, Transcript],
  counts: AllowedCounts,
): string | undefined {
  const [left, right] = transcripts;
  const ghosts: GhostWatches[] = program.identities.map(() => new Set());
  for (const [index, step] of program.steps.entries()) {
    for (const [session, ghostsHere] of ghosts.entries()) {
      const a = left.steps[index]?.sessions[session] ?? [];
      const b = right.steps[index]?.sessions[session] ?? [];
      const pairing = new Pairing(opsOf(step, session), ghostsHere, counts);
      const at = pairing.firstDifference(a, b);
      if (at === undefined) continue;
      return `step ${index}, session ${session}, answer ${at}:\n${sideBySide(a, b)}`;
    }
  }
  const lines = Math.max(left.tree.length, right.tree.length);
  for (let at = 0; at < lines; at++) {
    const [a, b] = [left.tree[at], right.tree[at]];
    if (!same(a, b)) return `final tree:\n  1 ${JSON.stringify(a)}\n  2 ${JSON.stringify(b)}`;
  }
  return undefined;
}

function opsOf(step: Step, session: number): readonly Op[] {
  return step.kind === "batch" && step.session === session ? step.ops : [];
}

/** Walks two lists of entries side by side. */
class Pairing {
  readonly #unanswered: Op[];
  readonly #ghosts: GhostWatches;
  readonly #counts: AllowedCounts;

  constructor(ops: readonly Op[], ghosts: GhostWatches, counts: AllowedCounts) {
    this.#unanswered = [...ops];
    this.#ghosts = ghosts;
    this.#counts = counts;
  }

  firstDifference(a: readonly Entry[], b: readonly Entry[]): number | undefined {
    let [at, other] = [0, 0];
    for (; at < a.length || other < b.length; at++, other++) {
      const [first, second] = [a[at], b[other]];
      if (first?.kind === "connected") this.#ghosts.clear(); // Watches die with a connection.
      const op = this.#requestOf(first);
      if (same(first, second) || this.#isAllowed(op, first, second)) continue;
      if (!isFromGhost(first, this.#ghosts)) return at;
      this.#count("exists-needs-read-event");
      other--; // Apache alone sent it: the other server's entry is compared with the next one.
    }
    return undefined;
  }

  #requestOf(entry: Entry | undefined): Op | undefined {
    const [op] = this.#unanswered;
    if (op === undefined || entry?.kind !== "reply") return undefined;
    const name = op.op === "garbled" ? `garbled-${op.of.op}` : op.op;
    return name === entry.op ? this.#unanswered.shift() : undefined;
  }

  #isAllowed(op: Op | undefined, apache: Entry | undefined, zookit: Entry | undefined): boolean {
    if (apache === undefined || zookit === undefined) return false;
    const rule = allowedBy({ op, apache, zookit }, this.#ghosts);
    if (rule !== undefined) this.#count(rule.name);
    return rule !== undefined;
  }

  #count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }
}

function sideBySide(a: readonly Entry[], b: readonly Entry[]): string {
  const lines: string[] = [];
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const [first, second] = [entryText(a[index]), entryText(b[index])];
    if (first === second) lines.push(`    ${first}`);
    else lines.push(`  1 ${first}`, `  2 ${second}`);
  }
  return lines.join("\n");
}
