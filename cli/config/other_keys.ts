/** Keys of Apache ZooKeeper that have no meaning here, and why. `*` stands for anything. */
export interface OtherKeys {
  readonly reason: string;
  readonly names: readonly string[];
}

/** Read, named in one warning, and otherwise without effect. */
export const NOT_APPLICABLE: readonly OtherKeys[] = [
  {
    reason: "members of an ensemble have no such setting here",
    names: [
      "connectToLearnerMasterLimit",
      "electionAlg",
      "observerMasterPort",
      "syncEnabled",
      "quorumListenOnAllIPs",
      "cnxTimeout",
      "leaderServes",
      "leader.*",
      "quorum.*",
      "electionPortBindRetry",
      "learner.*",
      "maxTimeToWaitForEpoch",
      "multiAddress.*",
      "tcpKeepAlive",
      "fastleader.*",
      "forceSync",
      "ensembleAuthName",
      "commitProcessor.*",
      "retainZKDatabase",
      "skipLearnerRequestToNextProcessor.*",
      "kerberos.*",
    ],
  },
  {
    reason: "clients check the name of the server, not it theirs",
    names: ["ssl.hostnameVerification", "ssl.allowReverseDnsLookup"],
  },
  {
    reason: "a handshake has as long as nio.sessionlessCnxnTimeout",
    names: ["ssl.handshakeDetectionTimeoutMillis"],
  },
  {
    reason: "a handshake between servers has 5 s",
    names: ["ssl.quorum.handshakeDetectionTimeoutMillis"],
  },
  {
    reason: "TLS here has no such setting",
    names: ["ssl.*", "fips-mode", "netty.*"],
  },
  {
    reason: "SASL is DIGEST-MD5 with the users of java.security.auth.login.config",
    names: ["sasl.*", "SASLAuthenticationProvider.*"],
  },
  {
    reason: "providers are given to createServer as plugins",
    names: ["authProvider.*", "serverCnxnFactory", "DataTree.*"],
  },
  {
    reason: "the admin HTTP server has no such setting, and there is no JMX",
    names: ["admin.*", "jmx.*"],
  },
  {
    reason: "the audit log has one form",
    names: ["audit.*", "auditlog.*"],
  },
  {
    reason: "the log and the tree are SQLite databases of their own making",
    names: [
      "autopurge.*",
      "preAllocSize",
      "snapSizeLimitInKb",
      "txnLogSizeLimitInKb",
      "fsync.*",
      "snapshot.*",
      "snapshotSizeFactor",
      "datadir.*",
      "digest.enabled",
      "closeSessionTxn.enabled",
      "serializeLastProcessedZxid.enabled",
      "test.*",
    ],
  },
  {
    reason: "this server works another way",
    names: [
      "advancedFlowControlEnabled",
      "request_throttler.*",
      "intBufferStartingSizeBytes",
      "maxResponseCacheSize",
      "maxGetChildrenResponseCacheSize",
      "watchManagerName",
      "watcherThreadShutdown*",
      "watcherCleanThreadsNum",
      "watcherCleanThreshold",
      "watcherCleanIntervalInSeconds",
      "maxInProcessingDeadWatchers",
      "bitHashCacheSize",
      "nio.*",
      "jvm.pause.*",
      "emulate353TTLNodes",
      "enableEagerACLCheck",
      "flushDelay",
      "maxWriteQueuePollTime",
      "warningIfSyncProcessor*",
      "messageTracker.*",
      "metricsProvider.*",
      "log.*",
      "tracelog.*",
      "root.logger",
      "console.threshold",
    ],
  },
];

/** Refused: to go on without them would not be what was asked for. */
export const REFUSED: readonly OtherKeys[] = [
  {
    reason: "TLS here cannot be narrowed down so: leave it out",
    names: [
      "ssl.crl",
      "ssl.ocsp",
      "ssl.clientHostnameVerification",
      "ssl.context.supplier.class",
      "ssl.quorum.crl",
      "ssl.quorum.ocsp",
      "ssl.quorum.context.supplier.class",
    ],
  },
  {
    reason: "servers know one another by certificates (sslQuorum), not by SASL: leave it out",
    names: [
      "quorum.auth.enableSasl",
      "quorum.auth.learnerRequireSasl",
      "quorum.auth.serverRequireSasl",
    ],
  },
];

/** The reason for which a key stands in one of the lists. */
export function reasonFor(key: string, lists: readonly OtherKeys[]): string | undefined {
  return lists.find(({ names }) => names.some((name) => matchesName(key, name)))?.reason;
}

function matchesName(key: string, name: string): boolean {
  return name.endsWith("*") ? key.startsWith(name.slice(0, -1)) : key === name;
}
