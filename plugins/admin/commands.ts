import type {
  AdminCommand,
  AdminReply,
  AdminRequest,
  AdminValue,
} from "../../core/contracts/admin.ts";
import type { ConnectionStats, SessionPaths } from "../../core/contracts/inspection.ts";
import type { Metric } from "../../core/contracts/metrics.ts";
import { formatZxid } from "../../core/wire/zxid.ts";
import { directoryBytes } from "./directory_size.ts";
import {
  leaderOf,
  learnersOf,
  observersOf,
  syncedObservers,
  votingView,
  zabState,
} from "./ensemble.ts";
import { environment } from "./environment.ts";
import { monitorName, readFigures } from "./figures.ts";
import { formatAddress, formatMode, formatPeerState, operationName } from "./format.ts";
import { traceMaskOf } from "./trace_mask.ts";
import { SERVER_VERSION } from "./version.ts";
import type { Asked } from "./words.ts";

/** What the commands tell besides what the server knows itself. */
export interface Setup {
  /** Text of the configuration file; empty without one. */
  readonly initialConfiguration: string;
  /** Settings under the names of Java's system properties. */
  readonly properties: Readonly<Record<string, string>>;
}

type Fields = NonNullable<AdminReply["fields"]>;
type Answer = (request: AdminRequest) => AdminReply | Promise<AdminReply>;

/**
 * The commands that every server has, with Apache's names, keys and order (CP 11). Like Apache's
 * they ask for no identity.
 */
export function builtInCommands(asked: Asked, setup: Setup): AdminCommand[] {
  return [...serving(asked, setup), ...always(asked, setup)];
}

/** Those that need a server that is serving. */
function serving(asked: Asked, setup: Setup): AdminCommand[] {
  const { server } = asked;
  const command = make(true);
  return [
    command(["connection_stat_reset", "crst"], () => {
      server.resetConnectionStats();
      return {};
    }),
    command(["configuration", "conf", "config"], () => ({ fields: configuration(asked) })),
    command(["connections", "cons"], () => ({ fields: connections(asked, false) })),
    command(["hash"], () => ({ fields: { digests: digests(asked) } })),
    command(["dirs"], async () => ({ fields: await directories(asked) })),
    command(["dump"], () => ({ fields: dump(asked) })),
    command(["initial_configuration", "icfg"], () => {
      return { fields: { initial_configuration: setup.initialConfiguration } };
    }),
    command(["is_read_only", "isro"], () => ({ fields: { read_only: isReadOnly(asked) } })),
    command(["last_snapshot", "lsnp"], () => ({ fields: lastSnapshot(asked) })),
    command(["leader", "lead"], () => ({ fields: leaderOf(server) })),
    command(["observer_connection_stat_reset", "orst"], () => {
      for (const { traffic } of syncedObservers(server)) traffic?.reset();
      return {};
    }),
    command(["ruok"], () => ({})),
    command(["server_stats", "srvr"], async () => ({ fields: await serverStats(asked) })),
    command(["stats", "stat"], async () => {
      return { fields: { ...(await serverStats(asked)), ...connections(asked, true) } };
    }),
    command(["stat_reset", "srst"], () => {
      server.resetServerStats();
      return {};
    }),
    command(["learners"], () => ({ fields: learnersOf(server) })),
    command(["observers", "obsr"], () => ({ fields: observersOf(server) })),
    command(["voting_view"], () => ({ fields: { current_config: votingView(server) } })),
    command(["watches", "wchc"], () => {
      return { fields: { session_id_to_watched_paths: bySession(server.dataWatches()) } };
    }),
    command(["watches_by_path", "wchp"], () => ({
      fields: { path_to_session_ids: byPath(asked) },
    })),
    command(["watch_summary", "wchs"], () => {
      const { connections: count, paths, total } = server.watchSummary();
      return { fields: { num_connections: count, num_paths: paths, num_total_watches: total } };
    }),
  ];
}

