import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PeerNetwork } from "../../../core/contracts/peer_network.ts";
import { TransportError } from "../../../core/contracts/transport.ts";
import { NO_SESSION } from "../../../core/wire/session_id.ts";
import { PlainMetrics } from "../../../plugins/metrics/mod.ts";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import type { Effect } from "../../../plugins/zab/core/effect.ts";
import type { ZabMachine } from "../../../plugins/zab/machine.ts";
import { ZabConsensus } from "../../../plugins/zab/mod.ts";
import { MemoryStorage } from "../../../storage/memory/mod.ts";
import { StillClock, SuiteReplica } from "../../conformance/consensus_replica.ts";

const FIRST = "server.1=h:1:2:participant";
const SECOND = `${FIRST}\nserver.2=h:3:4:participant\nversion=5`;

/** A core that answers the next input with what the test says. */
class ScriptedCore implements ZabMachine {
  readonly nextTickMs = Number.POSITIVE_INFINITY;
  readonly status = { role: "looking", serving: "none", serverId: 1, epoch: 0 } as const;
  readonly tracker = undefined;
  readonly membership = FIRST;
  readonly isLooking = true;
  readonly leader = 1;
  readonly learners = [];
  readonly pendingSyncs = 0;
  isTreeForeign = false;
  effects: Effect[] = [];

  step(): readonly Effect[] {
    const { effects } = this;
    this.effects = [];
    return effects;
  }

  touch(): void {}
}

class ConfiguredReplica extends SuiteReplica {
  readonly configured: number[] = [];

  override configure(_membership = "", version = -1): void {
    this.configured.push(version);
  }
}

/** Nobody is there. */
const NETWORK: PeerNetwork = {
  listen: () => Promise.resolve({ port: 2, close: () => Promise.resolve() }),
  dial: () => Promise.reject(new TransportError("refused", "nobody is there")),
};

test("the members in force are not written into another server's tree", async () => {
  const core = new ScriptedCore();
  const replica = new ConfiguredReplica();
  const parts = {
    storage: new MemoryStorage(),
    clock: new StillClock(),
    network: NETWORK,
    logger: new ConsoleLogger("silent"),
    metrics: new PlainMetrics(),
    core,
  };
  const consensus = new ZabConsensus(parts, {
    serverId: 1,
    membership: FIRST,
    peerType: "participant",
    tickTimeMs: 100,
    initLimit: 10,
    syncLimit: 5,
    commitLogCount: 100,
    snapshotSizeFactor: 0.33,
    readOnlyMode: false,
    reconfigEnabled: true,
    standaloneEnabled: true,
    snapCount: 1_000,
    partBytesMax: 1 << 20,
  });
  await consensus.start(replica);
  assert.equal(replica.configured, [0]);
  core.isTreeForeign = true;
  core.effects = [{ kind: "membership", text: SECOND, isCommitted: true }];
  consensus.sync(NO_SESSION, () => {});
  assert.equal(replica.configured, [0], "it may be written down just now, and hold newer ones");
  core.isTreeForeign = false;
  consensus.sync(NO_SESSION, () => {});
  assert.equal(replica.configured, [0, 5]);
  await consensus.stop();
});

test.run();
