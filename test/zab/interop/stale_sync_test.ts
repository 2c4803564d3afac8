import { test } from "uvu";
import * as assert from "uvu/assert";
import { ZkError, ZooKeeperClient } from "../../../client/mod.ts";
import { patiently } from "../ensemble/ledger.ts";
import { type Kind, Members } from "../ensemble/members.ts";
import { requireApache } from "./installed.ts";

requireApache();

const LEADER = 3;
const OTHERS = [1, 2];
/** A leader of Apache's looks for its quorum twice in a tick: not before the test is over. */
const RARELY_LOOKING = ["tickTime=60000"];
/** Ticks of half a second, for those who follow it and hear of it that rarely. */
const PATIENT = ["syncLimit=120"];

/**
 * A leader is stopped and the others start anew, until another leads and a write is acknowledged
 * there; then it goes on, and finds a sync of a client that is still connected to it, with a read
 * behind that.
 *
 * @returns what the read showed; undefined when the sync was refused.
 */
async function readBehindSync(kind: Kind): Promise<string | undefined> {
  const follower = { kind: "zookit", settings: PATIENT } as const;
  const leader = { kind, settings: RARELY_LOOKING };
  const members = await Members.plan([follower, follower, leader]);
  try {
    for (const id of [LEADER, 1]) members.start(id);
    assert.is(await members.serving([LEADER, 1]), LEADER);
    members.start(2);
    assert.is(await members.serving(), LEADER);
    const servers = OTHERS.map((id) => members.address(id)).join(",");
    await using elsewhere = new ZooKeeperClient({ servers });
    await using there = new ZooKeeperClient({ servers: members.address(LEADER) });
    await Promise.all([elsewhere.connect(), there.connect()]);
    await elsewhere.create("/r", "old");
    await there.sync("/r");
    await members.signal(LEADER, "SIGSTOP");
    await Promise.all(OTHERS.map((id) => members.signal(id, "SIGKILL")));
    for (const id of OTHERS) members.start(id);
    await members.serving(OTHERS);
    await patiently(() => elsewhere.setData("/r", "new"));
    const answer = syncAndRead(there, "/r");
    await members.signal(LEADER, "SIGCONT");
    const shown = await answer;
    await members.signal(LEADER, "SIGKILL"); // Or the end of the session would wait for a quorum.
    return shown;
  } finally {
    await members.discard();
  }
}

async function syncAndRead(client: ZooKeeperClient, path: string): Promise<string | undefined> {
  try {
    const [, { data }] = await Promise.all([client.sync(path), client.getData(path)]);
    return new TextDecoder().decode(data ?? undefined);
  } catch (error) {
    if (error instanceof ZkError && error.kind === "ConnectionLoss") return undefined;
    throw error;
  }
}

test("a leader of Apache's that wakes up answers a sync; the read behind it is old", async () => {
  assert.is(await readBehindSync("apache"), "old");
});

test("a Zookit leader that wakes up refuses it", async () => {
  assert.is(await readBehindSync("zookit"), undefined);
});

test.run();
