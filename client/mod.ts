/**
 * A client for ZooKeeper's protocol: for Zookit's servers and Apache's, on Node, Deno, Bun and,
 * over WebSocket, in browsers.
 *
 * ```ts
 * import { createServer, essentials, memoryStorage, tcpTransport } from "zookit";
 * import { connect, ZkError } from "zookit/client";
 *
 * const tcp = tcpTransport({ port: 0, host: "127.0.0.1" });
 * await using server = createServer({ plugins: [...essentials(), memoryStorage(), tcp] });
 * await server.start();
 *
 * await using zk = await connect({ servers: server.addresses });
 * await zk.create("/greeting", "hello");
 * const { data, stat } = await zk.getData("/greeting");
 * console.log(new TextDecoder().decode(data ?? undefined), stat.version);
 * try {
 *   await zk.create("/greeting");
 * } catch (error) {
 *   if (!(error instanceof ZkError && error.kind === "NodeExists")) throw error;
 * }
 * ```
 *
 * @module
 */
export { type ErrorName, ZkError } from "../core/errors/zk_error.ts";
export { PERMS } from "../core/wire/opcodes.ts";
export { type Acl, type Id, OPEN_ACL, READ_ACL, type Stat } from "../core/wire/records.ts";
export type { Zxid } from "../core/wire/zxid.ts";
export { type AddWatchOptions, connect, type WatchType, ZooKeeperClient } from "./client.ts";
export type { LastingWatch } from "./lasting_watches.ts";
export type { TreeEvent, TreeNode } from "./live_tree.ts";
export {
  MultiError,
  type ReadOperation,
  type ReadResult,
  type WriteOperation,
  type WriteResult,
} from "./multi.ts";
export type {
  ChildrenResult,
  CreateMode,
  CreateSettings,
  Data,
  DataResult,
} from "./operations.ts";
export type { AuthInfo, ClientOptions, SessionTicket } from "./options.ts";
export type { ConfigResult, ReconfigSettings } from "./reconfig.ts";
export {
  type AclResult,
  type CallOptions,
  ClientRequests,
  type CreateOptions,
  type CreateResult,
  type VersionOptions,
  type WatchOptions,
} from "./requests.ts";
export type { SaslCredentials } from "./sasl.ts";
export type { ClientState, ClientStatus } from "./state.ts";
export { CONSOLE_LOGGER, SYSTEM_CLOCK, SYSTEM_ENTROPY } from "./system.ts";
export { tcpDialer } from "./transports/tcp.ts";
export { type ClientTlsOptions, tlsDialer } from "./transports/tls.ts";
export { webSocketDialer } from "./transports/websocket.ts";
export type { WatchEvent, WatchEventType, WatchListener } from "./watch_table.ts";
