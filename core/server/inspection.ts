import type { ConsensusStatus, EnsembleFigures } from "../contracts/consensus.ts";
import type {
  Bucket,
  ConnectionStats,
  NamespaceQuota,
  ServerInspection,
  ServerLimits,
  ServerStats,
  SessionDump,
  SessionPaths,
  WatchSummary,
} from "../contracts/inspection.ts";
import type { Metrics } from "../contracts/metrics.ts";
import type { SessionTracker } from "../contracts/sessions.ts";
import type { Peer, Transport } from "../contracts/transport.ts";
import { allQuotas } from "../tree/quota.ts";
import { NO_NODE, ROOT } from "../tree/tree.ts";
import { PERMS } from "../wire/opcodes.ts";
import type { Id } from "../wire/records.ts";
import type { SessionId } from "../wire/session_id.ts";
import type { Zxid } from "../wire/zxid.ts";
import type { ClientServer } from "./client_server.ts";
import { sessionTimeoutMax, sessionTimeoutMin } from "./options.ts";

/** Answers operators from the parts of one running server. */
export class Inspection implements ServerInspection {
  readonly #server: ClientServer;
  readonly #metrics: Metrics;
  readonly #transports: readonly Transport[];
  readonly #startedMs: number;

  constructor(server: ClientServer, metrics: Metrics, transports: readonly Transport[]) {
    this.#server = server;
    this.#metrics = metrics;
    this.#transports = transports;
    this.#startedMs = server.clock.now();
    this.#registerGauges();
  }

  get status(): ConsensusStatus {
    return this.#server.consensus.status;
  }

  get uptimeMs(): number {
    return this.#server.clock.now() - this.#startedMs;
  }

  get limits(): ServerLimits {
    const { options } = this.#server;
    return {
      clientPort: this.#portOf(false),
      secureClientPort: this.#portOf(true),
      serverId: this.status.role === "standalone" ? 0 : this.status.serverId,
      tickTimeMs: options.tickTimeMs,
      minSessionTimeoutMs: sessionTimeoutMin(options),
      maxSessionTimeoutMs: sessionTimeoutMax(options),
      maxClientCnxns: options.maxClientCnxns,
    };
  }

