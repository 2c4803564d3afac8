import type { ServerInspection } from "../../core/contracts/inspection.ts";
import type { Metric, Metrics } from "../../core/contracts/metrics.ts";
import type { SessionId } from "../../core/wire/session_id.ts";
import { formatZxid } from "../../core/wire/zxid.ts";
import { directoryBytes } from "./directory_size.ts";
import { quorumSettings } from "./ensemble.ts";
import { environment } from "./environment.ts";
import { monitorName, readFigures } from "./figures.ts";
import {
  formatBuckets,
  formatConnection,
  formatConnectionFully,
  formatFraction,
  formatMode,
  formatPeer,
  formatPeerState,
} from "./format.ts";
import { SERVER_VERSION } from "./version.ts";

/** Where the server keeps its files, for `conf` and `dirs`. */
export interface Places {
  /** Folder of the data; empty for a server without one. */
  readonly dataDir: string;
  /** Folder of the log; often the same. */
  readonly dataLogDir: string;
  /** Connections that may wait to be accepted; -1 is the system's choice. */
  readonly clientPortListenBacklog: number;
}

/** What a word may ask. */
export interface Asked {
  readonly server: ServerInspection;
  readonly metrics: Metrics;
  readonly places: Places;
}

/** A four-letter word's answer; ends with a line feed unless Apache's does not. */
export type Word = (asked: Asked) => string | Promise<string>;

/** Words that need a server that is serving (CP 10); the others are part of the protocol. */
export const SERVING_WORDS: Readonly<Record<string, Word>> = {
  srvr: ({ server }) =>
    lines(`Zookeeper version: ${SERVER_VERSION}`, ...readOnly(server), ...summary(server)),
  stat: ({ server }) =>
    joined([
      `Zookeeper version: ${SERVER_VERSION}`,
      ...readOnly(server),
      "Clients:",
      ...server.connections().map(formatConnection),
      "",
      ...summary(server),
    ]),
  mntr: monitor,
  conf: configuration,
  cons: ({ server }) => joined([...server.connections().map(formatConnectionFully), ""]),
  crst: ({ server }) => {
    server.resetConnectionStats();
    return lines("Connection stats reset.");
  },
  srst: ({ server }) => {
    server.resetServerStats();
    return lines("Server stats reset.");
  },
  dump,
  wchs: ({ server }) => {
    const { connections, paths, total } = server.watchSummary();
    return lines(`${connections} connections watching ${paths} paths`, `Total watches:${total}`);
  },
  wchc: ({ server }) =>
    joined([
      ...server
        .dataWatches()
        .flatMap(({ session, paths }) => [session.toString(), ...paths.map((path) => `\t${path}`)]),
      "",
    ]),
  wchp: watchesByPath,
  dirs: async ({ places }) =>
    lines(
      `datadir_size: ${await directoryBytes(places.dataDir)}`,
      `logdir_size: ${await directoryBytes(places.dataLogDir)}`,
    ),
  hash: ({ server }) =>
    lines(...server.digests().map(({ zxid, digest }) => `${formatZxid(zxid)}: ${digest}`)),
};

/** Words that are answered whether the server is serving or not. */
export const PROCESS_WORDS: Readonly<Record<string, Word>> = {
  ruok: () => "imok",
  isro: ({ server }) => {
    if (server.status.serving === "none") return "null";
    return server.status.serving === "read-only" ? "ro" : "rw";
  },
  envi: () => lines("Environment:", ...environment().map(([key, value]) => `${key}=${value}`)),
};

/** Joins lines; each ends with a line feed, no lines are empty text. */
export function lines(...all: readonly string[]): string {
  return joined(all);
}

/** As {@link lines}, for more than a call takes arguments: there may be a million watches. */
function joined(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}

function readOnly(server: ServerInspection): string[] {
  const isReadOnly = server.status.serving === "read-only";
  return isReadOnly ? ["READ-ONLY mode; serving only read-only clients"] : [];
}

