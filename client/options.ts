import type { Clock } from "../core/contracts/clock.ts";
import type { Entropy } from "../core/contracts/entropy.ts";
import type { Logger } from "../core/contracts/logger.ts";
import type { Dialer } from "../core/contracts/transport.ts";
import { FRAME_BYTES_MAX } from "../core/wire/frame.ts";
import type { SaslCredentials } from "./sasl.ts";
import { parseServers, type ServerEntry } from "./servers.ts";
import { CONSOLE_LOGGER, SYSTEM_CLOCK, SYSTEM_ENTROPY } from "./system.ts";
import type { ClientTlsOptions } from "./transports/tls.ts";

/** An identity to prove: `{ scheme: "digest", data: "user:password" }`. */
export interface AuthInfo {
  readonly scheme: string;
  /** Text is sent as UTF-8. */
  readonly data: string | Uint8Array;
}

/** What is needed to take a session over: from {@link ZooKeeperClient.session}. */
export interface SessionTicket {
  readonly id: bigint;
  /** 16 bytes; whoever has them owns the session. */
  readonly password: Uint8Array;
}

/** How a client finds its servers and behaves. */
export interface ClientOptions {
  /**
   * `"host:port,host:port/chroot"` as every ZooKeeper client takes it, or a list of `host:port`,
   * `tls://host:port`, `ws://` or `wss://` addresses and {@link Dialer}s (for in-process servers).
   * The port is 2181 unless given; IPv6 addresses stand in brackets. Host names are resolved at
   * every attempt.
   */
  readonly servers: string | readonly (string | Dialer)[];
  /**
   * Whom the client trusts and what it shows; with it every `host:port` is dialed by TLS. Without
   * it, `tls://` trusts whom the runtime trusts.
   */
  readonly tls?: ClientTlsOptions;
  /** Prefix of every path, hidden from the caller; the znode must exist before others below it. */
  readonly chroot?: string;
  /** Wanted session time-out in ms, default 10,000; the server may change it within its bounds. */
  readonly timeoutMs?: number;
  /** Identities proved on every connection, before anything else is sent. */
  readonly auth?: readonly AuthInfo[];
  /** Logs in by SASL DIGEST-MD5 on every connection, before that; to be refused is final. */
  readonly sasl?: SaslCredentials;
  /** Accept a server that has lost its quorum and only answers reads; default false. */
  readonly readOnly?: boolean;
  /** Begin a new session when the server says that the old one has expired; default false. */
  readonly renewSession?: boolean;
  /** Requests made without a connection wait for one (default), or fail with `ConnectionLoss`. */
  readonly whileDisconnected?: "wait" | "fail";
  /** Takes over a session instead of beginning one. */
  readonly session?: SessionTicket;
  /** Requests on their way at once, default 1,000; more wait in the client. */
  readonly outstandingMax?: number;
  /** Bytes of requests that may wait in the client, default 64 MiB; more fail: `ThrottledOp`. */
  readonly waitingBytesMax?: number;
  /** Largest request in bytes, default 1,048,575, ZooKeeper's `jute.maxbuffer`. */
  readonly requestBytesMax?: number;
  /** Largest reply in bytes, default 64 MiB; a larger one ends the connection. */
  readonly replyBytesMax?: number;
  /** Longest pause between rounds of connection attempts in ms, default 5,000. */
  readonly reconnectDelayMaxMs?: number;
  readonly clock?: Clock;
  readonly entropy?: Entropy;
  /** Default: warnings and errors on the console. */
  readonly logger?: Logger;
}

/** Options with every default in place. */
export interface Settings {
  readonly servers: readonly ServerEntry[];
  /** "" for none; never ends in a slash. */
  readonly chroot: string;
  readonly timeoutMs: number;
  readonly auth: readonly AuthInfo[];
  readonly sasl: SaslCredentials | undefined;
  readonly readOnly: boolean;
  readonly renewSession: boolean;
  readonly failsFast: boolean;
  readonly session: SessionTicket | undefined;
  readonly outstandingMax: number;
  readonly waitingBytesMax: number;
  readonly requestBytesMax: number;
  readonly replyBytesMax: number;
  readonly reconnectDelayMaxMs: number;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

const MEBIBYTE = 1024 * 1024;

/** @throws {ZkError} `BadArguments` for an empty or malformed server list or chroot. */
export function settle(options: ClientOptions): Settings {
  const { servers, chroot } = parseServers(options.servers, options);
  return {
    servers,
    chroot,
    timeoutMs: options.timeoutMs ?? 10_000,
    auth: options.auth ?? [],
    sasl: options.sasl,
    readOnly: options.readOnly ?? false,
    renewSession: options.renewSession ?? false,
    failsFast: options.whileDisconnected === "fail",
    session: options.session,
    outstandingMax: options.outstandingMax ?? 1_000,
    waitingBytesMax: options.waitingBytesMax ?? 64 * MEBIBYTE,
    requestBytesMax: options.requestBytesMax ?? FRAME_BYTES_MAX,
    replyBytesMax: options.replyBytesMax ?? 64 * MEBIBYTE,
    reconnectDelayMaxMs: options.reconnectDelayMaxMs ?? 5_000,
    clock: options.clock ?? SYSTEM_CLOCK,
    entropy: options.entropy ?? SYSTEM_ENTROPY,
    logger: options.logger ?? CONSOLE_LOGGER,
  };
}
