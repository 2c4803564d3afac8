import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkHistory } from "../../../simulation/checkers/check_history.ts";
import { Committed } from "../../../simulation/checkers/committed.ts";
import { type Call, History } from "../../../simulation/checkers/history.ts";
import { type LedgerEntry, simulate } from "../../../simulation/mod.ts";
import { REGISTERS, Workload } from "../../../simulation/seeds/workload.ts";

/** What clients did on three good servers, and what those committed. */
interface Story {
  readonly calls: readonly Call[];
  readonly entries: readonly LedgerEntry[];
}

let good: Story;

test.before(async () => {
  await simulate({ servers: 3, seed: 1 }, async (world) => {
    const history = new History();
    const options = { clients: 4, pauseMs: 30, timeoutMs: 4_000 };
    const workload = new Workload(world, history, options);
    await workload.start();
    await world.sleep(15_000);
    await workload.stop();
    good = { calls: history.calls, entries: world.ledger.entries };
  });
});

function findingsOf({ calls, entries }: Story): string[] {
  return checkHistory(calls, new Committed(entries), REGISTERS);
}

/** Calls that fit, from the middle of the run on. */
function indexesOf(fits: (call: Call) => boolean): number[] {
  const found = good.calls.flatMap((call, index) => (fits(call) ? [index] : []));
  return found.slice(Math.floor(found.length / 2));
}

/** The good story with one call in another way. */
function withCall(index: number, change: Partial<Call>): Story {
  return { ...good, calls: good.calls.with(index, { ...(good.calls[index] as Call), ...change }) };
}

const isRead = ({ operation, outcome }: Call): boolean =>
  operation.kind === "get" && REGISTERS.includes(operation.path) && outcome.kind === "data";
const isSet = ({ operation, outcome }: Call): boolean =>
  operation.kind === "set" && REGISTERS.includes(operation.path) && outcome.kind === "done";

/** Ways to spoil a good story, and what must be said of each. */
const PLANTED: readonly (readonly [string, () => Story, RegExp])[] = [
  [
    "a read that shows an older value than its zxid",
    () => {
      const [index = 0] = indexesOf(isRead);
      const { operation, outcome } = good.calls[index] as Call;
      const path = operation.kind === "get" ? operation.path : "";
      const before = good.calls.find(
        (other) => isRead(other) && other.operation.kind === "get" && other.operation.path === path,
      );
      if (outcome.kind !== "data" || before?.outcome.kind !== "data") throw new Error("no reads");
      return withCall(index, { outcome: { ...before.outcome, zxid: outcome.zxid } });
    },
    /read w?\S+ .*version \d+; it was/,
  ],
  [
    "a session that goes back to an older state",
    () => {
      const indexes = indexesOf(isRead);
      const index = indexes.at(-1) ?? 0;
      const { client, operation } = good.calls[index] as Call;
      const older = good.calls.find(
        ({ client: other, operation: asked, outcome }) =>
          other !== client &&
          asked.kind === "get" &&
          operation.kind === "get" &&
          asked.path === operation.path &&
          outcome.kind === "data",
      );
      return withCall(index, { outcome: older?.outcome ?? { kind: "unknown" } });
    },
    /shows \w+ after \w+/,
  ],
  [
    "an acknowledged write that is not committed",
    () => {
      const [index = 0] = indexesOf(isSet);
      const { outcome } = good.calls[index] as Call;
      const zxid = outcome.kind === "done" ? outcome.stats[0]?.mzxid : undefined;
      return { ...good, entries: good.entries.filter((entry) => entry.zxid !== zxid) };
    },
    /is nobody's|is not among what is committed/,
  ],
  [
    "a write that was committed twice",
    () => {
      const at = Math.floor(good.entries.length / 2);
      const again = good.entries[at] as LedgerEntry;
      return { ...good, entries: good.entries.toSpliced(at + 1, 0, again) };
    },
    /is nobody's/,
  ],
  [
    "two writes of a session in the wrong order",
    () => {
      const [first = 0] = indexesOf(isSet);
      const { client } = good.calls[first] as Call;
      const second = good.calls.findIndex(
        (call, index) => index > first && call.client === client && isSet(call),
      );
      const [a, b] = [good.calls[first] as Call, good.calls[second] as Call];
      return { ...good, calls: good.calls.with(first, b).with(second, a) };
    },
    /is nobody's|is not among/,
  ],
  [
    "a write that was acknowledged before one with a lower zxid began",
    () => {
      const indexes = indexesOf(isSet);
      const { calledAt } = good.calls[indexes[0] ?? 0] as Call;
      const change = { calledAt: calledAt - 0.6, returnedAt: calledAt - 0.5 };
      return withCall(indexes.at(-1) ?? 0, change);
    },
    /had returned before it began/,
  ],
  [
    "a refused write that was done",
    () => withCall(indexesOf(isSet)[0] ?? 0, { outcome: { kind: "refused", error: "BadVersion" } }),
    /is nobody's|is not among/,
  ],
  [
    "an event that comes after a read of the change",
    () => {
      const [index = 0] = indexesOf(({ watch }) => watch?.notified?.type === "dataChanged");
      const { watch } = good.calls[index] as Call;
      const type = watch?.notified?.type ?? "dataChanged";
      return withCall(index, { watch: { notified: { at: Number.POSITIVE_INFINITY, type } } });
    },
    /before its event/,
  ],
  [
    "an event of nothing",
    () => {
      const [index = 0] = indexesOf((call) => isRead(call) && call.watch !== undefined);
      const { outcome } = good.calls[index] as Call;
      if (outcome.kind !== "data") throw new Error("no reads");
      // It saw the newest state: nothing has changed since.
      const zxid = good.entries.at(-1)?.zxid ?? 0;
      const watch = { notified: { at: 0, type: "dataChanged" } } as const;
      return withCall(index, { outcome: { ...outcome, zxid }, watch });
    },
    /told of a change that never was/,
  ],
  [
    "a child that is left out",
    () => {
      const [index = 0] = indexesOf(
        ({ outcome }) => outcome.kind === "children" && outcome.children.length > 0,
      );
      const { outcome } = good.calls[index] as Call;
      if (outcome.kind !== "children") throw new Error("no children");
      return withCall(index, { outcome: { ...outcome, children: outcome.children.slice(1) } });
    },
    /saw children of/,
  ],
  [
    "a number of a sequential znode that comes twice",
    () => {
      const made = indexesOf(
        ({ operation, outcome }) =>
          operation.kind === "create" && operation.path === "/seq/n" && outcome.kind === "done",
      );
      const [first, second] = made.map((index) => good.calls[index] as Call);
      if (first?.outcome.kind !== "done" || second?.outcome.kind !== "done") throw new Error("few");
      const { paths } = first.outcome;
      return withCall(made[1] ?? 0, { outcome: { ...second.outcome, paths } });
    },
    /number \d+ at \w+ comes after \d+/,
  ],
  [
    "a znode that is said to be missing and was there",
    () => withCall(indexesOf(isRead)[0] ?? 0, { outcome: { kind: "refused", error: "NoNode" } }),
    /but it was there/,
  ],
];

test("checkHistory() finds nothing wrong with good servers", () => {
  assert.equal(findingsOf(good), []);
  assert.ok(good.calls.length > 500);
});

for (const [name, spoil, expected] of PLANTED) {
  test(`checkHistory() notices ${name}`, () => {
    assert.match(findingsOf(spoil()).join("\n"), expected);
  });
}

test.run();