  #portOf(isEncrypted: boolean): number {
    const first = this.#transports.find((transport) => {
      return transport.port > 0 && (transport.isEncrypted ?? false) === isEncrypted;
    });
    return first?.port ?? -1;
  }

  get membership(): string {
    return this.#server.consensus.membership;
  }

  get ensemble(): EnsembleFigures | undefined {
    return this.#server.consensus.ensemble;
  }

  stats(): ServerStats {
    const { statistics, tree, connections, claimed, dataWatches, childWatches } = this.#server;
    return {
      latency: statistics.latency.read(),
      packetsReceived: statistics.packetsReceived,
      packetsSent: statistics.packetsSent,
      outstanding: statistics.outstanding,
      connectionCount: connections.size + claimed.size,
      lastZxid: tree.lastZxid,
      // The root counts twice, as in Apache, where it is under "" and "/" (CP 3.4).
      nodeCount: tree.nodeCount + 1,
      ephemeralCount: tree.ephemeralCount,
      // For the same reason its path of one byte counts.
      approximateDataBytes: tree.approximateDataBytes + 1,
      watchCount: dataWatches.count + childWatches.count,
      globalSessionCount: tree.sessions.size,
      localSessionCount: this.#server.localTracker.size,
      connectionDropChance: this.#server.connectionThrottle.dropChance,
      authFailedCount: statistics.authFailed.value,
      responseSizes: statistics.responseSizes,
      plainConnections: { ...statistics.plainConnections },
      handshakeCount: this.#transports.reduce((sum, each) => sum + (each.handshakeCount ?? 0), 0),
    };
  }

  connections(): readonly ConnectionStats[] {
    const { connections, claimed, clock } = this.#server;
    const ofClients = [...connections].map((connection) => ({
      peer: connection.transport.peer,
      interestOps: (connection.isHeld ? 0 : 1) + (connection.transport.bufferedBytes > 0 ? 4 : 0),
      queued: connection.queued,
      received: connection.counters.received,
      sent: connection.counters.sent,
      establishedMs: connection.establishedMs,
      session:
        connection.session === undefined || connection.isHandshaking
          ? undefined
          : connection.counters.read(connection.session),
    }));
    const ofWords = [...claimed.keys()].map(({ peer }) => ({
      peer,
      interestOps: 0,
      queued: 0,
      received: 1,
      sent: 0,
      establishedMs: clock.wallTime(),
      session: undefined,
    }));
    return [...ofClients, ...ofWords];
  }

  connectionBuckets(): readonly Bucket<{ readonly peer: Peer; readonly session: SessionId }>[] {
    const { connections, options, clock } = this.#server;
    const offset = clock.wallTime() - clock.now();
    const buckets = new Map<number, { readonly peer: Peer; readonly session: SessionId }[]>();
    for (const { heardMs, session, transport } of connections) {
      if (session === undefined) continue;
      const { tickTimeMs } = options;
      const due = (Math.floor((heardMs + session.timeoutMs) / tickTimeMs) + 1) * tickTimeMs;
      const members = buckets.get(due) ?? [];
      members.push({ peer: transport.peer, session: session.id });
      buckets.set(due, members);
    }
    const ascending = [...buckets].sort(([a], [b]) => a - b);
    return ascending.map(([due, members]) => ({ dueMs: Math.round(due + offset), members }));
  }

  sessions(): SessionDump {
    const { consensus, localTracker, options, replica } = this.#server;
    return {
      local: options.localSessionsEnabled ? this.#buckets(localTracker) : undefined,
      global: consensus.tracker === undefined ? undefined : this.#buckets(consensus.tracker),
      known: replica.sessions,
    };
  }

  ephemerals(): readonly SessionPaths[] {
    const { tree, replica } = this.#server;
    const owners: SessionPaths[] = [];
    for (const { id } of replica.sessions) {
      const paths: string[] = [];
      let node = tree.firstEphemeral(id.high, id.low);
      for (; node !== NO_NODE; node = tree.nextEphemeral(node)) paths.push(tree.pathOf(node));
      if (paths.length > 0) owners.push({ session: id, paths });
    }
    return owners;
  }

  quotas(): readonly NamespaceQuota[] {
    const found = new Map<string, NamespaceQuota>();
    for (const { path, limits, stats } of allQuotas(this.#server.tree)) {
      const namespace = path.split("/")[1] ?? "";
      const { count, bytes, countHardLimit, byteHardLimit } = limits;
      const before = found.get(namespace);
      found.set(namespace, {
        namespace,
        countLimit: (before?.countLimit ?? 0) + (countHardLimit > -1 ? countHardLimit : count),
        bytesLimit: (before?.bytesLimit ?? 0) + (byteHardLimit > -1 ? byteHardLimit : bytes),
        countUsage: (before?.countUsage ?? 0) + (stats?.count ?? 0),
        bytesUsage: (before?.bytesUsage ?? 0) + (stats?.bytes ?? 0),
        refusedCount: this.#server.statistics.quotaRefusals.get(namespace) ?? 0,
      });
    }
    return [...found.values()];
  }

  watchSummary(): WatchSummary {
    const watchers = this.dataWatches();
    const { dataWatches } = this.#server;
    return {
      connections: watchers.length,
      paths: dataWatches.pathCount,
      total: dataWatches.count,
    };
  }

  dataWatches(): readonly SessionPaths[] {
    const { connections, dataWatches } = this.#server;
    const result: SessionPaths[] = [];
    for (const connection of connections) {
      const paths = dataWatches.pathsOf(connection);
      if (connection.session === undefined || paths.length === 0) continue;
      result.push({ session: connection.session.id, paths });
    }
    return result;
  }

  digests(): readonly { readonly zxid: Zxid; readonly digest: bigint }[] {
    return this.#server.replica.digests;
  }

  get lastCheckpoint(): ServerInspection["lastCheckpoint"] {
    return this.#server.replica.lastCheckpoint;
  }

  shedConnections(percentage: number): number {
    const connections = [...this.#server.connections];
    const count = Math.round((connections.length * percentage) / 100);
    for (let i = 0; i < count; i++) {
      connections[Math.floor((i * connections.length) / count)]?.destroy();
    }
    return count;
  }

  mayAdminister(ids: readonly Id[]): boolean {
    const { tree, permissions } = this.#server;
    const acls = tree.acls(tree.aclId(ROOT));
    return Object.values(PERMS).every((perm) => permissions.allows(acls, perm, ids));
  }

  resetConnectionStats(): void {
    for (const connection of this.#server.connections) connection.counters.reset();
  }

  resetServerStats(): void {
    this.#server.statistics.reset();
    this.#metrics.reset();
  }

  #buckets(tracker: SessionTracker): Bucket<SessionId>[] {
    const { clock } = this.#server;
    const offset = clock.wallTime() - clock.now();
    return tracker.buckets().map(({ deadlineMs, sessions }) => ({
      dueMs: Math.round(deadlineMs + offset),
      members: sessions,
    }));
  }

  #registerGauges(): void {
    this.#metrics.gauge("tree_bytes", "Memory of the znodes, bytes", () => {
      return this.#server.tree.bytesUsed;
    });
  }
}
