import { allowedBy, extraBy, type GhostWatches, same } from "./allowed.ts";
import type { Op } from "./program.ts";
import { type Entry, entryText, type Transcript } from "./transcript.ts";

/** Times each rule of `allowed.ts` was needed. */
export type AllowedCounts = Map<string, number>;

/**
 * The first place at which two transcripts of one program differ and no rule allows it, told in
 * words with what surrounds it; undefined where there is none. Rules that were needed are
 * counted in `counts`.
 */
export function difference(
  transcripts: readonly [Transcript, Transcript],
  counts: AllowedCounts,
): string | undefined {
  const [left, right] = transcripts;
  for (const [at, { requests, entries }] of left.sessions.entries()) {
    const others = right.sessions[at]?.entries ?? [];
    const found = new Pairing(requests, counts).firstDifference(entries, others);
    if (found !== undefined) return `session ${at}, ${surroundings(entries, others, found)}`;
  }
  const lines = Math.max(left.tree.length, right.tree.length);
  for (let at = 0; at < lines; at++) {
    const [a, b] = [left.tree[at], right.tree[at]];
    if (!same(a, b)) return `final tree:\n  1 ${JSON.stringify(a)}\n  2 ${JSON.stringify(b)}`;
  }
  return undefined;
}

/** Places in the two lists of entries. */
type Place = { readonly left: number; readonly right: number };

/** Walks two lists of entries side by side. */
class Pairing {
  readonly #requests: readonly Op[];
  readonly #counts: AllowedCounts;
  readonly #ghosts: GhostWatches = new Set();

  constructor(requests: readonly Op[], counts: AllowedCounts) {
    this.#requests = requests;
    this.#counts = counts;
  }

  firstDifference(a: readonly Entry[], b: readonly Entry[]): Place | undefined {
    let [left, right] = [0, 0];
    for (; left < a.length || right < b.length; left++, right++) {
      const [first, second] = [a[left], b[right]];
      if (first?.kind === "connected") this.#ghosts.clear(); // Watches die with a connection.
      if (same(first, second) || this.#isAllowed(first, second)) continue;
      const extra = extraBy(first, this.#ghosts);
      if (extra === undefined) return { left, right };
      this.#count(extra.name);
      right--; // Apache alone sent it: the other server's entry is compared with the next one.
    }
    return undefined;
  }

  #isAllowed(apache: Entry | undefined, zookit: Entry | undefined): boolean {
    if (apache === undefined || zookit === undefined) return false;
    const op = apache.kind === "reply" ? this.#requests[apache.request] : undefined;
    const rule = allowedBy({ op, apache, zookit }, this.#ghosts);
    if (rule !== undefined) this.#count(rule.name);
    return rule !== undefined;
  }

  #count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }
}

/** Entries told before and behind a difference. */
const NEAR = 6;

function surroundings(a: readonly Entry[], b: readonly Entry[], at: Place): string {
  const lines = [`answer ${at.left}:`];
  for (let offset = -NEAR; offset <= NEAR; offset++) {
    const [first, second] = [a[at.left + offset], b[at.right + offset]];
    if (first === undefined && second === undefined) continue;
    if (same(first, second)) lines.push(`    ${entryText(first)}`);
    else lines.push(`  1 ${entryText(first)}`, `  2 ${entryText(second)}`);
  }
  return lines.join("\n");
}
