import { test } from "uvu";
import { MemoryStorage } from "../../../storage/memory/mod.ts";
import { testConsensus } from "../../conformance/consensus.ts";
import { standaloneFixture } from "./consensus_fixture.ts";

const fixture = standaloneFixture(
  async () => new MemoryStorage(),
  async (closed) => closed,
);
testConsensus({ test, ...fixture });

test.run();
