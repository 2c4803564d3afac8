import type { Consensus } from "../../../core/contracts/consensus.ts";
import type { Storage } from "../../../core/contracts/storage.ts";
import { PlainMetrics } from "../../../plugins/metrics/mod.ts";
import { BucketTracking } from "../../../plugins/sessions/mod.ts";
import { StandaloneConsensus } from "../../../plugins/standalone/mod.ts";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import type { ConsensusFixture, ConsensusParts } from "../../conformance/consensus.ts";

/** Consensus for one server over storages of `makeStorage`; `reopen` takes a closed one. */
export function standaloneFixture(
  makeStorage: () => Promise<Storage>,
  reopen: (closed: Storage) => Promise<Storage>,
): Omit<ConsensusFixture, "test"> {
  const storageOf = new WeakMap<Consensus, Storage>();
  const makeOver = (storage: Storage, { clock, tickMs, snapCount }: ConsensusParts): Consensus => {
    const consensus = new StandaloneConsensus(
      {
        storage,
        clock,
        tracking: new BucketTracking(),
        logger: new ConsoleLogger("error"),
        metrics: new PlainMetrics(),
      },
      { tickTimeMs: tickMs, snapCount },
    );
    storageOf.set(consensus, storage);
    return consensus;
  };
  return {
    make: async (parts) => makeOver(await makeStorage(), parts),
    release: async (stopped) => storageOf.get(stopped)?.close(),
    remake: async (released, parts) => makeOver(await reopen(storageOf.get(released)!), parts),
  };
}
