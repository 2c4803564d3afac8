import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../../client/mod.ts";
import { Mixed } from "../interop/mixed.ts";

/** How a member that comes back is brought up to date, as captured between it and its leader. */
const ensemble = await Mixed.begin("zookit", "zookit");
const { members } = ensemble;
/** More than the leader has in memory, and more bytes of log than a snapshot of what is left. */
const ROUNDS = 6;
const OVERWRITES = 400;
const VALUE_BYTES = 1_000;

test.after(() => ensemble.end());

test("a member without any data gets the tree: SNAP", () => ensemble.joins(2, 3));

test("a follower that is slightly behind gets what it lacks: DIFF", () => ensemble.isAway(1, 3));

test("a follower far behind, when little is left of what it lacks, gets it all: SNAP", async () => {
  await members.signal(1, "SIGKILL");
  const client = await connect({ servers: members.address(3) });
  const value = new Uint8Array(VALUE_BYTES);
  await client.create("/overwritten", value);
  for (let round = 0; round < ROUNDS; round++) {
    const sets = Array.from({ length: OVERWRITES }, () => client.setData("/overwritten", value));
    await Promise.all(sets);
  }
  await client.close();
  members.start(1);
  assert.is(await members.serving(), 3);
  const { type, from } = members.tap.lastSync(1) ?? {};
  assert.equal([type, from], ["snap", 3]);
});

test("a former leader loses what nobody else has: TRUNC", () => ensemble.losesItsLast(3, 2));

test("all have the same tree then, with all that was acknowledged", () => ensemble.agrees());

test.run();
