import type { Plugin } from "../core/kernel/plugin.ts";
import { fourLetterWords, prometheusMetrics } from "../plugins/admin/mod.ts";
import { digestAuth, ipAuth, saslDigestMd5 } from "../plugins/auth/mod.ts";
import { plainMetrics } from "../plugins/metrics/mod.ts";
import { bucketSessions } from "../plugins/sessions/mod.ts";
import { standalone } from "../plugins/standalone/mod.ts";
import type { LogLevel } from "../plugins/system/mod.ts";
import { systemClock, systemEntropy } from "../plugins/system/mod.ts";
import { pinoLogger } from "../plugins/system/pino_logger.ts";
import { memoryStorage } from "../storage/memory/mod.ts";
import { sqliteStorage } from "../storage/sqlite/mod.ts";
import { tcpTransport } from "../transports/tcp/mod.ts";
import { ConfigError, type ServerConfig } from "./config/server_config.ts";

/**
 * The plugins of a server with this configuration.
 *
 * @throws {ConfigError} when a plugin refuses its settings.
 */
export function composePlugins(config: ServerConfig, logLevel: LogLevel): Plugin[] {
  return [
    systemClock(),
    systemEntropy(),
    pinoLogger({ level: logLevel }),
    plainMetrics(),
    bucketSessions(),
    config.dataDir === undefined ? memoryStorage() : sqliteStorage({ path: config.dataDir }),
    standalone(),
    tcpTransport({
      host: config.host,
      port: config.port,
      backlog: config.listenBacklog === -1 ? undefined : config.listenBacklog,
    }),
    ipAuth(),
    ...(config.digest.enabled ? [digest(config)] : []),
    ...sasl(config),
    fourLetterWords({
      whitelist: config.fourLetterWords,
      readOnlyModeEnabled: config.readOnlyModeEnabled,
      dataDir: config.dataDir ?? "",
      clientPortListenBacklog: config.listenBacklog,
    }),
    ...(config.metrics.enabled ? [metrics(config)] : []),
  ];
}

function metrics({ host, metrics: { port, processMetrics, ...own } }: ServerConfig): Plugin {
  return prometheusMetrics({ host: own.host ?? host ?? "0.0.0.0", port, processMetrics });
}

function sasl({ sasl: { file, users, superUsers, superPassword } }: ServerConfig): Plugin[] {
  if (file === undefined && superPassword === undefined) return [];
  return [saslDigestMd5({ users, superUsers: [...superUsers.values()], superPassword })];
}

function digest({ digest: { algorithm, superDigest } }: ServerConfig): Plugin {
  try {
    return digestAuth({ algorithm, ...(superDigest === undefined ? {} : { superDigest }) });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ConfigError(
      [`DigestAuthenticationProvider.digestAlg: ${cause.message}; SHA1 and SHA-256 are common`],
      { cause },
    );
  }
}
