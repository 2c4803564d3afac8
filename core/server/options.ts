import { type Token, token } from "../contracts/token.ts";
import { FRAME_BYTES_MAX } from "../wire/frame.ts";
import { CONNECTION_THROTTLE, type ConnectionThrottleOptions } from "./connection_throttle.ts";
import { nearest } from "./nearest.ts";
import { REQUEST_THROTTLE, type RequestThrottleOptions } from "./request_throttle.ts";

/** Settings of one server; names are `zoo.cfg`'s with their unit, defaults are Apache's. */
export interface ServerOptions {
  /** Basic unit of time in ms, above 0; session expiry is rounded up to it. Default 3000. */
  readonly tickTimeMs: number;
  /** Least session time-out granted, ms; -1 is 2 ticks. Default -1. */
  readonly minSessionTimeoutMs: number;
  /** Greatest session time-out granted, ms; -1 is 20 ticks. Default -1. */
  readonly maxSessionTimeoutMs: number;
  /** Connections from one IP address; 0 is no limit. Default 60. */
  readonly maxClientCnxns: number;
  /** Connections in all; 0 is no limit. Default 0. */
  readonly maxCnxns: number;
  /** Requests under way at which connections that have some are read no further. Default 10000. */
  readonly globalOutstandingLimit: number;
  /** How fast new connections may come. Default: as they like. */
  readonly connectionThrottle: ConnectionThrottleOptions;
  /** How many writes may be under way before others wait. Default: as many as come. */
  readonly requestThrottle: RequestThrottleOptions;
  /** Size above which a write is large, bytes; -1 is never (`largeRequestThreshold`). */
  readonly largeRequestBytes: number;
  /**
   * Bytes of requests under way above which a large one closes its connection
   * (`largeRequestMaxBytes`). Default 100 MiB.
   */
  readonly largeRequestBytesMax: number;
  /** Time to append to the log above which a warning is due, ms; 0 is never. Default 1000. */
  readonly fsyncWarningMs: number;
  /** Time for a request above which a warning is due, ms; 0 is never. Default 1000. */
  readonly requestWarningMs: number;
  /** Longest frame accepted, bytes (`jute.maxbuffer`). Default 1,048,575. */
  readonly frameBytesMax: number;
  /** Time for a new connection to send its handshake, ms. Default 10000. */
  readonly sessionlessTimeoutMs: number;
  /** Top byte of session ids, 0 to 255; 1 for a server that stands alone. */
  readonly serverId: number;
  /** TTL znodes. Default false, as in Apache. */
  readonly extendedTypesEnabled: boolean;
  /** Hard quotas refuse. Default false. */
  readonly enforceQuota: boolean;
  /**
   * What a server that stands alone, and so has no members to change, answers to a `reconfig`:
   * `Unimplemented` as Apache's, or else `ReconfigDisabled`. Ensembles go by `zab`. Default false.
   */
  readonly reconfigEnabled: boolean;
  /** No permission is ever checked. Default false. */
  readonly skipAcl: boolean;
  /** Schemes of which a connection must have an identity; empty is no such rule. */
  readonly enforceAuthSchemes: readonly string[];
  /** A failed SASL login leaves the connection open, unless `sasl` is enforced. Default false. */
  readonly allowSaslFailedClients: boolean;
  /** Sessions live on one server until they need more. Default false. */
  readonly localSessionsEnabled: boolean;
  /** A local session becomes global at its first ephemeral znode. Default false. */
  readonly localSessionsUpgradingEnabled: boolean;
  /** Time between two looks for containers and TTL znodes to remove, ms. Default 60000. */
  readonly containerCheckIntervalMs: number;
  /** Removals a minute at most. Default 10000. */
  readonly containerMaxPerMinute: number;
  /** Age at which a container that never had a child is removed, ms; 0 is never. Default 0. */
  readonly containerMaxNeverUsedIntervalMs: number;
  /** Transactions between two checkpoints, at least 2. Default 500000. */
  readonly snapCount: number;
  /** Unsent bytes at which a connection that still gets watch events is closed. Default 16 MiB. */
  readonly unsentBytesMax: number;
  /** Memory for the tree at which creates are refused, bytes. Default 4 GiB. */
  readonly treeBytesMax: number;
}

/**
 * Single; the kernel fills it with what `createServer` was given, so that plugins agree with it.
 */
export const SERVER_OPTIONS: Token<ServerOptions> = token("server-options");

