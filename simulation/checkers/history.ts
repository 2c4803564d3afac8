import type { WatchEventType } from "../../client/mod.ts";
import type { Stat } from "../../core/wire/records.ts";
import type { Zxid } from "../../core/wire/zxid.ts";

/** One change, alone or as a part of a multi. Its data differ from those of every other. */
export type Change =
  | {
      readonly kind: "create";
      readonly path: string;
      readonly data: string;
      readonly isEphemeral?: boolean;
      readonly isSequential?: boolean;
    }
  /** `version` -1 is any. */
  | { readonly kind: "set"; readonly path: string; readonly data: string; readonly version: number }
  | { readonly kind: "delete"; readonly path: string; readonly version: number };

/** What a client asked for. */
export type Operation =
  | Change
  | { readonly kind: "multi"; readonly changes: readonly Change[] }
  | { readonly kind: "get"; readonly path: string }
  | { readonly kind: "children"; readonly path: string }
  | { readonly kind: "sync"; readonly path: string }
  /** Changes the members: by lines to add or change and ids to remove, or all lines. */
  | {
      readonly kind: "reconfig";
      readonly joining?: readonly string[];
      readonly leaving?: readonly number[];
      readonly members?: readonly string[];
    }
  /** Asks who the members are. */
  | { readonly kind: "config" };

/** What came of it. */
export type Outcome =
  /** Nobody knows: it may have been done, or will be, or never. */
  | { readonly kind: "unknown" }
  /** Refused by the servers with a code; nothing was done. */
  | { readonly kind: "refused"; readonly error: string }
  /** A write was done; Stats and paths of its changes, where the protocol tells them. */
  | { readonly kind: "done"; readonly stats: readonly (Stat | undefined)[]; paths: string[] }
  | { readonly kind: "data"; readonly data: string; readonly stat: Stat; readonly zxid: Zxid }
  | { readonly kind: "children"; readonly children: readonly string[]; readonly zxid: Zxid }
  /** Members that are in force, and the transaction that made them: of a reconfig, its own. */
  | { readonly kind: "members"; readonly members: readonly string[]; readonly version: Zxid };

/** A notification of a watch. */
export interface Notified {
  readonly at: number;
  readonly type: WatchEventType;
}

/** One call of one client. */
export interface Call {
  /** A session's number: whoever begins a new session is another client. */
  readonly client: number;
  /** As Stats show it: a signed int64. */
  readonly session: bigint;
  readonly operation: Operation;
  /** Place in the order of all calls and returns of the run. */
  readonly calledAt: number;
  /** As `calledAt`; infinite while the outcome is unknown. */
  readonly returnedAt: number;
  readonly outcome: Outcome;
  /** For a read that set a watch: when it fired; undefined inside while it has not. */
  readonly watch?: { notified: Notified | undefined };
}

/** Gathers what clients do, in one order. */
export class History {
  readonly calls: Call[] = [];
  #clients = 0;
  #at = 0;

  /** A number for another client. */
  nextClient(): number {
    this.#clients += 1;
    return this.#clients;
  }

  /** The next place in the order. */
  tick(): number {
    this.#at += 1;
    return this.#at;
  }

  /** Writes that were acknowledged so far. */
  get acknowledged(): number {
    return this.calls.filter(({ outcome }) => outcome.kind === "done").length;
  }
}

/** What is wrong with a history, one line each. */
export type Findings = string[];
