import {
  CONNECTION_THROTTLE,
  type ConnectionThrottleOptions,
} from "../../core/server/connection_throttle.ts";
import {
  REQUEST_THROTTLE,
  type RequestThrottleOptions,
} from "../../core/server/request_throttle.ts";
import { type ConfigKey, key } from "./config_key.ts";
import type { ServerConfig } from "./server_config.ts";
import { FLAG, fraction, whole } from "./values.ts";

const INT_MAX = 0x7fff_ffff;

function connections(
  { options }: ServerConfig,
  change: Partial<ConnectionThrottleOptions>,
): ConnectionThrottleOptions {
  return (options.connectionThrottle = {
    ...(options.connectionThrottle ?? CONNECTION_THROTTLE),
    ...change,
  });
}

function requests(
  { options }: ServerConfig,
  change: Partial<RequestThrottleOptions>,
): RequestThrottleOptions {
  return (options.requestThrottle = {
    ...(options.requestThrottle ?? REQUEST_THROTTLE),
    ...change,
  });
}

/** A key of the throttle for handshakes that is a whole number. */
function count(
  name: string,
  min: number,
  field:
    | "tokens"
    | "fillTimeMs"
    | "fillCount"
    | "freezeTimeMs"
    | `${"global" | "local" | "renew"}Weight`,
  help: string,
): ConfigKey {
  const fallback = String(CONNECTION_THROTTLE[field]);
  const set = (config: ServerConfig, value: number): void => {
    connections(config, { [field]: value });
  };
  return key(`connection_throttle_${name}`, whole(min, INT_MAX), set, { help, fallback });
}

function share(
  name: string,
  field: "dropIncrease" | "dropDecrease" | "decreaseRatio",
  help: string,
): ConfigKey {
  const fallback = String(CONNECTION_THROTTLE[field]);
  const set = (config: ServerConfig, value: number): void => {
    connections(config, { [field]: value });
  };
  return key(`connection_throttle_${name}`, fraction(0, 1), set, { help, fallback });
}

/** Keys of what slows clients down. */
export const THROTTLES: readonly ConfigKey[] = [
  count("tokens", 0, "tokens", "handshakes that may come at once; 0 is no throttle"),
  count("fill_time", 1, "fillTimeMs", "time in which `fill_count` tokens come back, ms"),
  count("fill_count", 1, "fillCount", "tokens that come back in `fill_time`"),
  count(
    "freeze_time",
    -1,
    "freezeTimeMs",
    "time between two changes of the chance to be turned away at random, ms; -1 is no such chance",
  ),
  share("drop_increase", "dropIncrease", "what the chance grows by while no token is left"),
  share("drop_decrease", "dropDecrease", "what it shrinks by while few tokens are in use"),
  share("decrease_ratio", "decreaseRatio", "share of tokens in use that is few"),
  key(
    "connection_throttle_weight_enabled",
    FLAG,
    (config, value) => connections(config, { isWeighed: value }),
    { help: "whether handshakes need tokens by their kind", fallback: "false" },
  ),
  count("global_session_weight", 1, "globalWeight", "tokens for a new session"),
  count("renew_session_weight", 1, "renewWeight", "tokens for a session that comes back"),
  count("local_session_weight", 1, "localWeight", "tokens for a new local session"),
  key(
    "request_throttle_max_requests",
    whole(0, INT_MAX),
    (config, value) => requests(config, { maxRequests: value }),
    { help: "requests under way at which writes wait; 0 is no throttle", fallback: "0" },
  ),
  key(
    "request_throttle_stall_time",
    whole(1, INT_MAX),
    (config, value) => requests(config, { stallTimeMs: value }),
    { help: "time between two looks at those that wait, ms", fallback: "100" },
  ),
  key(
    "request_throttle_drop_stale",
    FLAG,
    (config, value) => requests(config, { dropStale: value }),
    {
      help: "whether those are dropped whose connection is gone or session would be",
      fallback: "true",
    },
  ),
  key(
    "throttled_op_wait_time",
    whole(0, INT_MAX),
    (config, value) => requests(config, { waitMsMax: value }),
    { help: "wait at which they are refused with `ThrottledOp`, ms; 0 is never", fallback: "0" },
  ),
  key(
    "largeRequestThreshold",
    whole(-1, INT_MAX),
    ({ options }, value) => (options.largeRequestBytes = value === 0 ? -1 : value),
    { help: "size above which a write is large, bytes; -1 is never", fallback: "-1" },
  ),
  key(
    "largeRequestMaxBytes",
    whole(1, INT_MAX),
    ({ options }, value) => (options.largeRequestBytesMax = value),
    {
      help: "bytes of requests under way above which a large one closes its connection",
      fallback: "104857600",
    },
  ),
];