/** What applies where nothing is said. */
export const DEFAULT_OPTIONS: ServerOptions = {
  tickTimeMs: 3000,
  minSessionTimeoutMs: -1,
  maxSessionTimeoutMs: -1,
  maxClientCnxns: 60,
  maxCnxns: 0,
  globalOutstandingLimit: 10_000,
  connectionThrottle: CONNECTION_THROTTLE,
  requestThrottle: REQUEST_THROTTLE,
  largeRequestBytes: -1,
  largeRequestBytesMax: 100 * 1024 * 1024,
  fsyncWarningMs: 1000,
  requestWarningMs: 1000,
  frameBytesMax: FRAME_BYTES_MAX,
  sessionlessTimeoutMs: 10_000,
  serverId: 1,
  extendedTypesEnabled: false,
  enforceQuota: false,
  reconfigEnabled: false,
  skipAcl: false,
  enforceAuthSchemes: [],
  allowSaslFailedClients: false,
  localSessionsEnabled: false,
  localSessionsUpgradingEnabled: false,
  containerCheckIntervalMs: 60_000,
  containerMaxPerMinute: 10_000,
  containerMaxNeverUsedIntervalMs: 0,
  snapCount: 500_000,
  unsentBytesMax: 16 * 1024 * 1024,
  treeBytesMax: 4 * 1024 * 1024 * 1024,
};

/**
 * Fills in what is not given and checks the rest.
 *
 * @throws {RangeError} naming the option and the value, or an option that there is not.
 */
export function resolveOptions(given: Partial<ServerOptions>): ServerOptions {
  demandKnown(given);
  const options = { ...DEFAULT_OPTIONS, ...given };
  const demand = (holds: boolean, name: keyof ServerOptions, rule: string): void => {
    if (!holds) throw new RangeError(`${name} must be ${rule}, not ${String(options[name])}`);
  };
  demand(options.tickTimeMs > 0, "tickTimeMs", "above 0");
  demand(options.frameBytesMax >= 1024, "frameBytesMax", "at least 1024");
  demand(options.serverId >= 0 && options.serverId <= 255, "serverId", "from 0 to 255");
  demand(options.snapCount >= 2, "snapCount", "at least 2");
  demand(options.globalOutstandingLimit >= 1, "globalOutstandingLimit", "at least 1");
  demand(options.containerCheckIntervalMs > 0, "containerCheckIntervalMs", "above 0");
  demand(options.containerMaxPerMinute > 0, "containerMaxPerMinute", "above 0");
  demandThrottles(options);
  const min = sessionTimeoutMin(options);
  demand(sessionTimeoutMax(options) >= min, "maxSessionTimeoutMs", `at least ${min}`);
  return options;
}

/** A name that nobody reads would be a setting that is not in force. */
function demandKnown(given: object): void {
  const known = Object.keys(DEFAULT_OPTIONS);
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const guess = nearest(name, [...known, "plugins"]);
    const hint = guess === undefined ? "" : `; did you mean ${guess}?`;
    throw new RangeError(`unknown option ${name}${hint}`);
  }
}

function demandThrottles({ connectionThrottle, requestThrottle }: ServerOptions): void {
  const demand = (name: string, value: number, min: number): void => {
    if (!(value >= min)) throw new RangeError(`${name} must be at least ${min}, not ${value}`);
  };
  const { tokens, fillTimeMs, fillCount, globalWeight, renewWeight } = connectionThrottle;
  demand("connectionThrottle.tokens", tokens, 0);
  demand("connectionThrottle.fillTimeMs", fillTimeMs, 1);
  demand("connectionThrottle.fillCount", fillCount, 1);
  demand("connectionThrottle.globalWeight", globalWeight, 1);
  demand("connectionThrottle.renewWeight", renewWeight, 1);
  demand("connectionThrottle.localWeight", connectionThrottle.localWeight, 1);
  demand("requestThrottle.maxRequests", requestThrottle.maxRequests, 0);
  demand("requestThrottle.stallTimeMs", requestThrottle.stallTimeMs, 1);
}

/** The least time-out a session gets, ms. */
export function sessionTimeoutMin(options: ServerOptions): number {
  return options.minSessionTimeoutMs === -1 ? 2 * options.tickTimeMs : options.minSessionTimeoutMs;
}

/** The greatest time-out a session gets, ms. */
export function sessionTimeoutMax(options: ServerOptions): number {
  return options.maxSessionTimeoutMs === -1 ? 20 * options.tickTimeMs : options.maxSessionTimeoutMs;
}
