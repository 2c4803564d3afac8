/**
 * A server of an ensemble: consensus by Zab, in Apache ZooKeeper's own protocol.
 *
 * ```ts
 * import { tcpPeers } from "zookit/transports/tcp";
 * import { zab } from "zookit/plugins/zab";
 *
 * const servers = [1, 2, 3].map((id) => `server.${id}=zk${id}:2888:3888:participant`);
 * const plugins = [zab({ serverId: 1, membership: servers.join("\n") }), tcpPeers()];
 * ```
 *
 * @module
 */
import { CLOCK } from "../../core/contracts/clock.ts";
import { CONSENSUS } from "../../core/contracts/consensus.ts";
import { LOGGER } from "../../core/contracts/logger.ts";
import { METRICS } from "../../core/contracts/metrics.ts";
import { PEER_NETWORK } from "../../core/contracts/peer_network.ts";
import { SESSION_TRACKING, type SessionTracking } from "../../core/contracts/sessions.ts";
import { STORAGE } from "../../core/contracts/storage.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { SERVER_OPTIONS } from "../../core/server/options.ts";
import { Membership } from "./core/membership.ts";
import type { ZabOptions } from "./core/options.ts";
import { ZabCore } from "./core/zab_core.ts";
import { ZabConsensus } from "./driver.ts";
import type { ZabMachine } from "./machine.ts";
import { LimitedLogger } from "./net/limited_logger.ts";

export type { Effect } from "./core/effect.ts";
export type { Input, LinkId, Stored } from "./core/input.ts";
export { type Member, Membership, parseMember } from "./core/membership.ts";
export type { ZabOptions } from "./core/options.ts";
export { ZabCore } from "./core/zab_core.ts";
export { type DriverOptions, ZabConsensus, type ZabParts } from "./driver.ts";
export type { ZabMachine } from "./machine.ts";

/** Longest transaction, and longest node of a snapshot, that is taken from another server. */
const PART_BYTES_MAX = 64 * 1024 * 1024;

/** Settings of a member; names are `zoo.cfg`'s, defaults Apache's. */
export interface ZabSettings {
  /** The number in `myid`, 0 to 255: that of a line of {@link membership}. */
  readonly serverId: number;
  /**
   * Lines `server.N=host:quorumPort:electionPort:role[;clientPort]`, groups and weights, and the
   * `version` of members that came from a reconfiguration (PP 7.2).
   */
  readonly membership: string;
  /** Default: what the membership says of this server. */
  readonly peerType?: "participant" | "observer" | undefined;
  /** Ticks that a learner may take to connect and synchronise. Default 10. */
  readonly initLimit?: number | undefined;
  /** Ticks without a word after which a learner and its leader give each other up. Default 5. */
  readonly syncLimit?: number | undefined;
  /** Transactions kept in memory for learners that lag, at least. Default 500. */
  readonly commitLogCount?: number | undefined;
  /** Log that may be sent instead of a snapshot, as a part of its size. Default 0.33. */
  readonly snapshotSizeFactor?: number | undefined;
  /** Serve read-only clients while there is no quorum. Default false. */
  readonly readOnlyMode?: boolean | undefined;
  /** Whether clients may change the membership. Default false. */
  readonly reconfigEnabled?: boolean | undefined;
  /** Whether a membership may have a single voter. Default true. */
  readonly standaloneEnabled?: boolean | undefined;
  /**
   * Keeps members that are learned, on disk when it returns: those in force (`isCommitted`), which
   * {@link membership} must be at the next start, or those that are proposed, which the log tells
   * as well. What it throws stops the server. Default: they are not kept.
   */
  readonly keepMembership?: ((text: string, isCommitted: boolean) => void) | undefined;
  /** Makes the pure core; for tests that put something around it. */
  readonly makeCore?: ((options: ZabOptions, tracking: SessionTracking) => ZabMachine) | undefined;
}

/**
 * Consensus for a member of an ensemble. `serverId` of the server's own options must be the same,
 * since it stands in session ids.
 *
 * @throws {ZkError} `BadArguments` for a membership that cannot be read.
 * @throws {RangeError} when it does not name this server.
 */
export function zab(settings: ZabSettings): Plugin {
  const { serverId, membership } = settings;
  const own = Membership.parse(membership).members.get(serverId);
  if (own === undefined) throw new RangeError(`no line server.${serverId} in the membership`);
  return {
    name: "zab",
    provides: [CONSENSUS],
    requires: [STORAGE, CLOCK, SESSION_TRACKING, LOGGER, METRICS, SERVER_OPTIONS, PEER_NETWORK],
    register: (container) =>
      container.provide(CONSENSUS, () => {
        const { tickTimeMs, snapCount, fsyncWarningMs } = container.get(SERVER_OPTIONS);
        const options: ZabOptions = {
          serverId,
          membership,
          peerType: settings.peerType ?? own.role,
          tickTimeMs,
          initLimit: settings.initLimit ?? 10,
          syncLimit: settings.syncLimit ?? 5,
          commitLogCount: settings.commitLogCount ?? 500,
          snapshotSizeFactor: settings.snapshotSizeFactor ?? 0.33,
          readOnlyMode: settings.readOnlyMode ?? false,
          reconfigEnabled: settings.reconfigEnabled ?? false,
          standaloneEnabled: settings.standaloneEnabled ?? true,
        };
        const make = settings.makeCore ?? ((...given) => new ZabCore(...given));
        const parts = {
          storage: container.get(STORAGE),
          clock: container.get(CLOCK),
          network: container.get(PEER_NETWORK),
          logger: new LimitedLogger(container.get(LOGGER), container.get(CLOCK)),
          metrics: container.get(METRICS),
          core: make(options, container.get(SESSION_TRACKING)),
        };
        const { keepMembership } = settings;
        const limits = { snapCount, fsyncWarningMs, partBytesMax: PART_BYTES_MAX };
        return new ZabConsensus(parts, { ...options, ...limits, keepMembership });
      }),
  };
}
