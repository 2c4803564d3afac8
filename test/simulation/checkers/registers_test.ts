import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Stat } from "../../../core/wire/records.ts";
import { checkRegisters } from "../../../simulation/checkers/check_registers.ts";
import type { Call, Operation, Outcome } from "../../../simulation/checkers/history.ts";
import { Random } from "../../../simulation/random.ts";

const PATH = "/r";
const CLIENTS = 4;
const OPERATIONS = 600;
const SYNC: Operation = { kind: "sync", path: PATH };
const GET: Operation = { kind: "get", path: PATH };

function statOf(zxid: number, version: number): Stat {
  return { czxid: 1, mzxid: zxid, version } as Stat;
}

function done(zxid: number, version: number): Outcome {
  return { kind: "done", stats: [statOf(zxid, version)], paths: [] };
}

function shown(data: string, version: number, zxid: number): Outcome {
  return { kind: "data", data, stat: statOf(zxid, version), zxid };
}

function set(data: string, version = -1): Operation {
  return { kind: "set", path: PATH, data, version };
}

/**
 * Four clients at one register that is right: each call takes effect at one moment between its call
 * and its return. Clients write, write on a condition, and read behind a sync of theirs.
 */
class Story {
  readonly calls: Call[] = [];
  readonly #random: Random;
  #data = "first";
  #version = 0;
  #zxid = 1;
  #at = 10;

  constructor(seed: number) {
    this.#random = new Random(seed);
    const create: Operation = { kind: "create", path: PATH, data: "first" };
    this.#note(1, create, { kind: "done", stats: [statOf(1, 0)], paths: [PATH] }, [1, 2]);
    while (this.calls.length < OPERATIONS) this.#round();
  }

  /** The clients do something at once; their moments are in the order of their numbers. */
  #round(): void {
    const begin = this.#at;
    for (let client = 1; client <= CLIENTS; client++) this.#act(client, begin);
    this.#at = begin + 4 * CLIENTS + 10;
  }

  #act(client: number, begin: number): void {
    const calledAt = begin + client / 10;
    const returnedAt = begin + 2 * CLIENTS + client;
    const dice = this.#random.below(10);
    if (dice < 5) {
      const returns = { calledAt, returnedAt: calledAt + 0.01 };
      this.#note(client, SYNC, { kind: "done", stats: [], paths: [] }, [
        returns.calledAt,
        returnedAt - 0.5,
      ]);
      const outcome = shown(this.#data, this.#version, this.#zxid);
      return this.#note(client, GET, outcome, [calledAt + 0.02, returnedAt]);
    }
    const data = `${client}-${this.calls.length}`;
    const isLost = dice === 9;
    const wanted = dice === 8 ? this.#version + this.#random.below(2) : -1;
    const operation = set(data, wanted);
    if (wanted !== -1 && wanted !== this.#version) {
      const refused: Outcome = { kind: "refused", error: "BadVersion" };
      return this.#note(client, operation, refused, [calledAt, returnedAt]);
    }
    if (!isLost || this.#random.chance(0.5)) {
      this.#data = data;
      this.#version += 1;
      this.#zxid += 1;
    }
    const outcome: Outcome = isLost ? { kind: "unknown" } : done(this.#zxid, this.#version);
    const end = isLost ? Number.POSITIVE_INFINITY : returnedAt;
    this.#note(client, operation, outcome, [calledAt, end]);
  }

  #note(client: number, operation: Operation, outcome: Outcome, at: [number, number]): void {
    const [calledAt, returnedAt] = at;
    this.calls.push({ client, session: 0n, operation, outcome, calledAt, returnedAt });
  }
}

type Spoil = (calls: Call[]) => void;

/** The place of the nth call, past the first half, that is such. */
function find(calls: readonly Call[], isSuch: (call: Call, index: number) => boolean): number {
  const found = calls.findIndex((call, index) => index > OPERATIONS / 2 && isSuch(call, index));
  assert.ok(found > 0, "no such call");
  return found;
}

function change(calls: Call[], index: number, changes: Partial<Call>): void {
  calls[index] = { ...(calls[index] as Call), ...changes };
}

const isRead = ({ outcome }: Call): boolean => outcome.kind === "data";
const isWritten = ({ operation, outcome }: Call): boolean =>
  operation.kind === "set" && outcome.kind === "done";
const isOpen = ({ outcome }: Call): boolean => outcome.kind === "unknown";
/** A read that shows what an earlier round has written. */
const isLate = (calls: readonly Call[]) => (call: Call, index: number) =>
  isRead(call) && calls.slice(index - 3, index).every((other) => !isWritten(other));

function versionOf(call: Call): number {
  const { kind } = call.outcome;
  return kind === "data" || kind === "done" ? statIn(call).version : -1;
}

/** Of a sync, one of a version that nothing has. */
function statIn({ outcome }: Call): Stat {
  if (outcome.kind === "data") return outcome.stat;
  return (outcome.kind === "done" ? outcome.stats[0] : undefined) ?? statOf(0, -1);
}

