import { type ConfigKey, key } from "./config_key.ts";
import { ENSEMBLE } from "./ensemble_keys.ts";
import { ADMIN, AUDIT, WARNINGS } from "./operator_keys.ts";
import type { ServerConfig } from "./server_config.ts";
import { THROTTLES } from "./throttle_keys.ts";
import { PEER_TLS, TLS } from "./tls_keys.ts";
import { FLAG, LIST, oneOf, TEXT, whole, YES_NO } from "./values.ts";

const INT_MAX = 0x7fff_ffff;
const PROMETHEUS = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";
const NO_METRICS = [
  "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
  "org.apache.zookeeper.metrics.impl.NullMetricsProvider",
] as const;

const PLACES: readonly ConfigKey[] = [
  key("clientPort", whole(0, 65_535), (config, value) => (config.port = value), {
    help: "port for clients; 0 lets the system choose one, which the ready line names",
    fallback: "2181",
  }),
  key("clientPortAddress", TEXT, (config, value) => (config.host = value), {
    help: "address to listen on; `0.0.0.0` and `::` stand for all",
    fallback: "127.0.0.1; all addresses where a zoo.cfg is given",
  }),
  key("clientPortListenBacklog", whole(-1, INT_MAX), (c, value) => (c.listenBacklog = value), {
    help: "connections that may wait to be accepted; -1 is the system's choice",
    fallback: "-1",
  }),
  key("dataDir", TEXT, (config, value) => (config.dataDir = value), {
    help: "folder of the database; made when it is not there",
    fallback: "./zookit-data",
  }),
  key("dataLogDir", TEXT, (config, value) => (config.dataLogDir = value), {
    help: "folder of the log, where Apache ZooKeeper's files are used; SQLite's stay together",
    fallback: "as dataDir",
  }),
];

const TIMES: readonly ConfigKey[] = [
  key("tickTime", whole(1, INT_MAX), (config, value) => (config.options.tickTimeMs = value), {
    help: "basic unit of time, ms; sessions expire at multiples of it",
    fallback: "3000",
  }),
  key(
    "minSessionTimeout",
    whole(-1, INT_MAX),
    (config, value) => (config.options.minSessionTimeoutMs = value),
    { help: "least session time-out that clients get, ms; -1 is 2 ticks", fallback: "-1" },
  ),
  key(
    "maxSessionTimeout",
    whole(-1, INT_MAX),
    (config, value) => (config.options.maxSessionTimeoutMs = value),
    { help: "greatest session time-out that clients get, ms; -1 is 20 ticks", fallback: "-1" },
  ),
  key(
    "nio.sessionlessCnxnTimeout",
    whole(1, INT_MAX),
    (config, value) => (config.options.sessionlessTimeoutMs = value),
    { help: "time for a new connection to begin a session, ms", fallback: "10000" },
  ),
  key(
    "znode.container.checkIntervalMs",
    whole(1, INT_MAX),
    (config, value) => (config.options.containerCheckIntervalMs = value),
    {
      help: "time between two looks for empty containers and stale TTL znodes, ms",
      fallback: "60000",
    },
  ),
  key(
    "znode.container.maxPerMinute",
    whole(1, INT_MAX),
    (config, value) => (config.options.containerMaxPerMinute = value),
    { help: "containers and TTL znodes removed in a minute at most", fallback: "10000" },
  ),
  key(
    "znode.container.maxNeverUsedIntervalMs",
    whole(0),
    (config, value) => (config.options.containerMaxNeverUsedIntervalMs = value),
    { help: "age at which a container that never had a child goes, ms; 0 is never", fallback: "0" },
  ),
];

const LIMITS: readonly ConfigKey[] = [
  key(
    "maxClientCnxns",
    whole(0, INT_MAX),
    (config, value) => (config.options.maxClientCnxns = value),
    { help: "connections from one address; 0 is no limit", fallback: "60" },
  ),
  key("maxCnxns", whole(0, INT_MAX), (config, value) => (config.options.maxCnxns = value), {
    help: "connections in all; 0 is no limit",
    fallback: "0",
  }),
  key(
    "globalOutstandingLimit",
    whole(1, INT_MAX),
    (config, value) => (config.options.globalOutstandingLimit = value),
    { help: "requests under way above which busy connections are not read", fallback: "10000" },
  ),
  key(
    "jute.maxbuffer",
    whole(1_024, INT_MAX),
    (config, value) => (config.options.frameBytesMax = value),
    { help: "longest request, bytes", fallback: "1048575" },
  ),
  key("snapCount", whole(2, INT_MAX), (config, value) => (config.options.snapCount = value), {
    help: "transactions between two checkpoints",
    fallback: "500000",
  }),
];

const BEHAVIOUR: readonly ConfigKey[] = [
  key("skipACL", YES_NO, (config, value) => (config.options.skipAcl = value), {
    help: "whether permissions are left unchecked",
    fallback: "no",
  }),
  key(
    "extendedTypesEnabled",
    FLAG,
    (config, value) => (config.options.extendedTypesEnabled = value),
    { help: "whether clients may create TTL znodes", fallback: "false" },
  ),
  key("enforceQuota", FLAG, (config, value) => (config.options.enforceQuota = value), {
    help: "whether hard quotas refuse writes",
    fallback: "false",
  }),
  key(
    "localSessionsEnabled",
    FLAG,
    (config, value) => (config.options.localSessionsEnabled = value),
    { help: "whether sessions begin on one server only", fallback: "false" },
  ),
  key(
    "localSessionsUpgradingEnabled",
    FLAG,
    (config, value) => (config.options.localSessionsUpgradingEnabled = value),
    {
      help: "whether a local session becomes global at its first ephemeral znode",
      fallback: "false",
    },
  ),
  key("readonlymode.enabled", FLAG, (config, value) => (config.readOnlyModeEnabled = value), {
    help: "whether a member without quorum serves reads to clients that ask for it; enables `isro`",
    fallback: "false",
  }),
  key("4lw.commands.whitelist", LIST, (config, value) => (config.fourLetterWords = value), {
    help: "four-letter words that are answered, `*` for all; `srvr` always is",
    fallback: "srvr",
  }),
];