function summary(server: ServerInspection): string[] {
  const { latency, ...stats } = server.stats();
  const { minMs, avgMs, maxMs } = latency;
  const latencies = [Math.floor(minMs), formatFraction(avgMs), Math.floor(maxMs)];
  const result = [
    `Latency min/avg/max: ${latencies.join("/")}`,
    `Received: ${stats.packetsReceived}`,
    `Sent: ${stats.packetsSent}`,
    `Connections: ${stats.connectionCount}`,
    `Outstanding: ${stats.outstanding}`,
    `Zxid: 0x${formatZxid(stats.lastZxid)}`,
    `Mode: ${formatMode(server)}`,
    `Node count: ${stats.nodeCount}`,
  ];
  if (server.ensemble?.leading !== undefined) {
    const { last, min, max } = server.ensemble.leading.proposalSizes;
    result.push(`Proposal sizes last/min/max: ${last}/${min}/${max}`);
  }
  return result;
}

function monitor({ server, metrics }: Asked): string {
  const figures = readFigures(server);
  const known = new Set(figures.map(({ name }) => name));
  return lines(
    `zk_version\t${SERVER_VERSION}`,
    `zk_server_state\t${formatMode(server)}`,
    ...(server.ensemble === undefined ? [] : [`zk_peer_state\t${formatPeerState(server)}`]),
    ...figures.map((figure) => {
      const { value, isFraction } = figure;
      return `zk_${monitorName(figure)}\t${isFraction === true ? formatFraction(value) : value}`;
    }),
    ...metrics.read().flatMap((metric) => (known.has(metric.name) ? [] : monitorLines(metric))),
  );
}

function monitorLines(metric: Metric): string[] {
  if (metric.kind !== "summary") return [`zk_${metric.name}\t${metric.value}`];
  const { name, summary: figures } = metric;
  const { count, sum, min, max } = figures;
  return [
    `zk_avg_${name}\t${formatFraction(count === 0 ? 0 : sum / count)}`,
    `zk_min_${name}\t${Math.round(min)}`,
    `zk_max_${name}\t${Math.round(max)}`,
    `zk_cnt_${name}\t${count}`,
    `zk_sum_${name}\t${Math.round(sum)}`,
  ];
}

async function configuration({ server, places }: Asked): Promise<string> {
  const { limits, membership } = server;
  const pairs = [
    ["clientPort", limits.clientPort],
    ["secureClientPort", limits.secureClientPort],
    ["dataDir", places.dataDir],
    ["dataDirSize", await directoryBytes(places.dataDir)],
    ["dataLogDir", places.dataLogDir],
    ["dataLogSize", await directoryBytes(places.dataLogDir)],
    ["tickTime", limits.tickTimeMs],
    ["maxClientCnxns", limits.maxClientCnxns],
    ["minSessionTimeout", limits.minSessionTimeoutMs],
    ["maxSessionTimeout", limits.maxSessionTimeoutMs],
    ["clientPortListenBacklog", places.clientPortListenBacklog],
    ["serverId", limits.serverId],
    ...quorumSettings(server),
  ];
  const text = lines(...pairs.map(([key, value]) => `${key}=${value}`));
  return membership === "" ? text : `${text}membership: \n${membership}`;
}

function dump({ server }: Asked): string {
  const { local, global, known } = server.sessions();
  const sessions = (prefix: string, buckets: typeof global): string[] =>
    buckets === undefined ? [] : formatBuckets(`${prefix}Session`, buckets, String);
  const owners = server.ephemerals();
  return joined([
    "SessionTracker dump:",
    ...sessions("Local ", local),
    ...sessions(local === undefined ? "" : "Global ", global),
    ...(global !== undefined
      ? []
      : [
          `Global Sessions(${known.length}):`,
          ...known.map(({ id, timeoutMs }) => `${id}\t${timeoutMs}ms`),
        ]),
    "ephemeral nodes dump:",
    `Sessions with Ephemerals (${owners.length}):`,
    ...owners.flatMap(({ session, paths }) => [`${session}:`, ...paths.map((path) => `\t${path}`)]),
    "Connections dump:",
    ...formatBuckets("Connections", server.connectionBuckets(), ({ peer, session }) => {
      return `ip: ${formatPeer(peer)} sessionId: ${session}`;
    }),
  ]);
}

function watchesByPath({ server }: Asked): string {
  const byPath = new Map<string, SessionId[]>();
  for (const { session, paths } of server.dataWatches()) {
    for (const path of paths) {
      const sessions = byPath.get(path);
      if (sessions === undefined) byPath.set(path, [session]);
      else sessions.push(session);
    }
  }
  const entries = [...byPath].flatMap(([path, ids]) => [path, ...ids.map((id) => `\t${id}`)]);
  return joined([...entries, ""]);
}
