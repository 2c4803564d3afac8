import { readTxn, readTxnHeader, TxnHeader } from "../../core/tree/txn.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { formatZxid, type Zxid } from "../../core/wire/zxid.ts";
import type { LedgerEntry } from "../ledger.ts";

/** The members of an ensemble, in a reading of its own: it knows nothing of the servers' rules. */
export interface MemberList {
  readonly text: string;
  readonly ids: readonly number[];
  readonly voters: readonly number[];
  /** Of each voter; 1 where nothing is said. */
  readonly weights: ReadonlyMap<number, number>;
  /** Ids of the voters of each group; all voters are one where there are no groups. */
  readonly groups: readonly (readonly number[])[];
}

/** Reads `server.N=…`, `group.N=…` and `weight.N=…`. */
export function readMembers(text: string): MemberList {
  const ids: number[] = [];
  const voters: number[] = [];
  const groups: number[][] = [];
  const weights = new Map<number, number>();
  for (const line of text.split("\n")) {
    const [, key, number = "", value = ""] = /^(\w+)\.(\d+)=(.*)$/.exec(line) ?? [];
    const id = Number(number);
    if (key === "weight") weights.set(id, Number(value));
    if (key === "group") groups.push(value.split(":").map(Number));
    if (key !== "server") continue;
    ids.push(id);
    if (!/:observer\b/.test(value)) voters.push(id);
  }
  return { text, ids, voters, weights, groups: groups.length > 0 ? groups : [voters] };
}

/** Whether those for which `has` holds have more than half of more than half of the groups. */
export function isQuorum(members: MemberList, has: (id: number) => boolean): boolean {
  const { groups, voters, weights } = members;
  const sumOf = (ids: readonly number[]): number =>
    ids.reduce((sum, id) => sum + (weights.get(id) ?? 1), 0);
  const voting = groups.map((ids) => ids.filter((id) => voters.includes(id)));
  const counted = voting.filter((ids) => sumOf(ids) > 0);
  const won = counted.filter((ids) => 2 * sumOf(ids.filter(has)) > sumOf(ids));
  return 2 * won.length > counted.length;
}

/** The new members that a transaction makes, and undefined for most. */
export function membersOf({ bytes }: LedgerEntry): string | undefined {
  readTxnHeader(HEADER, bytes, 0);
  if (HEADER.type !== OPCODES.reconfig) return undefined;
  const { body } = readTxn(bytes, 0, bytes.length);
  if (body.type !== OPCODES.reconfig) return undefined;
  return new TextDecoder().decode(body.data ?? undefined);
}

const HEADER = new TxnHeader();

/** What is needed to judge commits. */
export interface MembersParts {
  /** The end of what is on the disk of a server. */
  readonly durableAt: (id: number) => Zxid;
  readonly violated: (problem: string) => void;
}

/**
 * The members in force by what is committed, transaction by transaction. What is committed must be
 * on the disks of a quorum of them; new members, on those of a quorum of the old and of the new.
 */
export class MembersInForce {
  now: MemberList;
  /** The transaction that made them; 0 for the first ones. */
  version: Zxid = 0;
  /** How often they have changed. */
  changes = 0;
  readonly #durableAt: (id: number) => Zxid;
  readonly #violated: (problem: string) => void;

  /** @param first the members at first, as text. */
  constructor(first: string, { durableAt, violated }: MembersParts) {
    this.now = readMembers(first);
    this.#durableAt = durableAt;
    this.#violated = violated;
  }

  /** Takes the next transaction that is committed. @returns whether it changes the members. */
  take(entry: LedgerEntry): boolean {
    this.#mustBeDurable(entry.zxid, this.now);
    const text = membersOf(entry);
    if (text === undefined) return false;
    this.now = readMembers(text);
    this.version = entry.zxid;
    this.changes += 1;
    this.#mustBeDurable(entry.zxid, this.now);
    return true;
  }

  #mustBeDurable(zxid: Zxid, members: MemberList): void {
    if (isQuorum(members, (id) => this.#durableAt(id) >= zxid)) return;
    const have = members.voters.filter((id) => this.#durableAt(id) >= zxid).join(" and ") || "none";
    const so = `on disk at ${have} of the voters ${members.voters.join(", ")}`;
    this.#violated(`${formatZxid(zxid)} is committed, but only ${so}`);
  }
}
