import { readdirSync, readFileSync } from "node:fs";
import type { NamespaceQuota, ServerInspection } from "../../core/contracts/inspection.ts";

/** A figure computed when it is asked for. */
export interface Figure {
  /** Apache ZooKeeper's name, without `zk_`. */
  readonly name: string;
  /** Which of several figures of this name it is; stands before the name in `mntr`. */
  readonly key?: string;
  readonly help: string;
  readonly value: number;
  /** Printed with a decimal point even when it is whole. */
  readonly isFraction?: true;
}

/**
 * The figures that describe a server as it is now, under the names and in the order that `mntr` of
 * Apache ZooKeeper 3.8 prints them. A whole server has one list: `mntr` and `/metrics` show it.
 */
export function readFigures(inspection: ServerInspection): Figure[] {
  const stats = inspection.stats();
  const { latency, responseSizes, connectionDropChance: dropChance } = stats;
  const { local, remote } = stats.plainConnections;
  const figure = (name: string, help: string, value: number): Figure => ({ name, help, value });
  const fraction = (name: string, help: string, value: number): Figure => ({
    name,
    help,
    value,
    isFraction: true,
  });
  const figures = [
    figure("ephemerals_count", "ephemeral znodes", stats.ephemeralCount),
    figure("num_alive_connections", "client connections", stats.connectionCount),
    fraction("avg_latency", "mean request latency, ms", latency.avgMs),
    figure("outstanding_requests", "requests not answered yet", stats.outstanding),
    figure("znode_count", "znodes", stats.nodeCount),
    figure("global_sessions", "sessions that all servers know", stats.globalSessionCount),
    figure("non_mtls_remote_conn_count", "connections without TLS from other machines", remote),
    figure("last_client_response_size", "size of the last answer, bytes", responseSizes.last),
    figure("packets_sent", "frames sent to clients", stats.packetsSent),
    figure("packets_received", "frames received from clients", stats.packetsReceived),
    figure("max_client_response_size", "size of the largest answer, bytes", responseSizes.max),
    fraction("connection_drop_probability", "chance of a handshake to be refused", dropChance),
    figure("watch_count", "watches", stats.watchCount),
    figure("auth_failed_count", "refused authentications", stats.authFailedCount),
    figure("min_latency", "least request latency, ms", Math.floor(latency.minMs)),
    figure("max_file_descriptor_count", "files that may be open", descriptorsMax()),
    figure("approximate_data_size", "paths and data, bytes", stats.approximateDataBytes),
    figure("open_file_descriptor_count", "files open", descriptorsOpen()),
    figure("local_sessions", "sessions that only this server knows", stats.localSessionCount),
    figure("uptime", "time served, ms", Math.floor(inspection.uptimeMs)),
    figure("max_latency", "greatest request latency, ms", Math.floor(latency.maxMs)),
    figure("outstanding_tls_handshake", "TLS handshakes under way", stats.handshakeCount),
    figure("min_client_response_size", "size of the smallest answer, bytes", responseSizes.min),
    figure("non_mtls_local_conn_count", "connections without TLS from this machine", local),
  ];
  return [...figures, ...ensembleFigures(inspection), ...quotaFigures(inspection)];
}

/** The name that `mntr` gives a figure, without `zk_`. */
export function monitorName({ name, key }: Figure): string {
  return key === undefined ? name : `${key}_${name}`;
}

function quotaFigures(inspection: ServerInspection): Figure[] {
  const quotas = inspection.quotas();
  const figures = (name: string, help: string, value: (quota: NamespaceQuota) => number) => {
    return quotas.map((quota) => ({ name, key: quota.namespace, help, value: value(quota) }));
  };
  const refusedName = "quota_exceeded_error_per_namespace";
  const refused = figures(refusedName, "requests refused", (one) => one.refusedCount);
  return [
    ...figures("quota_count_limit_per_namespace", "znodes allowed", (one) => one.countLimit),
    ...figures("quota_bytes_limit_per_namespace", "bytes of data allowed", (one) => one.bytesLimit),
    ...figures("quota_count_usage_per_namespace", "znodes there", (one) => one.countUsage),
    ...figures("quota_bytes_usage_per_namespace", "bytes of data there", (one) => one.bytesUsage),
    ...refused.filter(({ value }) => value > 0), // As Apache's: not before the first.
  ];
}

/** What members have, and leaders; the last ones are not Apache's. */
function ensembleFigures({ ensemble, status }: ServerInspection): Figure[] {
  if (ensemble === undefined) return [];
  const figure = (name: string, help: string, value: number): Figure => ({ name, help, value });
  const figures = [figure("quorum_size", "members that may vote", ensemble.voterCount)];
  const { leading } = ensemble;
  if (leading !== undefined) {
    const { learners, proposalSizes } = leading;
    const synced = learners.filter(({ isSynced }) => isSynced);
    const followers = synced.filter(({ isObserver }) => !isObserver);
    const withoutVote = followers.filter(({ isVoting }) => !isVoting).length;
    const lags = learners.map(({ lag }) => lag);
    figures.push(
      figure("learners", "servers connected to this leader", learners.length),
      figure("synced_followers", "followers that serve", followers.length),
      figure("synced_non_voting_followers", "of these, without a vote", withoutVote),
      figure("synced_observers", "observers that serve", synced.length - followers.length),
      figure("pending_syncs", "syncs not answered yet", leading.pendingSyncs),
      figure("leader_uptime", "time served as leader, ms", Math.floor(leading.uptimeMs)),
      figure("last_proposal_size", "size of the last proposal, bytes", proposalSizes.last),
      figure("max_proposal_size", "size of the largest proposal, bytes", proposalSizes.max),
      figure("min_proposal_size", "size of the smallest proposal, bytes", proposalSizes.min),
      figure("learner_lag_max", "most transactions that a follower owes", Math.max(0, ...lags)),
    );
  }
  figures.push(
    figure("current_epoch", "epoch of the leader's history", status.epoch),
    figure("leader_id", "number of the leader, -1 for none", ensemble.leaderId),
  );
  return figures;
}

/** Files this process has open; -1 where the system does not tell. */
function descriptorsOpen(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return -1; // Only Linux has it, and Apache says -1 where it cannot tell.
  }
}

function descriptorsMax(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? -1);
  } catch {
    return -1; // As above.
  }
}
