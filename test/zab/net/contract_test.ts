import { test } from "uvu";
import type { Consensus } from "../../../core/contracts/consensus.ts";
import { PlainMetrics } from "../../../plugins/metrics/mod.ts";
import { BucketTracking } from "../../../plugins/sessions/mod.ts";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import { ZabConsensus, ZabCore } from "../../../plugins/zab/mod.ts";
import { MemoryStorage } from "../../../storage/memory/mod.ts";
import { freePorts } from "../../../tools/free_ports.ts";
import { TcpPeerNetwork } from "../../../transports/tcp/mod.ts";
import { type ConsensusParts, testConsensus } from "../../conformance/consensus.ts";
import { StillClock } from "../../conformance/consensus_replica.ts";

const storages = new WeakMap<Consensus, MemoryStorage>();
const clocks = new WeakMap<Consensus, StillClock>();

/** An ensemble of one: it votes for itself once time has passed. */
async function make(
  { clock, tickMs, snapCount }: ConsensusParts,
  storage: MemoryStorage = new MemoryStorage(),
): Promise<Consensus> {
  const network = new TcpPeerNetwork();
  const [quorum, election] = await freePorts(2);
  const options = {
    serverId: 1,
    membership: `server.1=127.0.0.1:${quorum}:${election}:participant`,
    peerType: "participant",
    tickTimeMs: tickMs,
    initLimit: 100,
    syncLimit: 100,
    commitLogCount: 500,
    snapshotSizeFactor: 0.33,
    readOnlyMode: false,
    reconfigEnabled: false,
    standaloneEnabled: false,
  } as const;
  const core = new ZabCore(options, new BucketTracking());
  const logger = new ConsoleLogger("silent");
  const parts = { storage, clock, network, logger, metrics: new PlainMetrics(), core };
  const made = new ZabConsensus(parts, { ...options, snapCount, partBytesMax: 1 << 20 });
  storages.set(made, storage);
  if (clock instanceof StillClock) clocks.set(made, clock);
  return made;
}

testConsensus({
  test,
  make,
  elect: async (started) => {
    while (started.status.serving === "none") {
      clocks.get(started)?.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
  release: async (stopped) => {
    await storages.get(stopped)?.close();
  },
  remake: (released, parts) => make(parts, storages.get(released)),
});

test.run();