/** Those that are about the process. */
function always(asked: Asked, setup: Setup): AdminCommand[] {
  const command = make(false);
  return [
    command(["environment", "env", "envi"], () => ({ fields: new Map(environment()) })),
    command(["get_trace_mask", "gtmk"], () => {
      return { fields: { tracemask: traceMaskOf(asked.server).mask } };
    }),
    command(["set_trace_mask", "stmk"], (request) => setTraceMask(asked, request)),
    command(["monitor", "mntr"], () => ({ fields: monitor(asked) })),
    command(["system_properties", "sysp"], () => {
      const sorted = Object.entries(setup.properties).sort(([a], [b]) => (a < b ? -1 : 1));
      return { fields: new Map(sorted) };
    }),
    command(["zabstate"], () => ({ fields: zabState(asked.server) })),
  ];
}

function make(needsServing: boolean) {
  return (names: AdminCommand["names"], run: Answer): AdminCommand => {
    return { names, method: "GET", needsServing, needsAuthority: false, run };
  };
}

function configuration({ server, places }: Asked): Fields {
  const { limits } = server;
  return {
    client_port: limits.clientPort,
    data_dir: places.dataDir,
    data_log_dir: places.dataLogDir,
    tick_time: limits.tickTimeMs,
    max_client_cnxns: limits.maxClientCnxns,
    min_session_timeout: limits.minSessionTimeoutMs,
    max_session_timeout: limits.maxSessionTimeoutMs,
    server_id: limits.serverId,
    client_port_listen_backlog: places.clientPortListenBacklog,
  };
}

function connections({ server }: Asked, isBrief: boolean): { [key: string]: AdminValue } {
  const all = server.connections();
  const describe = (secure: boolean): AdminValue[] => {
    return all.filter(({ peer }) => peer.secure === secure).map((one) => connection(one, isBrief));
  };
  return { connections: describe(false), secure_connections: describe(true) };
}

function connection(stats: ConnectionStats, isBrief: boolean): AdminValue {
  const { session } = stats;
  const brief = {
    remote_socket_address: formatAddress(stats.peer),
    interest_ops: stats.interestOps,
    outstanding_requests: stats.queued,
    packets_received: stats.received,
    packets_sent: stats.sent,
  };
  if (isBrief) return brief;
  return {
    ...brief,
    session_id: session?.id.toBigInt() ?? 0,
    last_operation: operationName(session?.lastOpcode),
    established: stats.establishedMs,
    session_timeout: session?.timeoutMs ?? 0,
    last_cxid: session?.lastCxid ?? -1,
    last_zxid: session?.lastZxid ?? -1,
    last_response_time: Math.floor(session?.lastResponseTimeMs ?? 0),
    last_latency: Math.floor(session?.lastLatencyMs ?? 0),
    min_latency: Math.floor(session?.latency.minMs ?? 0),
    avg_latency: Math.floor(session?.latency.avgMs ?? 0),
    max_latency: Math.floor(session?.latency.maxMs ?? 0),
  };
}

function digests({ server }: Asked): AdminValue[] {
  return server.digests().map(({ zxid, digest }) => {
    // Java has no unsigned numbers.
    return { zxid, digest: BigInt.asIntN(64, digest), digest_version: DIGEST_VERSION };
  });
}

const DIGEST_VERSION = 2;

async function directories({ places }: Asked): Promise<{ [key: string]: AdminValue }> {
  return {
    datadir_size: await directoryBytes(places.dataDir),
    logdir_size: await directoryBytes(places.dataLogDir),
  };
}

function dump({ server }: Asked): Fields {
  const { local, global } = server.sessions();
  const expiry = new Map<string, AdminValue[]>();
  for (const { dueMs, members } of [...(global ?? []), ...(local ?? [])]) {
    const key = String(dueMs);
    const ids = members.map((id) => id.toBigInt());
    expiry.set(key, [...(expiry.get(key) ?? []), ...ids]);
  }
  return {
    expiry_time_to_session_ids: expiry,
    session_id_to_ephemeral_paths: bySession(server.ephemerals()),
  };
}

function bySession(all: readonly SessionPaths[]): AdminValue {
  return new Map(all.map(({ session, paths }) => [session.toBigInt().toString(), paths]));
}

function byPath({ server }: Asked): AdminValue {
  const result = new Map<string, bigint[]>();
  for (const { session, paths } of server.dataWatches()) {
    for (const path of paths) {
      const sessions = result.get(path);
      if (sessions === undefined) result.set(path, [session.toBigInt()]);
      else sessions.push(session.toBigInt());
    }
  }
  return result;
}

