import { test } from "uvu";
import { connect } from "../../../client/mod.ts";
import { requireApache } from "./installed.ts";
import { mixedCases } from "./mixed_cases.ts";

requireApache();

const mixed = await mixedCases("apache", "zookit");

test("Zookit leads: a member that was away for long is served from the log on disk", async () => {
  await using client = await connect({ servers: mixed.members.address(3) });
  await client.create("/large", new Uint8Array(800_000)); // A snapshot is not cheaper.
  await mixed.isAway(1, 3, 700); // More than Zookit keeps in memory.
  await mixed.agrees();
});

test.run();
