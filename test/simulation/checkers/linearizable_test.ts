import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  isLinearizable,
  type RegisterCall,
  type RegisterOperation,
  type RegisterOutcome,
} from "../../../simulation/checkers/linearizable.ts";
import { Random } from "../../../simulation/random.ts";

const CREATE = { kind: "create", data: "a" } as const;
const DONE_0 = { kind: "done", version: 0 } as const;

function call(
  operation: RegisterOperation,
  outcome: RegisterOutcome,
  [calledAt, returnedAt]: readonly [number, number],
): RegisterCall {
  return { operation, outcome, calledAt, returnedAt };
}
const set = (data: string, version = -1): RegisterOperation => ({ kind: "set", data, version });
const done = (version: number): RegisterOutcome => ({ kind: "done", version });
const value = (data: string, version: number): RegisterOutcome => ({
  kind: "value",
  data,
  version,
});
const read: RegisterOperation = { kind: "read" };
const unknown: RegisterOutcome = { kind: "unknown" };
const first = call(CREATE, DONE_0, [0, 1]);

const GOOD: readonly (readonly [string, readonly RegisterCall[]])[] = [
  ["nothing at all", []],
  [
    "a read that overlaps a write sees the old value",
    [
      first,
      call(set("b"), done(1), [2, 9]),
      call(read, value("a", 0), [3, 4]),
      call(read, value("b", 1), [5, 6]),
    ],
  ],
  [
    "an unknown write takes effect late",
    [
      first,
      call(set("b"), unknown, [2, 3]),
      call(read, value("a", 0), [4, 5]),
      call(read, value("b", 1), [6, 7]),
    ],
  ],
  [
    "an unknown write never takes effect",
    [
      first,
      call(set("b"), unknown, [2, 3]),
      call(set("c"), done(1), [4, 5]),
      call(read, value("c", 1), [6, 7]),
    ],
  ],
  [
    "an unknown write that nobody read explains a version",
    [first, call(set("b"), unknown, [2, 3]), call(set("c"), done(2), [4, 5])],
  ],
  [
    "two writes at once in the order that versions tell",
    [
      first,
      call(set("b"), done(2), [2, 9]),
      call(set("c"), done(1), [3, 8]),
      call(read, value("b", 2), [10, 11]),
    ],
  ],
  [
    "a znode that is deleted and made again begins at version 0",
    [
      first,
      call(set("b"), done(1), [2, 3]),
      call({ kind: "delete", version: 1 }, done(0), [4, 5]),
      call(read, { kind: "NoNode" }, [6, 7]),
      call({ kind: "create", data: "c" }, DONE_0, [8, 9]),
      call(read, value("c", 0), [10, 11]),
    ],
  ],
];

const BAD: readonly (readonly [string, readonly RegisterCall[]])[] = [
  [
    "a stale read after an acknowledged write",
    [first, call(set("b"), done(1), [2, 3]), call(read, value("a", 0), [4, 5])],
  ],
  [
    "an acknowledged write that is lost",
    [first, call(set("b"), done(1), [2, 3]), call(set("c"), done(1), [4, 5])],
  ],
  [
    "a write that was applied twice",
    [first, call(set("b"), done(1), [2, 3]), call(read, value("b", 2), [4, 5])],
  ],
  [
    "an unknown write that was applied twice",
    [
      first,
      call(set("b"), unknown, [2, 3]),
      call(read, value("b", 1), [4, 5]),
      call(set("c"), done(2), [6, 7]),
      call(read, value("b", 3), [8, 9]),
    ],
  ],
  [
    "writes of one client in the wrong order",
    [first, call(set("b"), done(2), [2, 3]), call(set("c"), done(1), [4, 5])],
  ],
  ["a value that nobody wrote", [first, call(read, value("z", 0), [2, 3])]],
  [
    "a refused write that had its effect",
    [first, call(set("b", 7), { kind: "BadVersion" }, [2, 3]), call(read, value("b", 1), [4, 5])],
  ],
  [
    "a conditional write done on another version",
    [first, call(set("b"), done(1), [2, 3]), call(set("c", 0), done(2), [4, 5])],
  ],
  [
    "a value that comes back",
    [
      first,
      call(set("b"), done(1), [2, 20]),
      call(read, value("b", 1), [3, 4]),
      call(read, value("a", 0), [5, 6]),
    ],
  ],
  [
    "a deleted znode that is read",
    [
      first,
      call({ kind: "delete", version: -1 }, done(0), [2, 3]),
      call(read, value("a", 0), [4, 5]),
    ],
  ],
  ["two creates of one znode", [first, call({ kind: "create", data: "b" }, DONE_0, [2, 3])]],
  [
    "a write seen before it was asked for",
    [first, call(read, value("b", 1), [2, 3]), call(set("b"), done(1), [4, 5])],
  ],
];

for (const [name, calls] of GOOD) {
  test(`isLinearizable() accepts ${name}`, () => {
    assert.is(isLinearizable(calls), true);
  });
}
for (const [name, calls] of BAD) {
  test(`isLinearizable() rejects ${name}`, () => {
    assert.is(isLinearizable(calls), false);
  });
}

/** What 5 clients do at once to a register that is right, each call taking effect in between. */
function makeHistory(random: Random, count: number): RegisterCall[] {
  const calls: RegisterCall[] = [first];
  let state = { data: "a", version: 0 };
  const freeAt = [1, 1, 1, 1, 1];
  for (let i = 0; i < count; i++) {
    const at = 10 * (i + 1);
    const client = freeAt.findIndex((free) => free < at - 1);
    const calledAt = Math.max((freeAt[client] ?? 0) + random.fraction(), at - 30);
    const returnedAt = at + random.between(1, 30);
    freeAt[client] = returnedAt;
    if (random.chance(0.5)) {
      calls.push(call(read, value(state.data, state.version), [calledAt, returnedAt]));
      continue;
    }
    const isLost = random.chance(0.1);
    const data = `v${i}`;
    if (!isLost || random.chance(0.5)) state = { data, version: state.version + 1 };
    const outcome = isLost ? unknown : done(state.version);
    calls.push(call(set(data), outcome, [calledAt, returnedAt]));
  }
  return calls;
}

test("isLinearizable() answers for 500 operations of 5 clients, 5 % of them unknown", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const calls = makeHistory(new Random(seed), 500);
    assert.is(isLinearizable(calls), true, `seed ${seed}`);
    const reads = calls.flatMap(({ outcome }, index) => (outcome.kind === "value" ? [index] : []));
    const [from, to] = [reads[20]!, reads[reads.length - 20]!];
    const spoiled = calls.with(to, { ...calls[to]!, outcome: calls[from]!.outcome });
    assert.is(isLinearizable(spoiled), false, `seed ${seed}, with a stale read`);
  }
});

test.run();