function isReadOnly({ server }: Asked): boolean {
  return server.status.serving === "read-only";
}

function lastSnapshot({ server }: Asked): Fields {
  const last = server.lastCheckpoint;
  if (last === undefined) return { zxid: "ffffffffffffffff", timestamp: -1 };
  return { zxid: formatZxid(last.zxid), timestamp: Math.floor(last.wallMs / 1000) };
}

async function serverStats(asked: Asked): Promise<{ [key: string]: AdminValue }> {
  const { server, metrics } = asked;
  const stats = server.stats();
  const { last, min, max } = stats.responseSizes;
  const sizes = { last_buffer_size: last, min_buffer_size: min, max_buffer_size: max };
  const slowFsyncs = metrics.read().find(({ name }) => name === "fsync_threshold_exceed_count");
  const directorySizes = await directories(asked);
  return {
    version: SERVER_VERSION,
    read_only: isReadOnly(asked),
    server_stats: {
      packets_sent: stats.packetsSent,
      packets_received: stats.packetsReceived,
      fsync_threshold_exceed_count: slowFsyncs?.kind === "counter" ? slowFsyncs.value : 0,
      client_response_stats: sizes,
      data_dir_size: directorySizes["datadir_size"] ?? 0,
      log_dir_size: directorySizes["logdir_size"] ?? 0,
      server_state: formatMode(server),
      last_processed_zxid: stats.lastZxid,
      outstanding_requests: stats.outstanding,
      avg_latency: Math.round(stats.latency.avgMs * 10_000) / 10_000,
      max_latency: Math.floor(stats.latency.maxMs),
      min_latency: Math.floor(stats.latency.minMs),
      num_alive_client_connections: stats.connectionCount,
      auth_failed_count: stats.authFailedCount,
      non_mtlsremote_conn_count: stats.plainConnections.remote,
      non_mtlslocal_conn_count: stats.plainConnections.local,
      provider_null: false,
      uptime: Math.floor(server.uptimeMs),
    },
    client_response: sizes,
    ...proposalStats(asked),
    node_count: stats.nodeCount,
  };
}

function proposalStats({ server }: Asked): { [key: string]: AdminValue } {
  const sizes = server.ensemble?.leading?.proposalSizes;
  if (sizes === undefined) return {};
  const { last, min, max } = sizes;
  return { proposal_stats: { last_buffer_size: last, min_buffer_size: min, max_buffer_size: max } };
}

function setTraceMask({ server }: Asked, { args }: AdminRequest): AdminReply {
  const given = args.get("traceMask");
  const error = "setTraceMask requires long traceMask argument";
  if (given === undefined) return { fields: { error } };
  if (!/^[-+]?\d{1,19}$/.test(given)) return { fields: { error: `${error}, got ${given}` } };
  const trace = traceMaskOf(server);
  trace.mask = BigInt.asIntN(64, BigInt(given.replace("+", "")));
  return { fields: { tracemask: trace.mask } };
}

function monitor({ server, metrics }: Asked): Fields {
  const fields: [key: string, value: AdminValue][] = [
    ["version", SERVER_VERSION],
    ["server_state", formatMode(server)],
  ];
  if (server.ensemble !== undefined) fields.push(["peer_state", formatPeerState(server)]);
  const figures = readFigures(server);
  const known = new Set(figures.map(({ name }) => name));
  for (const figure of figures) fields.push([monitorName(figure), figure.value]);
  for (const metric of metrics.read()) {
    if (!known.has(metric.name)) fields.push(...monitored(metric));
  }
  return new Map(fields);
}

function monitored(metric: Metric): [key: string, value: AdminValue][] {
  const { name } = metric;
  if (metric.kind !== "summary") return [[name, metric.value]];
  const { count, sum, min, max } = metric.summary;
  const avg = count === 0 ? 0 : Math.round((sum / count) * 10_000) / 10_000;
  return [
    [`avg_${name}`, avg],
    [`min_${name}`, Math.round(min)],
    [`max_${name}`, Math.round(max)],
    [`cnt_${name}`, count],
    [`sum_${name}`, Math.round(sum)],
  ];
}
