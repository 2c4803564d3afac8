import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Ledger } from "../ensemble/ledger.ts";
import { Members } from "../ensemble/members.ts";
import { requireApache } from "./installed.ts";
import { INITIAL_COUNTER } from "./rollover.ts";

requireApache();

const APACHE = 2;
const ZOOKIT = 3;
const members = await Members.plan([
  { kind: "zookit" },
  { kind: "apache", properties: [`zookeeper.testingonly.initialZxid=${INITIAL_COUNTER}`] },
  { kind: "zookit", program: fileURLToPath(new URL("late_zookit.ts", import.meta.url)) },
]);
const ledgers: Ledger[] = [];

test.after(async () => {
  for (const ledger of ledgers) await ledger.close();
  await members.discard();
});

async function epochAt(id: number): Promise<number> {
  const answer = await members.ask(id, "srvr");
  const zxid = BigInt(/^Zxid: (\S+)$/m.exec(answer)?.[1] ?? "0");
  return Number(zxid >> 32n);
}

/** Writes until zxids have run out more than once. */
async function rollOver(ids: readonly number[], leader: number): Promise<void> {
  assert.is(await members.serving(ids), leader);
  const before = await epochAt(leader);
  const servers = ids.map((id) => members.address(id)).join(",");
  const ledger = await Ledger.open(servers, `/rolled-${leader}`);
  ledgers.push(ledger);
  await ledger.write(40);
  await members.serving(ids);
  const after = await Promise.all(ids.map(epochAt));
  assert.ok(Math.min(...after) >= before + 2, `epoch ${after} after ${before}`);
  for (const id of ids) await ledger.check(members.address(id));
}

test("zxids run out under a Zookit leader, with a follower of Apache's", async () => {
  for (const id of [APACHE, ZOOKIT]) members.start(id);
  assert.is(await members.serving([APACHE, ZOOKIT]), ZOOKIT);
  members.start(1);
  await rollOver(members.ids, ZOOKIT);
});

test("zxids run out under a leader of Apache's, with a Zookit follower", async () => {
  await members.signal(ZOOKIT, "SIGKILL");
  await rollOver([1, APACHE], APACHE);
});

test("whoever was away comes back over the epochs, and all have the same tree", async () => {
  for (const id of [APACHE, ZOOKIT]) {
    await members.signal(id, "SIGKILL");
    members.makeUsual(id);
    members.start(id);
  }
  await members.serving();
  const [ledger] = ledgers as [Ledger];
  await ledger.write(150); // Digests are noted every 128 transactions.
  await members.equal();
  for (const each of ledgers) for (const id of members.ids) await each.check(members.address(id));
});

test.run();
