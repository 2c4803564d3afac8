import { test } from "uvu";
import type { Consensus } from "../../core/contracts/consensus.ts";
import { BucketTracking } from "../../plugins/sessions/mod.ts";
import { MemoryStorage } from "../../storage/memory/mod.ts";
import { testConsensus } from "../conformance/consensus.ts";
import { ToyCluster, type ToyNode } from "./toy_consensus.ts";

const clusters = new WeakMap<Consensus, ToyCluster>();

// From the view of the leader, with two followers that only vote.
testConsensus({
  test,
  make: async ({ clock }) => {
    const cluster = new ToyCluster();
    const nodes = [1, 2, 3].map(() =>
      cluster.add({ storage: new MemoryStorage(), clock, tracking: new BucketTracking() }),
    );
    const [leader] = nodes as [ToyNode];
    clusters.set(leader, cluster);
    return leader;
  },
  elect: async (started) => {
    const cluster = clusters.get(started)!;
    for (const node of cluster.nodes.slice(1)) await node.parts.storage.open();
    await cluster.appoint(0);
  },
  release: async (stopped) => {
    for (const node of clusters.get(stopped)!.nodes) await node.parts.storage.close();
  },
});

test.run();
