import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { Committed } from "../../../simulation/checkers/committed.ts";
import type { Call } from "../../../simulation/checkers/history.ts";
import { checkMembers } from "../../../simulation/checkers/member_rules.ts";
import { isQuorum, MembersInForce, readMembers } from "../../../simulation/checkers/members.ts";
import type { LedgerEntry } from "../../../simulation/mod.ts";
import { encodeTxn } from "../../core/tree/history.ts";

const FIRST = [1, 2, 3].map((id) => `server.${id}=h:1:2:participant`);

function reconfigTo(zxid: number, lines: readonly string[]): LedgerEntry {
  const data = new TextEncoder().encode([...lines, `version=${zxid.toString(16)}`].join("\n"));
  const path = "/zookeeper/config";
  const bytes = encodeTxn({ type: OPCODES.reconfig, path, data, version: -1 }, { zxid });
  return { zxid, previous: zxid - 1, bytes };
}

test("a quorum is most of the voters, or most of the weight in most of the groups", () => {
  const isOne = (text: string, ...ids: number[]): boolean =>
    isQuorum(readMembers(text), (id) => ids.includes(id));
  const plain = [...FIRST, "server.4=h:1:2:observer;2181"].join("\n");
  assert.is(isOne(plain, 1, 3), true);
  assert.is(isOne(plain, 1, 4), false);
  const weighted = [...FIRST, "group.1=1:2:3", "weight.1=0", "weight.2=2"].join("\n");
  assert.is(isOne(weighted, 2), true);
  assert.is(isOne(weighted, 1, 3), false);
  const grouped = [...FIRST, "group.1=1:2", "group.2=3"].join("\n");
  assert.is(isOne(grouped, 1, 2), false);
  assert.is(isOne(grouped, 1, 2, 3), true);
});

test("what is committed must be on disk at a quorum, new members at two", () => {
  const violations: string[] = [];
  const disks = new Map([
    [1, 12],
    [2, 12],
    [3, 9],
    [4, 9],
  ]);
  const members = new MembersInForce(FIRST.join("\n"), {
    durableAt: (id) => disks.get(id) ?? 0,
    violated: (problem) => violations.push(problem),
  });
  const next = [1, 4].map((id) => `server.${id}=h:1:2:participant`);
  assert.is(members.take(reconfigTo(10, FIRST)), true);
  assert.equal(violations, []);
  members.take(reconfigTo(11, next));
  assert.equal(violations, ["b is committed, but only on disk at 1 of the voters 1, 4"]);
  assert.equal([members.now.voters, members.version], [[1, 4], 11]);
  members.take(reconfigTo(13, FIRST));
  assert.is(violations.length, 3, "neither the old nor the new have it");
});

/** A client that is told these members, one after the other. */
function told(...answers: readonly [version: number, members: readonly string[]][]): Call[] {
  return answers.map(([version, members], at) => ({
    ...{ client: 1, session: 1n, calledAt: 2 * at, returnedAt: 2 * at + 1 },
    operation: { kind: "config" },
    outcome: { kind: "members", members, version },
  }));
}

test("clients are told committed members, and never older ones again", () => {
  const next = FIRST.slice(0, 2);
  const committed = new Committed([reconfigTo(11, next)]);
  assert.equal(checkMembers(told([0, FIRST], [11, next]), committed, FIRST), []);
  const [others] = checkMembers(told([11, FIRST]), committed, FIRST);
  assert.match(others ?? "", /which were others/);
  const [older] = checkMembers(told([11, next], [0, FIRST]), committed, FIRST);
  assert.match(older ?? "", /after those of/);
});

test.run();
