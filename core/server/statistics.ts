import type { Latency, Sizes } from "../contracts/inspection.ts";
import type { Counter, Metrics, Summary } from "../contracts/metrics.ts";
import type { Peer } from "../contracts/transport.ts";
import type { ClientConnection } from "./connection.ts";
import type { RequestWarnings } from "./request_warnings.ts";

/** What stands before every frame, and is not counted. */
const FRAME_LENGTH_BYTES = 4;
/** Addresses of this machine. */
const LOCAL = /^(?:127\.|::1$)/;

/** Durations counted one by one, in whole or fractional milliseconds. */
export class LatencyCount {
  #count = 0;
  #sumMs = 0;
  #minMs = 0;
  #maxMs = 0;

  /** Notes a duration, `times` times. */
  add(ms: number, times = 1): void {
    if (this.#count === 0 || ms < this.#minMs) this.#minMs = ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
    this.#count += times;
    this.#sumMs += ms * times;
  }

  reset(): void {
    this.#count = 0;
    this.#sumMs = 0;
    this.#minMs = 0;
    this.#maxMs = 0;
  }

  read(): Latency {
    const avgMs = this.#count === 0 ? 0 : this.#sumMs / this.#count;
    return { minMs: this.#minMs, avgMs, maxMs: this.#maxMs };
  }
}

/** What one server counts on its way; plain fields, so that counting costs an addition. */
export class Statistics {
  packetsReceived = 0;
  packetsSent = 0;
  /** Requests received and not answered. */
  outstanding = 0;
  /** Bytes of these. */
  outstandingBytes = 0;
  readonly latency: LatencyCount = new LatencyCount();
  readonly #warnings: RequestWarnings;
  readonly #responses = { last: -1, min: -1, max: -1 };
  /** Connections without TLS, from this machine and from others. */
  readonly plainConnections: { local: number; remote: number } = { local: 0, remote: 0 };
  readonly connectionRequests: Counter;
  readonly connectionsDropped: Counter;
  readonly connectionsRejected: Counter;
  readonly sessionlessExpired: Counter;
  readonly revalidations: Counter;
  readonly bytesReceived: Counter;
  readonly responseBytes: Counter;
  readonly watchBytes: Counter;
  readonly authFailed: Counter;
  readonly createsRefused: Counter;
  readonly commits: Counter;
  readonly digestMismatches: Counter;
  readonly largeRejected: Counter;
  readonly staleDropped: Counter;
  readonly throttledOps: Counter;
  readonly throttleWaits: Counter;
  readonly throttleTime: Summary;
  readonly tokenDeficit: Summary;
  /** Requests that quotas refused, by the first name of their path: one that has a quota. */
  readonly quotaRefusals: Map<string, number> = new Map();
  readonly readLatency: Summary;
  readonly updateLatency: Summary;
  readonly nodeCreatedWatches: Summary;
  readonly nodeDeletedWatches: Summary;
  readonly nodeChangedWatches: Summary;
  readonly nodeChildrenWatches: Summary;

  constructor(metrics: Metrics, warnings: RequestWarnings) {
    this.#warnings = warnings;
    const count = (name: string, help: string): Counter => metrics.counter(name, help);
    const sum = (name: string, help: string): Summary => metrics.summary(name, help);
    this.connectionRequests = count("connection_request_count", "Handshakes received");
    this.connectionsDropped = count("connection_drop_count", "Client connections closed");
    this.connectionsRejected = count("connection_rejected", "Connections above a limit");
    this.sessionlessExpired = count(
      "sessionless_connections_expired",
      "Connections closed for want of a handshake",
    );
    this.revalidations = count("connection_revalidate_count", "Sessions that reconnected");
    this.bytesReceived = count("bytes_received_count", "Bytes received from clients");
    this.responseBytes = count("response_bytes", "Bytes of answers to clients");
    this.watchBytes = count("watch_bytes", "Bytes of notifications to clients");
    this.authFailed = count("auth_failed_count", "Auth packets refused");
    this.createsRefused = count("creates_refused_count", "Creates refused for want of memory");
    this.commits = count("commit_count", "Transactions applied");
    this.digestMismatches = count(
      "digest_mismatches_count",
      "Transactions after which the tree's digest was not the one announced",
    );
    this.largeRejected = count("large_requests_rejected", "Large requests above their limit");
    this.staleDropped = count("stale_requests_dropped", "Writes dropped since nobody waited");
    this.throttledOps = count("throttled_ops", "Writes refused since they had waited too long");
    this.throttleWaits = count("request_throttle_wait_count", "Writes that had to wait");
    this.throttleTime = sum("request_throttle_queue_time_ms", "Time that such writes waited, ms");
    this.tokenDeficit = sum("connection_token_deficit", "Tokens in use at each handshake");
    this.readLatency = sum("readlatency", "Time from a read's arrival to its answer, ms");
    this.updateLatency = sum("updatelatency", "Time from a write's arrival to its answer, ms");
    this.nodeCreatedWatches = sum("node_created_watch_count", "Watchers told of a creation");
    this.nodeDeletedWatches = sum("node_deleted_watch_count", "Watchers told of a deletion");
    this.nodeChangedWatches = sum("node_changed_watch_count", "Watchers told of new data");
    this.nodeChildrenWatches = sum(
      "node_children_watch_count",
      "Watchers told of changed children",
    );
  }

  /** A connection was let in. */
  accepted({ address, secure }: Peer): void {
    if (secure) return;
    if (LOCAL.test(address)) this.plainConnections.local += 1;
    else this.plainConnections.remote += 1;
  }

  /** Some requests of a connection took so long. */
  took(connection: ClientConnection, ms: number, times: number): void {
    this.latency.add(ms, times);
    if (ms > this.#warnings.slowMs) this.#warnings.slow(connection, ms, times);
  }

  /** A notification went out. @param frameBytes with the length that stands before it. */
  notified(frameBytes: number): void {
    this.packetsSent += 1;
    this.watchBytes.value += frameBytes - FRAME_LENGTH_BYTES;
  }

  /** A reply went out to a connection. @param frameBytes with the length that stands before it. */
  responded(connection: ClientConnection, frameBytes: number): void {
    const sizeBytes = frameBytes - FRAME_LENGTH_BYTES;
    if (sizeBytes > this.#warnings.largeBytes) this.#warnings.large(connection, sizeBytes);
    this.responseBytes.value += sizeBytes;
    const sizes = this.#responses;
    sizes.last = sizeBytes;
    if (sizes.min === -1 || sizeBytes < sizes.min) sizes.min = sizeBytes;
    if (sizeBytes > sizes.max) sizes.max = sizeBytes;
  }

  /** The hard limit of a quota was in the way of a change at `path`. */
  quotaRefused(path: string): void {
    const namespace = path.split("/")[1] ?? "";
    this.quotaRefusals.set(namespace, (this.quotaRefusals.get(namespace) ?? 0) + 1);
  }

  get responseSizes(): Sizes {
    return { ...this.#responses };
  }

  /** Everything but what is under way starts from 0. */
  reset(): void {
    this.packetsReceived = 0;
    this.packetsSent = 0;
    this.latency.reset();
    Object.assign(this.#responses, { last: -1, min: -1, max: -1 });
    this.quotaRefusals.clear();
  }
}
