import type { Id } from "../wire/records.ts";
import type { SessionId } from "../wire/session_id.ts";
import type { Zxid } from "../wire/zxid.ts";
import type { ConsensusStatus, EnsembleFigures } from "./consensus.ts";
import { type Token, token } from "./token.ts";
import type { Peer } from "./transport.ts";

/** Least, mean and greatest of a duration in milliseconds; 0 before the first. */
export interface Latency {
  readonly minMs: number;
  readonly avgMs: number;
  readonly maxMs: number;
}

/** Sizes in bytes of the last, smallest and largest; -1 before the first. */
export interface Sizes {
  readonly last: number;
  readonly min: number;
  readonly max: number;
}

/** The server as a whole, since its start or since {@link ServerInspection.resetServerStats}. */
export interface ServerStats {
  /** Time from arrival of a request to its answer. */
  readonly latency: Latency;
  /** Frames from clients, and one for each four-letter word. */
  readonly packetsReceived: number;
  /** Frames to clients, notifications included. */
  readonly packetsSent: number;
  /** Requests received and not answered yet. */
  readonly outstanding: number;
  /** Client connections, those of four-letter words included. */
  readonly connectionCount: number;
  readonly lastZxid: Zxid;
  readonly nodeCount: number;
  readonly ephemeralCount: number;
  /** Paths and data, in bytes. */
  readonly approximateDataBytes: number;
  /** Watches of all kinds. */
  readonly watchCount: number;
  readonly globalSessionCount: number;
  readonly localSessionCount: number;
  /** Chance of a handshake to be turned away at random, 0 to 1. */
  readonly connectionDropChance: number;
  /** Auth packets that were refused. */
  readonly authFailedCount: number;
  /** Answers to clients. */
  readonly responseSizes: Sizes;
  /** Connections accepted without TLS since the start: from this machine, and from others. */
  readonly plainConnections: { readonly local: number; readonly remote: number };
  /** Connections that have not finished their TLS handshake. */
  readonly handshakeCount: number;
}

/** What a connection's session has done, since its start or the last reset. */
export interface SessionStats {
  readonly id: SessionId;
  readonly timeoutMs: number;
  /** Opcode of the last request answered; undefined before the first. */
  readonly lastOpcode: number | undefined;
  /** Positive xid answered last; undefined before the first. */
  readonly lastCxid: number | undefined;
  /** Zxid in the last reply; -1 before the first. */
  readonly lastZxid: Zxid;
  /** When the last reply was sent, monotonic ms of the server's clock; 0 before the first. */
  readonly lastResponseTimeMs: number;
  readonly lastLatencyMs: number;
  readonly latency: Latency;
}

/** One client connection. */
export interface ConnectionStats {
  readonly peer: Peer;
  /** 1 when it is read, 4 when output waits, 5 for both, 0 for neither or a four-letter word. */
  readonly interestOps: number;
  /** Requests received and not answered yet. */
  readonly queued: number;
  readonly received: number;
  readonly sent: number;
  /** Wall time at which the connection was accepted, ms since 1970. */
  readonly establishedMs: number;
  /** Undefined before the handshake is answered. */
  readonly session: SessionStats | undefined;
}

/** Things that are due at the same tick. */
export interface Bucket<T> {
  /** Wall time, ms since 1970. */
  readonly dueMs: number;
  readonly members: readonly T[];
}

/** What the `dump` word shows of sessions. Buckets come in ascending time. */
export interface SessionDump {
  /** Undefined when local sessions are off. */
  readonly local: readonly Bucket<SessionId>[] | undefined;
  /** Undefined when another server expires the global sessions; {@link known} is shown then. */
  readonly global: readonly Bucket<SessionId>[] | undefined;
  /** Every global session of the replicated state. */
  readonly known: readonly { readonly id: SessionId; readonly timeoutMs: number }[];
}

/** A session and the znodes that belong to it. */
export interface SessionPaths {
  readonly session: SessionId;
  readonly paths: readonly string[];
}

/** Totals of the data watches (those of getData and exists). */
export interface WatchSummary {
  readonly connections: number;
  readonly paths: number;
  readonly total: number;
}

/** Limits in force and addresses in use. */
export interface ServerLimits {
  /** Port of the first plain transport, -1 without one. */
  readonly clientPort: number;
  /** Port of the first encrypted transport, -1 without one. */
  readonly secureClientPort: number;
  readonly serverId: number;
  readonly tickTimeMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** Connections of one address, 0 for no limit. */
  readonly maxClientCnxns: number;
}

/** All quotas below one child of the root (`QuotaMetricsUtils`). */
export interface NamespaceQuota {
  /** The child's name. */
  readonly namespace: string;
  /** Znodes: hard limits where there are any, else soft ones; a quota without either counts -1. */
  readonly countLimit: number;
  /** Of the same kind, bytes. */
  readonly bytesLimit: number;
  /** Znodes that are there. */
  readonly countUsage: number;
  readonly bytesUsage: number;
  /** Changes that hard limits refused since the last reset, here: where writes are checked. */
  readonly refusedCount: number;
}

/**
 * What an operator may ask of a running server: the source of four-letter words and of the figures
 * that are computed on demand. Every method answers at once from this server's own state, and none
 * changes what clients see but {@link shedConnections}. (`ServerStats`, `ServerCnxn` and
 * `ZooKeeperServerBean` in Apache ZooKeeper.)
 */
export interface ServerInspection {
  readonly status: ConsensusStatus;
  /** Since the server began to serve. */
  readonly uptimeMs: number;
  readonly limits: ServerLimits;
  /** Text of `/zookeeper/config`; empty for a server that stands alone. */
  readonly membership: string;
  /** Undefined for a server that stands alone. */
  readonly ensemble: EnsembleFigures | undefined;
  stats(): ServerStats;
  /** In the order accepted. */
  connections(): readonly ConnectionStats[];
  /** Connections by the time at which they are closed for silence, in ascending time. */
  connectionBuckets(): readonly Bucket<{ readonly peer: Peer; readonly session: SessionId }>[];
  sessions(): SessionDump;
  /** Sessions that own ephemeral znodes. */
  ephemerals(): readonly SessionPaths[];
  watchSummary(): WatchSummary;
  /** What quotas allow and what is used, summed up by the first name of their paths. */
  quotas(): readonly NamespaceQuota[];
  /** Sessions connected here that have data watches. */
  dataWatches(): readonly SessionPaths[];
  /** Tree digests noted on the way, at most 1,024, in ascending order; none when they are off. */
  digests(): readonly { readonly zxid: Zxid; readonly digest: bigint }[];
  /** The checkpoint or other whole copy of the tree begun last; undefined before the first. */
  readonly lastCheckpoint: { readonly zxid: Zxid; readonly wallMs: number } | undefined;
  /**
   * Closes some of the client connections, spread evenly over those who came early and late. Their
   * sessions live on, and their clients go to another server, if there is one.
   *
   * @param percentage of the connections, 0 to 100, rounded to the nearest whole one.
   * @returns how many.
   */
  shedConnections(percentage: number): number;
  /** Whether somebody with these identities has every permission on `/`. */
  mayAdminister(ids: readonly Id[]): boolean;
  /** Sets what {@link connections} counts to 0 (`crst`). */
  resetConnectionStats(): void;
  /** Sets latencies, packet counts and sizes to 0, and the `Metrics` too (`srst`). */
  resetServerStats(): void;
}

/** Single; the server itself fills it. */
export const INSPECTION: Token<ServerInspection> = token("inspection");