const BAD: readonly (readonly [string, Spoil])[] = [
  [
    "a stale read after a sync",
    (calls) => {
      const old = calls.find(isRead) as Call;
      const at = find(calls, isRead);
      const zxid = ((calls[at] as Call).outcome as { zxid: number }).zxid;
      const { data } = old.outcome as { data: string };
      change(calls, at, { outcome: shown(data, versionOf(old), zxid) });
    },
  ],
  [
    "a write that is lost",
    (calls) => {
      // As if it had never been: all that follows has one version less.
      const at = find(calls, isWritten);
      const zxid = statIn(calls[at] as Call).mzxid;
      for (const [index, call] of calls.entries()) {
        const { outcome } = call;
        if (outcome.kind === "data" && outcome.stat.mzxid > zxid) {
          change(calls, index, { outcome: shown(outcome.data, versionOf(call) - 1, outcome.zxid) });
        } else if (isWritten(call) && versionOf(call) > versionOf(calls[at] as Call)) {
          const { mzxid } = statIn(call);
          change(calls, index, { outcome: done(mzxid, versionOf(call) - 1) });
        }
      }
    },
  ],
  [
    "a write that was applied twice",
    (calls) => {
      const at = find(calls, isWritten);
      const version = versionOf(calls[at] as Call);
      for (const [index, call] of calls.entries()) {
        if (index <= at || versionOf(call) < version) continue;
        const { outcome } = call;
        if (outcome.kind === "data") {
          change(calls, index, { outcome: shown(outcome.data, versionOf(call) + 1, outcome.zxid) });
        } else if (isWritten(call)) {
          const { mzxid } = statIn(call);
          change(calls, index, { outcome: done(mzxid, versionOf(call) + 1) });
        }
      }
    },
  ],
  [
    "writes of one client in the wrong order, though it waited for neither",
    (calls) => {
      const at = find(calls, isWritten);
      const { client, calledAt } = calls[at] as Call;
      const { mzxid, version } = statIn(calls[at] as Call);
      // Asked for before it, answered with it, and done after it: to a register they overlap.
      const returnedAt = Number.POSITIVE_INFINITY;
      const earlier = { client, session: 0n, operation: set("earlier"), calledAt, returnedAt };
      calls.splice(at, 0, { ...earlier, outcome: done(mzxid + 0.5, version) });
    },
  ],
  [
    "a value that nobody wrote",
    (calls) => {
      const at = find(calls, isRead);
      const { zxid } = (calls[at] as Call).outcome as { zxid: number };
      change(calls, at, { outcome: shown("nobody's", versionOf(calls[at] as Call), zxid) });
    },
  ],
  [
    "a refused write that had its effect",
    (calls) => {
      const at = find(calls, isWritten);
      const refused: Outcome = { kind: "refused", error: "BadVersion" };
      change(calls, at, { outcome: refused, operation: set("refused", 100_000) });
    },
  ],
  [
    "a write on a condition that did not hold",
    (calls) => {
      const at = find(calls, isWritten);
      const { data } = (calls[at] as Call).operation as { data: string };
      change(calls, at, { operation: set(data, versionOf(calls[at] as Call) + 5) });
    },
  ],
  [
    "a value that comes back",
    (calls) => {
      const first = find(calls, isRead);
      const later = find(calls, (call, index) => {
        return index > first && isRead(call) && versionOf(call) > versionOf(calls[first] as Call);
      });
      const back = find(calls, (call, index) => index > later + 8 && isRead(call));
      const { data } = (calls[first] as Call).outcome as { data: string };
      const { zxid } = (calls[back] as Call).outcome as { zxid: number };
      change(calls, back, { outcome: shown(data, versionOf(calls[first] as Call), zxid) });
    },
  ],
  [
    "a znode that is missing for one read",
    (calls) =>
      change(calls, find(calls, isRead), { outcome: { kind: "refused", error: "NoNode" } }),
  ],
  [
    "a write with an unknown outcome that is seen and then undone",
    (calls) => {
      const open = find(calls, isOpen);
      const at = find(calls, (call, index) => index > open + 8 && isLate(calls)(call, index));
      const { outcome } = calls[at] as Call;
      const { data } = (calls[open] as Call).operation as { data: string };
      const { zxid } = outcome as { zxid: number };
      const { version } = (outcome as { stat: Stat }).stat;
      const next = find(calls, (call, index) => index > at && isRead(call));
      change(calls, at, { outcome: shown(data, version, zxid) });
      change(calls, next, { outcome: shown((outcome as { data: string }).data, version, zxid) });
    },
  ],
  [
    "a write seen before it was asked for",
    (calls) => {
      const at = find(calls, isWritten);
      const { data } = (calls[at] as Call).operation as { data: string };
      const before = calls.findLastIndex((call, index) => index < at - 12 && isRead(call));
      const { zxid } = (calls[before] as Call).outcome as { zxid: number };
      change(calls, before, { outcome: shown(data, versionOf(calls[at] as Call), zxid) });
    },
  ],
  [
    "a client that sees less than it has seen",
    (calls) => {
      const at = find(calls, isRead);
      const { data, stat } = (calls[at] as Call).outcome as { data: string; stat: Stat };
      change(calls, at, { outcome: shown(data, stat.version, 1) });
    },
  ],
];

test(`checkRegisters() accepts ${OPERATIONS} calls of ${CLIENTS} clients of a good one`, () => {
  for (let seed = 1; seed <= 10; seed++) {
    assert.equal(checkRegisters(new Story(seed).calls, [PATH]), [], `seed ${seed}`);
  }
});

for (const [name, spoil] of BAD) {
  test(`checkRegisters() rejects ${name}`, () => {
    for (let seed = 1; seed <= 3; seed++) {
      const { calls } = new Story(seed);
      spoil(calls);
      assert.is.not(checkRegisters(calls, [PATH]).length, 0, `seed ${seed}`);
    }
  });
}

test.run();