const IDENTITY: readonly ConfigKey[] = [
  key(
    "DigestAuthenticationProvider.enabled",
    FLAG,
    (config, value) => (config.digest.enabled = value),
    { help: "whether clients may log in by user and password", fallback: "true" },
  ),
  key(
    "DigestAuthenticationProvider.superDigest",
    TEXT,
    (config, value) => (config.digest.superDigest = value),
    { help: "`user:base64(hash(user:password))` of who may do anything", fallback: "nobody" },
  ),
  key(
    "DigestAuthenticationProvider.digestAlg",
    TEXT,
    (config, value) => (config.digest.algorithm = value),
    { help: "hash of user and password: SHA1, SHA-256, SHA3-256 and the like", fallback: "SHA1" },
  ),
  key("enforce.auth.enabled", FLAG, (config, value) => (config.enforceAuth.enabled = value), {
    help: "whether a connection must have logged in before anything else",
    fallback: "false",
  }),
  key("enforce.auth.schemes", LIST, (config, value) => (config.enforceAuth.schemes = value), {
    help: "schemes that count as logged in",
    fallback: "none",
  }),
];

const superUser = (config: ServerConfig, user: string, written: string): void => {
  config.sasl.superUsers.set(written, user);
};

const SASL: readonly ConfigKey[] = [
  key("java.security.auth.login.config", TEXT, (config, value) => (config.sasl.file = value), {
    help: "Java login configuration with the users of SASL DIGEST-MD5, for all of them to log in",
    fallback: "none",
  }),
  key("sasl.serverconfig", TEXT, (config, value) => (config.sasl.section = value), {
    help: "its section that names the users",
    fallback: "Server",
  }),
  key("superUser", TEXT, superUser, {
    help: "user of SASL who may do anything",
    fallback: "nobody",
  }),
  key("superUser.n", TEXT, superUser, {
    help: "more of them, each with a name of its own in place of `n`",
    fallback: "nobody",
  }),
  key(
    "SASLAuthenticationProvider.superPassword",
    TEXT,
    (config, value) => (config.sasl.superPassword = value),
    { help: "password of the user `super`", fallback: "none" },
  ),
  key(
    "allowSaslFailedClients",
    FLAG,
    (config, value) => (config.options.allowSaslFailedClients = value),
    { help: "whether a client may stay, as nobody, when its SASL login failed", fallback: "false" },
  ),
  key("letAnySaslUserDoX", TEXT, (config, value) => (config.sasl.anyUser = value), {
    help: "id of ACLs, `sasl:<it>`, that means whoever has logged in by SASL",
    fallback: "none",
  }),
  key("sessionRequireClientSASLAuth", FLAG, (config, value) => (config.sasl.required = value), {
    help: "whether a connection must have logged in by SASL before anything else",
    fallback: "false",
  }),
];

const METRICS: readonly ConfigKey[] = [
  key(
    "metricsProvider.className",
    oneOf(PROMETHEUS, ...NO_METRICS),
    (config, value) => (config.metrics.enabled = value === PROMETHEUS),
    { help: "the Prometheus class opens `/metrics`", fallback: NO_METRICS[0] },
  ),
  key("metricsProvider.httpHost", TEXT, (config, value) => (config.metrics.host = value), {
    help: "address of `/metrics`",
    fallback: "as clientPortAddress",
  }),
  key(
    "metricsProvider.httpPort",
    whole(0, 65_535),
    (config, value) => (config.metrics.port = value),
    { help: "port of `/metrics`; 0 lets the system choose one", fallback: "7000" },
  ),
  key(
    "metricsProvider.exportJvmInfo",
    FLAG,
    (config, value) => (config.metrics.processMetrics = value),
    { help: "whether `/metrics` shows the runtime's own figures too", fallback: "true" },
  ),
];

/** Every key that is honoured, by topic. */
export const CONFIG_KEYS: readonly {
  readonly topic: string;
  readonly keys: readonly ConfigKey[];
}[] = [
  { topic: "Places", keys: PLACES },
  { topic: "Times", keys: TIMES },
  { topic: "Limits", keys: LIMITS },
  { topic: "Throttles", keys: THROTTLES },
  { topic: "Behaviour", keys: BEHAVIOUR },
  { topic: "Identity", keys: IDENTITY },
  { topic: "SASL", keys: SASL },
  { topic: "TLS", keys: TLS },
  { topic: "Ensemble", keys: ENSEMBLE },
  { topic: "TLS between servers", keys: PEER_TLS },
  { topic: "Metrics", keys: METRICS },
  { topic: "Admin HTTP server", keys: ADMIN },
  { topic: "Audit log", keys: AUDIT },
  { topic: "Warnings", keys: WARNINGS },
];
