/**
 * Zookit: a ZooKeeper-compatible coordination server, composed from plugins.
 *
 * ```ts
 * import { createServer, essentials, sqliteStorage, tcpTransport } from "zookit";
 *
 * await using server = createServer({
 *   plugins: [
 *     ...essentials(),
 *     sqliteStorage({ path: "./zookit-data" }),
 *     tcpTransport({ port: 2181, host: "127.0.0.1" }),
 *   ],
 * });
 * await server.start();
 * ```
 *
 * @module
 */
import { type ClientOptions, connect, type ZooKeeperClient } from "./client/mod.ts";
import type { Plugin } from "./core/kernel/plugin.ts";
import { KernelServer, type ServerDefinition } from "./core/kernel/server.ts";
import { digestAuth, ipAuth } from "./plugins/auth/mod.ts";
import { plainMetrics } from "./plugins/metrics/mod.ts";
import { bucketSessions } from "./plugins/sessions/mod.ts";
import { standalone } from "./plugins/standalone/mod.ts";
import { consoleLogger, type LogLevel, systemClock, systemEntropy } from "./plugins/system/mod.ts";
import { MemoryTransport } from "./transports/memory/mod.ts";

export * from "./core/contracts/admin.ts";
export * from "./core/contracts/audit.ts";
export * from "./core/contracts/auth.ts";
export * from "./core/contracts/clock.ts";
export * from "./core/contracts/consensus.ts";
export * from "./core/contracts/entropy.ts";
export * from "./core/contracts/inspection.ts";
export * from "./core/contracts/log_batch.ts";
export * from "./core/contracts/logger.ts";
export * from "./core/contracts/metrics.ts";
export * from "./core/contracts/node_record.ts";
export * from "./core/contracts/peer_network.ts";
export * from "./core/contracts/service.ts";
export * from "./core/contracts/sessions.ts";
export * from "./core/contracts/storage.ts";
export * from "./core/contracts/token.ts";
export * from "./core/contracts/transport.ts";
export * from "./core/errors/zk_error.ts";
export { Container, type TokensFor } from "./core/kernel/container.ts";
export { CompositionError, type Plugin } from "./core/kernel/plugin.ts";
export { KernelServer, type ServerDefinition } from "./core/kernel/server.ts";
export {
  CONNECTION_THROTTLE,
  type ConnectionThrottleOptions,
} from "./core/server/connection_throttle.ts";
export { DEFAULT_OPTIONS, SERVER_OPTIONS, type ServerOptions } from "./core/server/options.ts";
export { REQUEST_THROTTLE, type RequestThrottleOptions } from "./core/server/request_throttle.ts";
export type { ChangeOptions, ChangeStreams, ZnodeChange } from "./core/watch/changes.ts";
export { StreamGapError, StreamOverflowError } from "./core/watch/delivery.ts";
export type { ServerState, SessionEvent } from "./core/watch/state.ts";
export type { Acl, Id, Stat } from "./core/wire/records.ts";
export { SessionId } from "./core/wire/session_id.ts";
export type { Zxid } from "./core/wire/zxid.ts";
export {
  adminServer,
  diskSpaceWatch,
  fourLetterWords,
  prometheusMetrics,
} from "./plugins/admin/mod.ts";
export { auditLog } from "./plugins/audit/mod.ts";
export { digestAuth, ipAuth, saslDigestMd5, x509Auth } from "./plugins/auth/mod.ts";
export { plainMetrics } from "./plugins/metrics/mod.ts";
export { bucketSessions } from "./plugins/sessions/mod.ts";
export { standalone } from "./plugins/standalone/mod.ts";
export { consoleLogger, systemClock, systemEntropy } from "./plugins/system/mod.ts";
export { type ZabSettings, zab } from "./plugins/zab/mod.ts";
export { memoryStorage } from "./storage/memory/mod.ts";
export { sqliteStorage } from "./storage/sqlite/mod.ts";
export { memoryTransport } from "./transports/memory/mod.ts";
export { tcpPeers, tcpTransport, tlsTransport } from "./transports/tcp/mod.ts";
export { webSocketTransport } from "./transports/websocket/mod.ts";

/** A server with a way in for clients of the same process. */
export class Server extends KernelServer {
  /**
   * A client that talks to this server without a socket. The server must be running; stopping it
   * disconnects the client, which is the caller's to close.
   *
   * @throws {ZkError} as `connect` of the client.
   */
  async connect(options: Omit<ClientOptions, "servers"> = {}): Promise<ZooKeeperClient> {
    const transport = new MemoryTransport(this.clock);
    await transport.listen(this.accept);
    return connect({ ...options, servers: [transport], clock: this.clock });
  }
}

/**
 * Composes a server; nothing happens before `start()`.
 *
 * @throws {CompositionError} when plugins are missing, doubled or need each other in a circle.
 * @throws {RangeError} for an option out of bounds, or one that there is not.
 */
export function createServer(definition: ServerDefinition): Server {
  return new Server(definition);
}

/** Settings of {@link essentials}. */
export interface EssentialOptions {
  /** Least level of messages on standard error. Default `info`. */
  readonly logLevel?: LogLevel;
}

/**
 * What nearly every server wants besides a storage and a transport: the system's clock and entropy,
 * messages on standard error, metrics, session expiry, the schemes `ip` and `digest`, and consensus
 * for a server that stands alone. Leave one out with `filter` to put another in its place.
 */
export function essentials(options: EssentialOptions = {}): Plugin[] {
  const { logLevel } = options;
  return [
    systemClock(),
    systemEntropy(),
    consoleLogger(logLevel === undefined ? {} : { level: logLevel }),
    plainMetrics(),
    bucketSessions(),
    ipAuth(),
    digestAuth(),
    standalone(),
  ];
}
