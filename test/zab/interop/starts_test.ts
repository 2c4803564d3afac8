import { test } from "uvu";
import * as assert from "uvu/assert";
import { Ledger } from "../ensemble/ledger.ts";
import { Members } from "../ensemble/members.ts";
import { requireApache } from "./installed.ts";

requireApache();

const members = await Members.plan([{ kind: "apache" }, { kind: "zookit" }, { kind: "apache" }]);
const ORDERS = [
  [1, 2, 3],
  [1, 3, 2],
  [2, 1, 3],
  [2, 3, 1],
  [3, 1, 2],
  [3, 2, 1],
] as const;

test.after(() => members.discard());

async function killAll(): Promise<void> {
  await Promise.all(members.ids.map((id) => members.signal(id, "SIGKILL")));
}

/** Two start one after the other. @returns who leads them. */
async function startPair(first: number, second: number): Promise<number> {
  members.start(first);
  await members.until(`${first} to look for a leader`, async () => {
    return (await members.ask(first, "ruok")) === "imok" || undefined;
  });
  assert.is(await members.mode(first), undefined);
  members.start(second);
  return members.serving([first, second]);
}

for (const [first, second, third] of ORDERS) {
  test(`${first}, ${second}, ${third} start: of equals the higher id leads`, async () => {
    await killAll();
    const leader = await startPair(first, second);
    assert.is(leader, Math.max(first, second));
    const root = `/started-${first}${second}${third}`;
    const servers = `${members.address(first)},${members.address(second)}`;
    await using ledger = await Ledger.open(servers, root);
    await ledger.write(30);
    members.start(third);
    assert.is(await members.serving(), leader);
    for (const id of members.ids) await ledger.check(members.address(id));
    await ledger.close();
    await members.level();
  });
}

test("a server of either kind with more of the history leads one with a higher id", async () => {
  for (const [ahead, behind] of [
    [1, 2],
    [2, 3],
  ] as const) {
    const [other = 0] = members.ids.filter((id) => id !== ahead && id !== behind);
    await members.signal(behind, "SIGKILL");
    await members.serving([ahead, other]);
    await using ledger = await Ledger.open(members.address(ahead), `/ahead-${ahead}`);
    await ledger.write(150);
    await killAll();
    assert.is(await startPair(behind, ahead), ahead);
    await ledger.check(members.address(behind));
    members.start(other);
    await members.serving();
  }
  await members.equal();
});

test.run();
